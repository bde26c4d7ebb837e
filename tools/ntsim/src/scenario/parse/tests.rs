//! What is taken, and what each mistake says and where.

use super::*;

const GOOD: &str = r#"
[scenario]
description = "two adapters"
time-limit-ms = 5000
processors = 2

[[driver]]
path = "${NTSIM_TEST_UNSET:-Cargo.toml}"
name = "softndk"
[driver.registry]
'Parameters\Window' = 8
Names = ["a", "b"]
Blob = { hex = "01 02" }

[[adapter]]
name = "Ethernet 1"
driver = "SoftNdk"
interface-index = 11
mac = "02-00-00-00-00-01"
addresses = ["192.0.2.1/24", "fe80::1/64"]
keywords = { "*NetworkDirect" = "1", Depth = 3 }

[[step]]
ioctl = { device = '\\.\NdkTest', code = 0x222000, in-hex = "01", out-length = 4, expect-status = "CANCELLED", expect-hex = "?? 01 .." }

[[step]]
surprise-remove = "ethernet 1"
"#;

fn check(text: &str) -> Result<Scenario> {
    let home = concat!(env!("CARGO_MANIFEST_DIR"), "/scenario.toml");
    parse(Path::new(home), text)
}

#[test]
fn a_whole_scenario_is_understood() {
    let scenario = check(GOOD).unwrap();
    assert_eq!(scenario.time_limit, Duration::from_secs(5));
    assert_eq!(scenario.processors, Some(2));
    let registry = &scenario.drivers[0].registry;
    assert!(registry.contains(&(r"Parameters\Window".to_owned(), Value::dword(8))));
    assert!(registry.contains(&("Blob".to_owned(), Value::binary(&[1, 2]))));
    let adapter = &scenario.adapters[0];
    assert_eq!(adapter.driver, "softndk");
    assert_eq!(adapter.config.mac, Some([2, 0, 0, 0, 0, 1]));
    assert_eq!(adapter.config.addresses.len(), 2);
    assert_eq!(adapter.config.keywords["Depth"], Keyword::Number(3));
    let Action::Ioctl(ioctl) = &scenario.steps[0].action else { panic!("not an ioctl") };
    assert_eq!((ioctl.code, ioctl.expect_status), (0x22_2000, NtStatus::CANCELLED));
    assert_eq!((ioctl.threads, ioctl.repeat), (1, 1));
    assert_eq!(scenario.steps[0].line, 23);
    assert!(matches!(&scenario.steps[1].action, Action::SurpriseRemove(n) if n == "Ethernet 1"));
}

/// Puts a mistake in and tells where it was found.
fn mistake(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let error = check(&GOOD.replacen(from, to, 1)).unwrap_err();
    let (line, column) = error.position.expect("a position");
    format!("{line}:{column}: {}", error.message)
}

#[test]
fn mistakes_are_found_at_their_place() {
    let cases = [
        ("\"CANCELLED\"", "\"CANCELED\"", "24:99: `CANCELED` is not a known status"),
        ("driver = \"SoftNdk\"", "driver = \"mlx\"", "17:10: no driver is called `mlx` (there is `softndk`)"),
        ("192.0.2.1/24", "192.0.2.1/40", "20:14: the prefix length"),
        ("in-hex = \"01\"", "in-hex = \"0\"", "24:61: hex digits come in pairs"),
        ("02-00-00-00-00-01", "02-00", "19:7: a MAC address has 6 bytes"),
        ("interface-index = 11", "interface-index = 0", "18:19: interface indices start at 1"),
        ("time-limit-ms = 5000", "time-limit-ms = 0", "4:17: a time limit"),
        ("time-limit-ms = 5000", "time-limit-ms = \"x\"", "4:17: invalid type"),
        ("description =", "descripton =", "3:1: unknown field `descripton`"),
        ("surprise-remove =", "load = \"softndk\"\nremove =", "26:1: a step has exactly one of"),
        ("${NTSIM_TEST_UNSET:-Cargo.toml}", "${NTSIM_TEST_UNSET}", "8:8: the environment variable"),
        (":-Cargo.toml}", ":-missing.sys}", "8:8: `"),
        ("processors = 2", "processors = 65", "5:14: a machine has 1 to 64"),
        ("processors = 2", "strategy = 'pct:3'", "5:12: a strategy needs a seed"),
        ("processors = 2", "seed = 1\nstrategy = 'pct'", "6:12: `pct` is no strategy"),
        ("[\"a\", \"b\"]", "[1]", "12:9: a registry value is"),
        ("[scenario]", "[scenario", "2:10: "),
    ];
    for (from, to, expected) in cases {
        let said = mistake(from, to);
        assert!(said.starts_with(expected), "{from} -> {to}: {said}");
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn a_machine_without_drivers_is_refused() {
    assert!(check("").unwrap_err().message.contains("[[driver]]"));
}
