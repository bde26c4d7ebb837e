//! `--report` and `--trace`: what they hold for a known bad driver, a leak and a good run.

mod common;

use common::{Ran, Scratch, ntsim, sys};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Loads the driver `ntsim-rules` under the name of a case, with these files to write.
fn load(scratch: &Scratch, case: &str, extra: &[&Path]) -> Ran {
    let image = sys("ntsim_rules", "ntsim-rules");
    for extension in ["sys", "pdb"] {
        let source = image.with_extension(extension).canonicalize().expect("an image with symbols");
        std::os::unix::fs::symlink(source, scratch.path().join(format!("{case}.{extension}"))).expect("a link");
    }
    let file = scratch.path().join(format!("{case}.sys"));
    let mut arguments: Vec<&std::ffi::OsStr> = vec!["load".as_ref(), file.as_os_str()];
    for path in extra {
        let flag = if path.to_string_lossy().contains("trace") { "--trace" } else { "--report" };
        arguments.extend([flag.as_ref(), path.as_os_str()]);
    }
    ntsim(&arguments)
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every element is closed in order; nothing comes from outside; no script.
#[track_caller]
fn is_a_page(html: &str) {
    const VOID: [&str; 2] = ["meta", "!DOCTYPE"];
    assert!(html.starts_with("<!DOCTYPE html>"));
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').expect("a tag ends") + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> closes something else; open: {open:?}");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    for outside in ["<script", "<link", "<img", "<iframe", "src=", "@import", "url(", "http:", "https:"] {
        assert!(!html.contains(outside), "the page holds `{outside}`");
    }
}

#[test]
fn a_bugcheck_writes_all_three() {
    let scratch = Scratch::new("report-bugcheck");
    let files: Vec<PathBuf> =
        ["out.json", "out.html", "trace.json"].iter().map(|name| scratch.path().join(name)).collect();
    let ran = load(&scratch, "use-after-free", &files.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    ran.says(&["*** simulated bugcheck", "written: "]);

    let report = json(&files[0]);
    assert_eq!(report["outcome"], "bugcheck");
    assert_eq!(report["title"], "PAGE_FAULT");
    assert_eq!(report["bugcheck"]["number"], 0x50);
    assert_eq!(report["bugcheck"]["driver"], "use-after-free.sys");
    assert_eq!(report["bugcheck"]["irql"], 0);
    assert_eq!(report["bugcheck"]["params"].as_array().map(Vec::len), Some(4));
    let titles: Vec<&str> = array(&report["bugcheck"]["stacks"]).iter().filter_map(|s| s["title"].as_str()).collect();
    assert_eq!(titles, ["stack", "freed at", "allocated at"]);
    let frames = array(&report["bugcheck"]["stacks"][0]["frames"]);
    assert!(frames.iter().any(|frame| frame["file"].as_str().is_some_and(|file| file.ends_with("bad.rs"))));
    assert!(frames.iter().all(|frame| frame["line"].is_u64()));
    assert_eq!(report["drivers"][0]["name"], "use-after-free.sys");
    assert_eq!(report["drivers"][0]["symbols"], true);
    assert!(report["machine"]["processors"].as_u64().is_some_and(|count| count >= 1));
    let lane = &report["timeline"][0];
    assert_eq!(lane["is_subject"], true);
    let events = array(&lane["events"]);
    let at = |kind: &str, name: &str| events.iter().position(|event| event["kind"] == kind && event["name"] == name);
    let (entry, free) = (at("enter", "DriverEntry"), at("call", "ExFreePool"));
    assert!(entry.is_some() && entry < free.or_else(|| at("call", "ExFreePoolWithTag")), "{events:#?}");
    assert!(events.iter().all(|event| event["at_us"].as_f64().is_some_and(|at| at <= 0.0)));

    let html = std::fs::read_to_string(&files[1]).expect("the page");
    is_a_page(&html);
    for words in [
        "PAGE_FAULT",
        "A rule of the kernel was broken",
        "What to do",
        "use-after-free.sys",
        "bad.rs:",
        "allocated at",
        "freed at",
        "then the rule was broken",
        "stopped: PAGE_FAULT",
        "<svg class=\"timeline\"",
    ] {
        assert!(html.contains(words), "the page lacks `{words}`");
    }
    is_balanced(&json(&files[2]));
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Each slice that begins on a thread ends there, later; gives the slices' names by category.
#[track_caller]
fn is_balanced(trace: &Value) -> HashMap<String, Vec<String>> {
    let events = array(&trace["traceEvents"]);
    let mut open: HashMap<u64, Vec<f64>> = HashMap::new();
    let mut last: HashMap<u64, f64> = HashMap::new();
    let mut names: HashMap<String, Vec<String>> = HashMap::new();
    for event in events {
        let kind = event["ph"].as_str().expect("a phase");
        if !matches!(kind, "B" | "E" | "i") {
            assert!(matches!(kind, "M" | "C"), "{event}");
            continue;
        }
        let (thread, at) = (event["tid"].as_u64().expect("a thread"), event["ts"].as_f64().expect("a time"));
        assert!(at >= last.insert(thread, at).unwrap_or(0.0), "time goes back at {event}");
        match kind {
            "B" => {
                open.entry(thread).or_default().push(at);
                let category = event["cat"].as_str().expect("a category").to_owned();
                names.entry(category).or_default().push(event["name"].as_str().expect("a name").to_owned());
            }
            "E" => assert!(open.entry(thread).or_default().pop().is_some_and(|begin| begin <= at), "{event}"),
            _ => {}
        }
    }
    assert!(open.values().all(Vec::is_empty), "slices that do not end");
    names
}

#[test]
fn locks_that_are_held_are_named() {
    let scratch = Scratch::new("report-lock");
    let file = scratch.path().join("out.json");
    let ran = load(&scratch, "lower-with-lock", &[&file]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    let report = json(&file);
    let lock = &report["locks"][0];
    assert!(lock["address"].as_u64().is_some_and(|address| address != 0));
    assert!(lock["taken_at"].as_str().is_some_and(|place| place.contains("bad.rs:")), "{report:#}");
}

#[test]
fn leaks_and_good_runs_have_reports_too() {
    let scratch = Scratch::new("report-leak");
    let (file, page) = (scratch.path().join("leak.json"), scratch.path().join("leak.html"));
    let ran = load(&scratch, "leak-pool", &[&file, &page]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    let report = json(&file);
    assert_eq!(report["outcome"], "leaks");
    assert_eq!(report["leaks"][0]["leaks"][0]["kind"], "pool");
    let html = std::fs::read_to_string(&page).expect("the page");
    is_a_page(&html);
    assert!(html.contains("Left behind by leak-pool") && html.contains("bad.rs:"));

    let good = scratch.path().join("good.json");
    let ran = load(&scratch, "good", &[&good]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let report = json(&good);
    assert_eq!((&report["outcome"], &report["bugcheck"]), (&"passed".into(), &Value::Null));
}

#[test]
fn a_trace_of_two_adapters_shows_calls_dpcs_and_callbacks() {
    sys("softndk", "softndk");
    sys("ndktest", "ndktest");
    let scratch = Scratch::new("trace");
    let trace = scratch.path().join("trace.json");
    // The shipped scenario, with connections instead of messages, which are polled for very often.
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/ndk-consumer.toml");
    let text = std::fs::read_to_string(shipped).expect("the scenario");
    let text = text
        .replace("70696E67 00000000", "636F6E6E 65637400")
        .replace("00000000 40000000", "00000000 02000000")
        .replace("${NTSIM_SYS_DIR:-../../../target/sys/debug}", &common::sys_dir().to_string_lossy());
    let scenario = scratch.file("connect.toml", text.as_bytes());
    let ran = ntsim(&["run".as_ref(), scenario.as_os_str(), "--trace".as_ref(), trace.as_os_str()]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let names = is_balanced(&json(&trace));
    let has = |category: &str, part: &str| {
        let list = names.get(category).map(Vec::as_slice).unwrap_or_default();
        assert!(list.iter().any(|name| name.contains(part)), "no {category} slice is called {part}: {list:?}");
    };
    has("kernel", "ExAllocatePool2");
    has("kernel", "KeAcquireSpinLockRaiseToDpc");
    has("driver", "DriverEntry");
    has("driver", "MiniportInitializeEx");
    has("dpc", "DPC routine");
    has("callback", "request completion callback");
    has("callback", "connect event callback");
    has("ndk", "NdkConnect");
    has("ndk", "NdkAccept");
}

#[test]
fn other_formats_are_refused_before_anything_runs() {
    let scratch = Scratch::new("report-format");
    let file = scratch.path().join("out.txt");
    load(&scratch, "good", &[&file]).refused(2, &["out.txt: a report is a .json or a .html file"]);
}

#[test]
fn child_processes_are_told_by_the_environment() {
    let scratch = Scratch::new("report-environment");
    let image = sys("ntsim_rules", "ntsim-rules");
    let link = scratch.path().join("null-read.sys");
    std::os::unix::fs::symlink(image, &link).expect("a link");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ntsim"))
        .arg("load")
        .arg(&link)
        .env("NTSIM_REPORT", scratch.path().join("out-%p.json"))
        .output()
        .expect("ntsim starts");
    assert_eq!(output.status.code(), Some(3));
    let written: Vec<PathBuf> = std::fs::read_dir(scratch.path())
        .expect("the folder")
        .filter_map(|entry| Some(entry.ok()?.path()).filter(|path| path.extension().is_some_and(|e| e == "json")))
        .collect();
    assert_eq!(written.len(), 1, "{written:?}");
    assert!(!written[0].to_string_lossy().contains('%'));
    assert_eq!(json(&written[0])["title"], "PAGE_FAULT");
}
