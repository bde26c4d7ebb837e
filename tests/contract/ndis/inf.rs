//! `INF-*`: the keywords, in the file that installs the driver and in what the driver makes of them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use ndkpi_sys::{NDIS_STATUS_NOT_SUPPORTED, OID_GEN_MAXIMUM_TOTAL_SIZE, OID_NDK_SET_STATE};
use ntsim::machine::Keyword;

use super::bench::{Bench, DISABLE, ENABLE, first};
use super::capability::given;
use crate::host::{Checks, requirements};

requirements! {
    "INF-01" inf_01, "the upper range is ndis5";
    "INF-02" inf_02, "*NetworkDirect is an enum of 0 and 1, 1 by default, and the driver obeys it";
    "INF-03" inf_03, "*NetworkDirectTechnology lists what the driver speaks, with a default among it";
    "INF-04" inf_04, "no RoCE, hence no *NetworkDirectRoCEFrameSize, and the driver asks for none";
    "INF-05" inf_05, "*NetworkDirect is read at initialisation and at each SET_STATE TRUE; absent is enabled";
    "INF-06" inf_06, "other keywords are read at initialisation only";
    "INF-07" inf_07, "*NetworkDirectGlobalFlags is neither in the file nor asked for";
}

/// The file as Windows reads it, as far as it matters here: sections of entries, with comments and quotes gone
/// and strings put in.
struct Inf {
    /// By the section's name in lower case: each line split at commas.
    sections: BTreeMap<String, Vec<Vec<String>>>,
}

impl Inf {
    fn read() -> Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../inf/softndk.inx");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut sections: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
        let mut section = String::new();
        for line in text.lines() {
            let line = line.trim();
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name.to_lowercase();
            } else {
                let fields = fields(line);
                if fields.iter().any(|field| !field.is_empty()) {
                    sections.entry(section.clone()).or_default().push(fields);
                }
            }
        }
        Ok(Self { sections })
    }

    /// The value of `name = value` in a section.
    fn entry(&self, section: &str, name: &str) -> Option<String> {
        self.sections.get(&section.to_lowercase())?.iter().find_map(|fields| {
            let (key, value) = fields.first()?.split_once('=')?;
            let mut values = vec![value.trim().to_owned()];
            values.extend(fields.iter().skip(1).cloned());
            (key.trim().eq_ignore_ascii_case(name)).then(|| values.join(","))
        })
    }

    /// The registry values that the install section writes: key below the device's, name, value.
    fn registry(&self) -> Result<Vec<[String; 3]>> {
        let listed = self.entry("SoftNdk.Install.NT", "AddReg").context("AddReg of the install section")?;
        let mut values = Vec::new();
        for section in listed.split(',') {
            let lines = self.sections.get(&section.trim().to_lowercase());
            for line in lines.with_context(|| format!("the section [{section}]"))? {
                if let [root, key, name, _flags, value, ..] = line.as_slice()
                    && root == "HKR"
                {
                    values.push([key.clone(), name.clone(), value.clone()]);
                }
            }
        }
        Ok(values)
    }
}

/// Splits a line at its commas, outside quotes; a semicolon outside quotes begins a comment.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ';' if !quoted => break,
            ',' if !quoted => fields.push(String::new()),
            other => {
                if let Some(last) = fields.last_mut() {
                    last.push(other);
                }
            }
        }
    }
    fields.iter().map(|field| field.trim().to_owned()).collect()
}

/// A keyword of the file: its type and so on by name, and the values of its enum.
struct Described {
    values: BTreeMap<String, String>,
    choices: Vec<String>,
}

fn keyword(name: &str) -> Result<Option<Described>> {
    let (own, choices_key) = (format!(r"Ndi\params\{name}"), format!(r"Ndi\params\{name}\enum"));
    let mut described = Described { values: BTreeMap::new(), choices: Vec::new() };
    for [key, value_name, value] in Inf::read()?.registry()? {
        if key.eq_ignore_ascii_case(&own) {
            described.values.insert(value_name.to_lowercase(), value);
        } else if key.eq_ignore_ascii_case(&choices_key) {
            described.choices.push(value_name);
        }
    }
    Ok((!described.values.is_empty()).then_some(described))
}

impl Described {
    fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }
}

/// The keywords that the adapter has asked for, in lower case.
fn asked(bench: &Bench<'_>) -> Result<Vec<String>> {
    let names = bench.machine().keywords_read(bench.id(0)?)?;
    Ok(names.iter().map(|name| name.to_lowercase()).collect())
}

fn inf_01(checks: &Checks) -> Result<()> {
    let registry = Inf::read()?.registry()?;
    let range: Vec<&str> = registry
        .iter()
        .filter(|[key, name, _]| key.eq_ignore_ascii_case(r"Ndi\Interfaces") && name.eq_ignore_ascii_case("UpperRange"))
        .map(|[_, _, value]| value.as_str())
        .collect();
    checks.equal(range, vec!["ndis5"], "UpperRange")
}

fn inf_02(checks: &Checks) -> Result<()> {
    let described = keyword("*NetworkDirect")?.context("*NetworkDirect")?;
    checks.equal(described.value("type"), "enum", "its type")?;
    checks.equal(described.value("default"), "1", "its default")?;
    checks.equal(described.choices.clone(), vec!["0".to_owned(), "1".to_owned()], "its values")?;
    let texts = Inf::read()?;
    let text = |value: &str| texts.entry("Strings", value).unwrap_or_default();
    checks.equal((text("Disabled"), text("Enabled")), ("Disabled".into(), "Enabled".into()), "what a person sees")?;
    for (value, enabled) in [("0", 0), ("1", 1)] {
        let bench = Bench::with(checks, vec![first().keyword("*NetworkDirect", value)])?;
        checks.equal(given(&bench, 0)?.attributes.Enabled, enabled, "the driver does what the value says")?;
        bench.end()?;
    }
    Ok(())
}

fn inf_03(checks: &Checks) -> Result<()> {
    let described = keyword("*NetworkDirectTechnology")?.context("*NetworkDirectTechnology")?;
    checks.equal(described.value("type"), "enum", "its type")?;
    checks.equal(described.value("optional"), "0", "it is not optional")?;
    let default = described.value("default").to_owned();
    checks.check(described.choices.contains(&default), "the default is one of the values")?;
    checks.equal(described.choices.clone(), vec!["1".to_owned()], "iWARP alone")?;
    // What is listed is what the driver speaks, whatever the registry says instead.
    for value in ["1", "2", "3", "4", "0", "x"] {
        let bench = Bench::with(checks, vec![first().keyword("*NetworkDirectTechnology", value)])?;
        let technology = given(&bench, 0)?.info.RdmaTechnology.to_string();
        checks.check(described.choices.contains(&technology), "the technology is one of the values")?;
        bench.end()?;
    }
    Ok(())
}

fn inf_04(checks: &Checks) -> Result<()> {
    let technologies = keyword("*NetworkDirectTechnology")?.context("*NetworkDirectTechnology")?.choices;
    let roce = technologies.iter().any(|value| value == "3" || value == "4");
    checks.check(!roce, "no RoCE is listed")?;
    checks.check(keyword("*NetworkDirectRoCEFrameSize")?.is_none(), "no frame size of RoCE in the file")?;
    let bench = Bench::with(checks, vec![first().keyword("*NetworkDirectRoCEFrameSize", "4096")])?;
    let asked = asked(&bench)?;
    checks.check(!asked.contains(&"*networkdirectroceframesize".to_owned()), "the driver does not ask for it")?;
    bench.end()
}

fn inf_05(checks: &Checks) -> Result<()> {
    // Absent: enabled.
    let bench = Bench::with(checks, vec![first()])?;
    checks.equal(given(&bench, 0)?.attributes.Enabled, 1, "absent counts as enabled")?;
    let asks = || Ok::<_, anyhow::Error>(asked(&bench)?.iter().filter(|name| *name == "*networkdirect").count());
    checks.equal(asks()?, 1, "read once at initialisation")?;
    bench.set_state(0, false)?;
    bench.raised(0, &[DISABLE])?;
    checks.equal(asks()?, 1, "not read to disable")?;
    // A new value counts at the next SET_STATE TRUE, and only there.
    let id = bench.id(0)?;
    bench.machine().set_keyword(id, "*NetworkDirect", Some(Keyword::Text("0".to_owned())))?;
    checks.equal(bench.set(0, OID_NDK_SET_STATE, &[1])?, NDIS_STATUS_NOT_SUPPORTED, "TRUE while the keyword is 0")?;
    checks.equal(asks()?, 2, "read at TRUE")?;
    bench.machine().set_keyword(id, "*NetworkDirect", Some(Keyword::Text("1".to_owned())))?;
    bench.never("a new value alone changes nothing", || Ok(bench.machine().wmi_ndk_state(id)?))?;
    bench.set_state(0, true)?;
    bench.raised(0, &[DISABLE, ENABLE])?;
    bench.set_state(0, false)?;
    bench.raised(0, &[DISABLE, ENABLE, DISABLE])?;
    bench.machine().set_keyword(id, "*NetworkDirect", None)?;
    bench.set_state(0, true)?;
    bench.raised(0, &[DISABLE, ENABLE, DISABLE, ENABLE])?;
    bench.end()
}

fn inf_06(checks: &Checks) -> Result<()> {
    let mut bench = Bench::with(checks, vec![first().keyword("*JumboPacket", "4088")])?;
    let id = bench.id(0)?;
    let size = |bench: &Bench<'_>| -> Result<Vec<u8>> { Ok(bench.query(0, OID_GEN_MAXIMUM_TOTAL_SIZE, 4)?.bytes) };
    checks.equal(size(&bench)?, 4088_u32.to_le_bytes().to_vec(), "the value at initialisation")?;
    let before = asked(&bench)?;
    bench.machine().set_keyword(id, "*JumboPacket", Some(Keyword::Text("9014".to_owned())))?;
    checks.equal(size(&bench)?, 4088_u32.to_le_bytes().to_vec(), "a change does not reach a running adapter")?;
    bench.set_state(0, false)?;
    bench.set_state(0, true)?;
    bench.machine().pause_adapter(id)?;
    bench.machine().restart_adapter(id)?;
    let since: Vec<String> = asked(&bench)?.split_off(before.len());
    checks.check(since.iter().all(|name| name == "*networkdirect"), "only *NetworkDirect is read later")?;
    // The property page restarts the adapter.
    let driver = bench.session().driver();
    bench.machine_mut().remove_adapter(id)?;
    let again = bench.machine_mut().add_adapter(driver, first().keyword("*JumboPacket", "9014"))?;
    let answer = bench.machine().query_oid(again, OID_GEN_MAXIMUM_TOTAL_SIZE, 4)?.bytes;
    checks.equal(answer, 9014_u32.to_le_bytes().to_vec(), "the new value after a restart")?;
    bench.end()
}

fn inf_07(checks: &Checks) -> Result<()> {
    checks.check(keyword("*NetworkDirectGlobalFlags")?.is_none(), "a system-wide setting is not in the file")?;
    let bench = Bench::with(checks, vec![first().keyword("*NetworkDirectGlobalFlags", "1")])?;
    bench.set_state(0, false)?;
    bench.set_state(0, true)?;
    let asked = asked(&bench)?;
    checks.check(!asked.contains(&"*networkdirectglobalflags".to_owned()), "the driver does not ask for it")?;
    bench.end()
}
