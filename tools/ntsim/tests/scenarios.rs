//! `ntsim run`: the shipped scenarios, and what failing ones say.

mod common;

use std::path::{Path, PathBuf};

use common::{Ran, Scratch, ntsim, ntsim_on, sys};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

/// Runs a scenario with the echo driver and these steps.
fn echo(scratch: &Scratch, steps: &str) -> Ran {
    let path = sys("ntsim_echo", "ntsim-echo");
    let head = format!("[scenario]\ntime-limit-ms = 2000\n[[driver]]\npath = '{}'\n", path.display());
    ntsim_on("run", &scratch.file("test.toml", format!("{head}{steps}").as_bytes()))
}

#[test]
fn the_echo_scenario_passes() {
    sys("ntsim_echo", "ntsim-echo");
    let ran = ntsim_on("run", &shipped("echo.toml"));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stdout.contains("passed: 10 steps, 407 requests, nothing left behind"), "{ran:#?}");
}

/// Four threads that send at once are part of it.
#[test]
fn a_seed_says_the_whole_course_of_a_scenario() {
    sys("ntsim_echo", "ntsim-echo");
    let log = |seed: &str, strategy: &str| {
        let file = shipped("echo.toml");
        let ran = ntsim(&["run", "--seed", seed, "--strategy", strategy, file.to_str().unwrap()]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        let log = ran.stdout.lines().find(|line| line.contains(" events, log 0x")).map(str::to_owned);
        log.unwrap_or_else(|| panic!("{ran:#?}"))
    };
    for strategy in ["random", "pct:3"] {
        assert_eq!(log("5", strategy), log("5", strategy), "{strategy}");
        assert_ne!(log("5", strategy), log("6", strategy), "{strategy}");
    }
}

#[test]
fn the_adapter_scenarios_pass() {
    sys("softndk", "softndk");
    sys("ndktest", "ndktest");
    for name in ["two-adapters.toml", "ndk-consumer.toml"] {
        let ran = ntsim_on("run", &shipped(name));
        assert_eq!(ran.code, Some(0), "{name}: {ran:#?}");
        assert!(ran.stdout.contains("nothing left behind"), "{ran:#?}");
    }
}

/// Where there is no clang there is no driver for these.
#[test]
fn the_scenarios_of_the_driver_in_c_end_as_they_should() {
    if std::env::var_os("NTSIM_WITHOUT_C_DRIVER").is_some() {
        eprintln!("left out, there is no clang (NTSIM_WITHOUT_C_DRIVER is set)");
        return;
    }
    sys("ntsim_c", "ntsim-c");
    let ran = ntsim_on("run", &shipped("c-driver.toml"));
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stdout.contains("nothing left behind"), "{ran:#?}");
    let ran = ntsim_on("run", &shipped("report.toml"));
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    ran.says(&["PAGE_FAULT", "freed at:", "bad_seh_freed_pool"]);
}

#[test]
fn all_shipped_scenarios_are_known_to_the_tests() {
    let mut names: Vec<String> = std::fs::read_dir(shipped(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let known =
        ["c-driver.toml", "echo.toml", "ndk-consumer.toml", "report.toml", "two-adapters.toml", "your-driver.toml"];
    assert_eq!(names, known);
}

#[test]
fn a_failed_expectation_names_its_line() {
    let scratch = Scratch::new("expectation");
    let send = |wish: &str| {
        let step = format!(
            "[[step]]\nioctl = {{ device = '\\\\.\\NtsimEcho', code = 0x222000, in-hex = '01 02', out-length = 4, {wish} }}\n"
        );
        echo(&scratch, &step)
    };
    let cases = [
        ("expect-status = 'CANCELLED'", "ended with STATUS_SUCCESS (0x00000000), expected STATUS_CANCELLED"),
        ("expect-hex = '01 03'", "the byte at offset 1 (0x1) is 0x02, expected 0x03; the output is 01 02"),
        ("expect-hex = '01'", "the output has 2 bytes, expected 1"),
    ];
    for (wish, words) in cases {
        send(wish).refused(1, &["test.toml:5: failed:", words]);
    }
    assert_eq!(send("expect-hex = '01 ..'").code, Some(0));
}

#[test]
fn time_limits_end_a_run() {
    let scratch = Scratch::new("time");
    let wait = "[[step]]\nioctl = { device = '\\\\.\\NtsimEcho', code = 0x222008, LIMIT }\n";
    let ran = echo(&scratch, &wait.replace("LIMIT", "time-limit-ms = 50"));
    ran.refused(1, &["test.toml:5: failed:", "STATUS_CANCELLED", "cancelled after 50 ms"]);
    let ran = echo(&scratch, &wait.replace(", LIMIT", ""));
    ran.refused(1, &["did not end within its time limit of 2000 ms"]);
}

#[test]
fn mistakes_point_at_line_and_column() {
    let scratch = Scratch::new("mistakes");
    echo(&scratch, "[[step]]\nunload = \"eho\"\n").refused(2, &["test.toml:6:10: no driver is called `eho`"]);
    echo(&scratch, "[[step]]\nunlod = \"x\"\n").refused(2, &["test.toml:6:1: unknown field `unlod`"]);
    echo(&scratch, "[[step]\n").refused(2, &["test.toml:5:"]);
    echo(&scratch, "[[step]]\nioctl = { device = '\\\\.\\No', code = 1 }\n")
        .refused(1, &["test.toml:5: failed:", "cannot be opened: STATUS_OBJECT_NAME_NOT_FOUND"]);
}

#[test]
fn a_driver_that_declines_makes_the_scenario_unusable() {
    let scratch = Scratch::new("declines");
    let path = sys("input_entry_fails", "input-entry-fails");
    let text = format!("[[driver]]\npath = '{}'\n", path.display());
    let ran = ntsim_on("run", &scratch.file("test.toml", text.as_bytes()));
    ran.refused(2, &["DriverEntry of input_entry_fails.sys failed", "STATUS_NO_SUCH_DEVICE"]);
}

#[test]
fn leaks_fail_a_scenario_with_the_code_of_a_bugcheck() {
    let scratch = Scratch::new("leaks");
    let path = sys("input_leaves_things", "input-leaves-things");
    let text = format!("[[driver]]\npath = '{}'\n", path.display());
    let ran = ntsim_on("run", &scratch.file("test.toml", text.as_bytes()));
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    ran.says(&["4 left behind", "IO_WORKITEM", "leaves-things/src/lib.rs:"]);
}

#[test]
fn outputs_are_saved() {
    let scratch = Scratch::new("save");
    let target = scratch.path().join("out.bin");
    let step = format!(
        "[[step]]\nioctl = {{ device = '\\\\.\\NtsimEcho', code = 0x222000, in-hex = 'AB CD', out-length = 4, save = '{}' }}\n",
        target.display()
    );
    assert_eq!(echo(&scratch, &step).code, Some(0));
    assert_eq!(std::fs::read(target).unwrap(), [0xAB, 0xCD]);
}

#[test]
fn the_command_line_is_checked() {
    assert_eq!(ntsim::<&str>(&[]).code, Some(2));
    assert_eq!(ntsim(&["dance"]).code, Some(2));
    assert_eq!(ntsim(&["load"]).code, Some(2));
    assert_eq!(ntsim(&["--help"]).code, Some(0));
    assert_eq!(ntsim(&["--version"]).code, Some(0));
}

#[test]
fn the_routines_are_listed() {
    let text = ntsim(&["routines"]);
    assert_eq!(text.code, Some(0));
    let line = text.stdout.lines().find(|line| line.contains(" KeDelayExecutionThread ")).unwrap();
    assert!(line.contains("APC_LEVEL") && line.contains("blocks"), "{line}");
    let json = ntsim(&["routines", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let list = list.as_array().unwrap();
    assert!(list.len() > 300, "{}", list.len());
    let found = list.iter().find(|routine| routine["name"] == "ZwReadFile").unwrap();
    assert_eq!((found["finished"].as_bool(), found["max_irql"].as_u64()), (Some(true), Some(0)));
}

#[test]
fn inspect_shows_the_image() {
    let file = sys("ntsim_echo", "ntsim-echo");
    let text = ntsim_on("inspect", &file);
    assert_eq!(text.code, Some(0), "{text:#?}");
    for word in [".text", "ntoskrnl.exe", "IoCreateDevice"] {
        assert!(text.stdout.contains(word), "{word}: {text:#?}");
    }
    let json = ntsim(&["inspect".as_ref(), file.as_os_str(), "--json".as_ref()]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert!(value.is_object(), "{value}");
}

#[test]
fn scenarios_survive_every_failure_once() {
    sys("ntsim_echo", "ntsim-echo");
    sys("softndk", "softndk");
    let scratch = Scratch::new("faults");
    for (name, least) in [("echo.toml", 5), ("two-adapters.toml", 20)] {
        let json = scratch.path().join("faults.json");
        let file = shipped(name);
        let ran = ntsim(&[
            "run".as_ref(),
            "--faults".as_ref(),
            "fixpoint".as_ref(),
            "--faults-json".as_ref(),
            json.as_os_str(),
            file.as_os_str(),
        ]);
        assert_eq!(ran.code, Some(0), "{name}: {ran:#?}");
        assert!(ran.stdout.contains("unique stacks failed") && ran.stdout.contains("survived: "), "{name}: {ran:#?}");
        let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
        assert!(report["failed"].as_u64().unwrap() >= least, "{name}: {report}");
        assert_eq!(report["failed"], report["survived"], "{name}");
        assert_eq!(report["faults"].as_array().unwrap().len() as u64, report["failed"].as_u64().unwrap());
        assert!(report["faults"][0]["stack"][0]["function"].as_str().is_some_and(|name| !name.is_empty()), "{report}");
    }
}

#[test]
fn one_call_and_random_calls_can_fail() {
    let scratch = Scratch::new("faults-some");
    let path = sys("ntsim_echo", "ntsim-echo");
    let scenario = |faults: &str| {
        let text = format!("[scenario]\n{faults}\n[[driver]]\nname = 'echo'\npath = '{}'\n", path.display());
        ntsim_on("run", &scratch.file("test.toml", text.as_bytes()))
    };
    let ran = scenario("faults = 'nth:1'\nfault-drivers = ['echo']\nfault-routines = ['IoCreateDevice']");
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stdout.contains("IoCreateDevice answered STATUS_INSUFFICIENT_RESOURCES"), "{ran:#?}");
    assert!(ran.stdout.contains("faults: 1 calls failed, 1 survived"), "{ran:#?}");
    let ran = scenario("faults = 'random:7:1'");
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(!ran.stdout.contains("faults: 0 calls"), "{ran:#?}");
    let ran = scenario("faults = 'random:7:0'");
    assert!(ran.stdout.contains("faults: 0 calls failed"), "{ran:#?}");
    scenario("faults = 'never'").refused(2, &["test.toml:2:", "none of fixpoint"]);
    scenario("faults = 'fixpoint'\nfault-routines = ['KeSetEvent']").refused(2, &["test.toml:3:", "KeSetEvent"]);
    scenario("faults = 'fixpoint'\nfault-drivers = ['other']").refused(2, &["test.toml:3:", "other"]);
    scenario("fault-drivers = ['echo']").refused(2, &["needs `faults`"]);
}
