//! Each rule of the I/O manager, the system services and the registry is tripped by one request
//! to the driver `ntsim-io-rules`; the report has to name rule, driver, function and file.

mod common;

use common::{Ran, Scratch, ntsim_on, sys};

/// Sends the request with this function number, 20 bytes in and out.
fn send(function: u32) -> Ran {
    let scratch = Scratch::new(&format!("io-rules-{function}"));
    let text = format!(
        "[[driver]]\npath = '{}'\n[[step]]\n[step.ioctl]\ndevice = '\\Device\\NtsimIoRules'\ncode = {}\nin-hex = '{}'\nout-length = 20\n",
        sys("ntsim_io_rules", "ntsim-io-rules").display(),
        0x22_0000 | function << 2,
        "00".repeat(20)
    );
    ntsim_on("run", &scratch.file("test.toml", text.as_bytes()))
}

/// The request ends with a bugcheck whose report names all this.
#[track_caller]
fn trips(function: u32, rule: &str, name: &str, file: &str) {
    let ran = send(function);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    let first = ran.stderr.lines().find(|line| line.starts_with("*** simulated bugcheck"));
    let found = first.and_then(|line| line.split(' ').nth(4));
    assert_eq!(found, Some(rule), "{ran:#?}");
    ran.says(&["driver: ntsim_io_rules.sys", name, file]);
}

#[test]
fn the_well_behaved_request_breaks_no_rule() {
    let ran = send(0);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
}

#[test]
fn mistakes_with_requests_are_found() {
    // What is found when the dispatch routine has returned is told of the dispatch routine.
    for (function, rule, name) in [
        (1, "IRP_COMPLETED_TWICE", "complete_twice"),
        (2, "IRP_COMPLETED_WITHOUT_STATUS", "complete_without_status"),
        (3, "IRP_COMPLETED_WITHOUT_STATUS", "complete_with_pending"),
        (4, "IRP_COMPLETED_WITH_CANCEL_ROUTINE", "leave_cancel_routine"),
        (10, "IRP_FREED_WHILE_PENDING", "free_request"),
        (11, "IRP_WITHOUT_OWNER_COMPLETED", "send_without_owner"),
        (12, "IRP_STACK_EXHAUSTED", "run_out_of_locations"),
        (14, "IRP_NOT_VALID", "free_irp_twice"),
    ] {
        trips(function, rule, name, "io-rules/src/bad.rs:");
    }
    for (function, rule) in [
        (5, "IRP_INFORMATION_TOO_LARGE"),
        (6, "IRP_PENDING_NOT_MARKED"),
        (7, "IRP_MARKED_BUT_NOT_PENDING"),
        (8, "IRP_NOT_COMPLETED"),
        (9, "IRP_STATUS_MISMATCH"),
        (13, "IO_BUFFER_OVERRUN"),
    ] {
        trips(function, rule, "device_control", "io-rules/src/lib.rs:");
    }
}

#[test]
fn mistakes_with_devices_and_work_items_are_found() {
    for (function, rule, name) in [
        (15, "DEVICE_NOT_VALID", "delete_device_twice"),
        (16, "WORK_ITEM_QUEUED_TWICE", "queue_item_twice"),
        (17, "WORK_ITEM_FREED_WHILE_QUEUED", "free_queued_item"),
        (18, "WORK_ITEM_NOT_VALID", "free_item_twice"),
        (19, "ERROR_LOG_ENTRY_NOT_VALID", "write_log_entry_twice"),
        (20, "CANCEL_LOCK_NOT_HELD", "release_cancel_lock"),
    ] {
        trips(function, rule, name, "io-rules/src/worse.rs:");
    }
}

#[test]
fn mistakes_with_services_are_found() {
    for (function, rule, name) in [
        (21, "ZW_IN_GUARDED_REGION", "close_in_guarded_region"),
        (22, "ZW_BUFFER_NOT_VALID", "read_to_nowhere"),
        (23, "REGISTRY_DIRECT_WITHOUT_TYPE_CHECK", "query_without_type_check"),
    ] {
        trips(function, rule, name, "io-rules/src/worse.rs:");
    }
}
