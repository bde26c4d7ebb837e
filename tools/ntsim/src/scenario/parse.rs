//! From the TOML to a checked [`Scenario`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

use super::hex::{self, Pattern};
use super::text::Source;
use super::{Action, Adapter, Driver, Ioctl, Scenario, ScenarioError, Step, raw};
use crate::machine::{AdapterConfig, IpConfig, Keyword, NtStatus, Schedule, Strategy};
use crate::registry::Value;
use crate::table;
use crate::verifier::faults::{Mode, Plan};

/// How long a scenario runs when it does not say.
const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(60);

type Result<T> = std::result::Result<T, ScenarioError>;

pub(super) fn parse(file: &Path, text: &str) -> Result<Scenario> {
    let source = Source { file, text };
    let raw: raw::File =
        toml::from_str(text).map_err(|error| source.error(error.span().unwrap_or(0..0), error.message()))?;
    let settings = &raw.scenario;
    let drivers: Vec<Driver> = raw.driver.iter().map(|driver| source.driver(driver)).collect::<Result<_>>()?;
    let mut scenario = Scenario {
        file: file.to_owned(),
        description: settings.description.clone(),
        time_limit: match &settings.time_limit_ms {
            Some(limit) => source.milliseconds(limit)?,
            None => DEFAULT_TIME_LIMIT,
        },
        processors: settings.processors.as_ref().map(|n| source.processors(n)).transpose()?,
        schedule: source.schedule(settings)?,
        faults: None,
        drivers,
        adapters: Vec::new(),
        steps: Vec::new(),
    };
    if scenario.drivers.is_empty() {
        return Err(source.error(0..0, "a scenario needs at least one [[driver]]"));
    }
    for (index, driver) in raw.driver.iter().enumerate() {
        let name = &scenario.drivers[index].name;
        let twin = scenario.drivers[..index].iter().any(|other| same(&other.name, name));
        if twin {
            let span = driver.name.as_ref().unwrap_or(&driver.path).span();
            return Err(source.error(span, format!("two drivers are called `{name}`")));
        }
    }
    scenario.faults = source.faults(settings, &scenario)?;
    for adapter in &raw.adapter {
        let checked = source.adapter(adapter, &scenario)?;
        scenario.adapters.push(checked);
    }
    for step in &raw.step {
        let checked = source.step(step, &scenario)?;
        scenario.steps.push(checked);
    }
    Ok(scenario)
}

impl Source<'_> {
    fn faults(&self, raw: &raw::Settings, scenario: &Scenario) -> Result<Option<Plan>> {
        let Some(mode) = &raw.faults else {
            return match raw.fault_drivers.iter().chain(&raw.fault_routines).next() {
                Some(filter) => Err(self.error(filter.span(), "a filter of faults needs `faults`")),
                None => Ok(None),
            };
        };
        let mut plan = Plan::new(self.read(mode, |text| text.parse::<Mode>())?);
        for name in &raw.fault_drivers {
            let driver = self.known_driver(name, scenario)?;
            let path = scenario.drivers.iter().find(|known| known.name == driver).map(|known| &known.path);
            let file = path.and_then(|path| path.file_name()).unwrap_or_default();
            plan = plan.driver(file.to_string_lossy());
        }
        for name in &raw.fault_routines {
            let fallible = table::all().any(|row| row.name == name.get_ref() && !row.failures.is_empty());
            if !fallible {
                let message = format!("`{}` is no routine that can fail (see `ntsim routines`)", name.get_ref());
                return Err(self.error(name.span(), message));
            }
            plan = plan.routine(name.get_ref());
        }
        Ok(Some(plan))
    }

    fn driver(&self, raw: &raw::Driver) -> Result<Driver> {
        let path = self.readable(&raw.path)?;
        let name = match &raw.name {
            Some(name) => name.get_ref().clone(),
            None => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        };
        let span = raw.name.as_ref().unwrap_or(&raw.path).span();
        if name.is_empty() || name.contains(['\\', '/']) {
            return Err(self.error(span, "a driver's name is not empty and has no slashes"));
        }
        let registry = raw
            .registry
            .iter()
            .map(|(path, value)| Ok((path.clone(), self.registry_value(value)?)))
            .collect::<Result<_>>()?;
        Ok(Driver { name, path, registry, manual: raw.manual })
    }

    fn adapter(&self, raw: &raw::Adapter, scenario: &Scenario) -> Result<Adapter> {
        let name = raw.name.get_ref();
        let index = *raw.interface_index.get_ref();
        let driver = self.known_driver(&raw.driver, scenario)?;
        if index == 0 {
            return Err(self.error(raw.interface_index.span(), "interface indices start at 1"));
        }
        for other in &scenario.adapters {
            if same(&other.config.name, name) {
                let message = format!("two adapters are called `{name}`");
                return Err(self.error(raw.name.span(), message));
            }
            if other.config.interface_index == index {
                let message = format!("`{}` has interface index {index} already", other.config.name);
                return Err(self.error(raw.interface_index.span(), message));
            }
        }
        if let Some(luid) = raw.luid_index.as_ref().filter(|luid| *luid.get_ref() >= 1 << 24) {
            return Err(self.error(luid.span(), "a LUID's index has 24 bits"));
        }
        let config = AdapterConfig {
            name: name.clone(),
            interface_index: index,
            luid_index: raw.luid_index.as_ref().map(|luid| *luid.get_ref()),
            mac: raw.mac.as_ref().map(|mac| self.mac(mac)).transpose()?,
            addresses: raw
                .addresses
                .iter()
                .map(|text| self.read(text, |text| text.parse::<IpConfig>()))
                .collect::<Result<_>>()?,
            keywords: self.keywords(&raw.keywords)?,
        };
        Ok(Adapter { driver, config, manual: raw.manual })
    }

    fn step(&self, step: &Spanned<raw::Step>, scenario: &Scenario) -> Result<Step> {
        let raw = step.get_ref();
        let driver = |name| self.known_driver(name, scenario);
        let adapter = |name| self.known_adapter(name, scenario);
        let mut actions = Vec::new();
        if let Some(ioctl) = &raw.ioctl {
            actions.push(Action::Ioctl(Box::new(self.ioctl(ioctl)?)));
        }
        if let Some(name) = &raw.load {
            actions.push(Action::Load(driver(name)?));
        }
        if let Some(name) = &raw.unload {
            actions.push(Action::Unload(driver(name)?));
        }
        if let Some(name) = &raw.add {
            actions.push(Action::Add(adapter(name)?));
        }
        if let Some(name) = &raw.remove {
            actions.push(Action::Remove(adapter(name)?));
        }
        if let Some(name) = &raw.surprise_remove {
            actions.push(Action::SurpriseRemove(adapter(name)?));
        }
        if let Some(time) = raw.sleep_ms {
            actions.push(Action::Sleep(Duration::from_millis(time)));
        }
        let line = self.position(step.span().start).0;
        match (actions.pop(), actions.is_empty()) {
            (Some(action), true) => Ok(Step { line, action }),
            _ => Err(self.error(
                step.span(),
                "a step has exactly one of ioctl, load, unload, add, remove, surprise-remove, sleep-ms",
            )),
        }
    }

    fn ioctl(&self, raw: &raw::Ioctl) -> Result<Ioctl> {
        if let (Some(_), Some(file)) = (&raw.in_hex, &raw.in_file) {
            return Err(self.error(file.span(), "give in-hex or in-file, not both"));
        }
        if let (Some(_), Some(file)) = (&raw.expect_hex, &raw.expect_file) {
            return Err(self.error(file.span(), "give expect-hex or expect-file, not both"));
        }
        let mut input = Vec::new();
        if let Some(text) = &raw.in_hex {
            input = self.read(text, hex::bytes)?;
        }
        if let Some(path) = &raw.in_file {
            input = self.contents(path)?;
        }
        let mut expect_output = None;
        if let Some(text) = &raw.expect_hex {
            expect_output = Some(self.read(text, Pattern::read)?);
        }
        if let Some(path) = &raw.expect_file {
            expect_output = Some(Pattern::exactly(&self.contents(path)?));
        }
        Ok(Ioctl {
            device: raw.device.get_ref().clone(),
            code: *raw.code.get_ref(),
            input,
            output_length: raw.out_length,
            expect_status: match &raw.expect_status {
                Some(status) => self.status(status)?,
                None => NtStatus::SUCCESS,
            },
            expect_output,
            save: raw.save.as_ref().map(|path| self.path(path.span(), path.get_ref())).transpose()?,
            time_limit: raw.time_limit_ms.as_ref().map(|t| self.milliseconds(t)).transpose()?,
            threads: self.count(raw.threads.as_ref(), 64)?,
            repeat: self.count(raw.repeat.as_ref(), 1_000_000)?,
        })
    }

    fn known_driver(&self, name: &Spanned<String>, scenario: &Scenario) -> Result<String> {
        let known = scenario.drivers.iter().find(|driver| same(&driver.name, name.get_ref()));
        let names = || list(scenario.drivers.iter().map(|driver| driver.name.as_str()));
        known.map(|driver| driver.name.clone()).ok_or_else(|| {
            let message = format!("no driver is called `{}` (there is {})", name.get_ref(), names());
            self.error(name.span(), message)
        })
    }

    fn known_adapter(&self, name: &Spanned<String>, scenario: &Scenario) -> Result<String> {
        let known = scenario.adapters.iter().find(|it| same(&it.config.name, name.get_ref()));
        let names = || list(scenario.adapters.iter().map(|it| it.config.name.as_str()));
        known.map(|adapter| adapter.config.name.clone()).ok_or_else(|| {
            let message = format!("no adapter is called `{}` (there is {})", name.get_ref(), names());
            self.error(name.span(), message)
        })
    }

    fn keywords(&self, raw: &BTreeMap<String, Spanned<toml::Value>>) -> Result<BTreeMap<String, Keyword>> {
        let keyword = |value: &Spanned<toml::Value>| match value.get_ref() {
            toml::Value::String(text) => Ok(Keyword::Text(text.clone())),
            toml::Value::Boolean(on) => Ok(Keyword::Text(u32::from(*on).to_string())),
            toml::Value::Integer(number) => u32::try_from(*number)
                .map(Keyword::Number)
                .map_err(|_| self.error(value.span(), "a keyword's number has 32 bits")),
            toml::Value::Table(table) => self.hex_table(value.span(), table).map(Keyword::Bytes),
            _ => Err(self.error(value.span(), "a keyword is a number, a text or { hex = \"..\" }")),
        };
        raw.iter().map(|(name, value)| Ok((name.clone(), keyword(value)?))).collect()
    }

    fn registry_value(&self, value: &Spanned<toml::Value>) -> Result<Value> {
        let complain = || {
            let kinds = "a registry value is a number, a text, texts or { hex = \"..\" }";
            self.error(value.span(), kinds)
        };
        match value.get_ref() {
            toml::Value::String(text) => Ok(Value::string(text)),
            toml::Value::Boolean(on) => Ok(Value::dword(u32::from(*on))),
            toml::Value::Integer(number) => Ok(match u32::try_from(*number) {
                Ok(small) => Value::dword(small),
                Err(_) => Value::qword(number.cast_unsigned()),
            }),
            toml::Value::Array(texts) => {
                let texts: Option<Vec<&str>> = texts.iter().map(|text| text.as_str()).collect();
                texts.map(|texts| Value::strings(&texts)).ok_or_else(complain)
            }
            toml::Value::Table(table) => Ok(Value::binary(&self.hex_table(value.span(), table)?)),
            _ => Err(complain()),
        }
    }

    fn hex_table(&self, span: Range<usize>, table: &toml::Table) -> Result<Vec<u8>> {
        let text = match (table.len(), table.get("hex")) {
            (1, Some(toml::Value::String(text))) => text,
            _ => return Err(self.error(span, "a table here is { hex = \"..\" }")),
        };
        hex::bytes(text).map_err(|message| self.error(span, message))
    }

    fn status(&self, value: &Spanned<toml::Value>) -> Result<NtStatus> {
        match value.get_ref() {
            toml::Value::Integer(number) => u32::try_from(*number)
                .map(NtStatus)
                .map_err(|_| self.error(value.span(), "a status has 32 bits: write it as 0xC000000D")),
            toml::Value::String(name) => NtStatus::by_name(name).ok_or_else(|| {
                let message = format!("`{name}` is not a known status: write its number instead");
                self.error(value.span(), message)
            }),
            _ => Err(self.error(value.span(), "a status is a name or a number")),
        }
    }

    fn mac(&self, text: &Spanned<String>) -> Result<[u8; 6]> {
        let bytes = self.read(text, |text| hex::bytes(&text.replace('-', ":")))?;
        bytes.try_into().map_err(|_| self.error(text.span(), "a MAC address has 6 bytes"))
    }

    fn milliseconds(&self, value: &Spanned<u64>) -> Result<Duration> {
        match *value.get_ref() {
            0 => Err(self.error(value.span(), "a time limit is at least 1 ms")),
            time => Ok(Duration::from_millis(time)),
        }
    }

    fn processors(&self, value: &Spanned<u32>) -> Result<u32> {
        match *value.get_ref() {
            count @ 1..=64 => Ok(count),
            _ => Err(self.error(value.span(), "a machine has 1 to 64 processors")),
        }
    }

    fn schedule(&self, settings: &raw::Settings) -> Result<Schedule> {
        let strategy = match &settings.strategy {
            None => Strategy::default(),
            Some(_) if settings.seed.is_none() => {
                let span = settings.strategy.as_ref().map_or(0..0, Spanned::span);
                return Err(self.error(span, "a strategy needs a seed"));
            }
            Some(text) => text.get_ref().parse().map_err(|why: String| self.error(text.span(), why))?,
        };
        Ok(settings.seed.map_or(Schedule::Free, |seed| Schedule::Seeded { seed, strategy }))
    }

    fn count(&self, value: Option<&Spanned<usize>>, most: usize) -> Result<usize> {
        match value {
            None => Ok(1),
            Some(value) if (1..=most).contains(value.get_ref()) => Ok(*value.get_ref()),
            Some(value) => Err(self.error(value.span(), format!("this is 1 to {most}"))),
        }
    }

    fn contents(&self, path: &Spanned<String>) -> Result<Vec<u8>> {
        let file = self.path(path.span(), path.get_ref())?;
        std::fs::read(&file)
            .map_err(|error| self.error(path.span(), format!("`{}` cannot be read: {error}", file.display())))
    }

    fn readable(&self, path: &Spanned<String>) -> Result<PathBuf> {
        let file = self.path(path.span(), path.get_ref())?;
        match std::fs::File::open(&file) {
            Ok(_) => Ok(file),
            Err(error) => {
                let message = format!("`{}` cannot be read: {error}", file.display());
                Err(self.error(path.span(), message))
            }
        }
    }

    fn read<T>(&self, text: &Spanned<String>, parse: impl Fn(&str) -> std::result::Result<T, String>) -> Result<T> {
        parse(text.get_ref()).map_err(|message| self.error(text.span(), message))
    }
}

/// Names are compared as Windows compares them.
fn same(a: &str, b: &str) -> bool {
    a.to_uppercase() == b.to_uppercase()
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests;
