use super::*;
use crate::table;

#[test]
fn modes_are_read_and_written() {
    for text in ["fixpoint", "nth:7", "random:12:0.25"] {
        assert_eq!(text.parse::<Mode>().unwrap().to_string(), text);
    }
    for text in ["", "fix", "fixpoint:", "nth", "nth:0", "nth:x", "random:1", "random:1:2", "random:x:0.5"] {
        assert!(text.parse::<Mode>().is_err(), "{text}");
    }
}

#[test]
fn drivers_are_known_by_file_name() {
    let plan = Plan::fixpoint().driver("softndk");
    assert!(plan.wants_driver("SoftNdk.sys") && !plan.wants_driver("ndktest.sys"));
    assert!(Plan::fixpoint().wants_driver("any.sys"));
}

/// Routines that can really fail for lack of resources, but not for a driver that ntsim can test, and why.
const NEVER_FAILED: &[(&str, &str)] = &[
    ("MmProbeAndLockPages", "it raises; a driver without structured exception handling cannot survive it"),
    ("MmMapLockedPages", "it stops the machine for the callers that it serves"),
    ("KeRegisterBugCheckReasonCallback", "the memory is the caller's"),
    ("NdisAllocateSpinLock", "it initialises the caller's memory"),
    ("IoInitializeWorkItem", "the memory is the caller's"),
];

#[test]
fn whatever_allocates_can_fail() {
    let makes = ["Allocate", "Create", "Register", "Open"];
    let silent: Vec<&str> = table::all()
        .filter(|row| makes.iter().any(|word| row.name.contains(word)))
        .filter(|row| row.failures.is_empty() && !row.name.contains("Deregister"))
        .map(|row| row.name)
        .filter(|name| !NEVER_FAILED.iter().any(|(known, _)| known == name))
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}
