//! A driver built from C as the kit builds them (`tests/c-drivers`): what its headers inline works,
//! exceptions reach its handlers, and its bad cases end with the right report.
//!
//! The service's name is the case. Cases whose names begin with `good` check themselves.

mod common;

use common::{Ran, Scratch, ntsim_on, sys};

/// Set by the test suite where no clang can be had.
const WITHOUT_C: &str = "NTSIM_WITHOUT_C_DRIVER";

/// Loads the driver under the name of a case; `None` where there is no compiler for it.
fn run(case: &str) -> Option<Ran> {
    if std::env::var_os(WITHOUT_C).is_some() {
        eprintln!("{case}: left out, there is no clang ({WITHOUT_C} is set)");
        return None;
    }
    let image = sys("ntsim_c", "ntsim-c");
    let scratch = Scratch::new(&format!("c-{case}"));
    for extension in ["sys", "pdb"] {
        let source = image.with_extension(extension).canonicalize().expect("an image with symbols");
        std::os::unix::fs::symlink(source, scratch.path().join(format!("{case}.{extension}"))).expect("a link");
    }
    Some(ntsim_on("load", &scratch.path().join(format!("{case}.sys"))))
}

/// The case checks itself, and leaves nothing behind.
fn passes(case: &str) -> Option<Ran> {
    let ran = run(case)?;
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stdout.contains("nothing left behind"), "{ran:#?}");
    assert!(!ran.stderr.contains("check failed"), "{ran:#?}");
    Some(ran)
}

/// The case ends with a bugcheck of this code, and the report says these words.
fn trips(case: &str, code: &str, words: &[&str]) {
    let Some(ran) = run(case) else { return };
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    let first = ran.stderr.lines().find(|line| line.starts_with("*** simulated bugcheck"));
    assert_eq!(first.and_then(|line| line.split(' ').nth(4)), Some(code), "{ran:#?}");
    ran.says(&[&format!("driver: {case}.sys")]);
    ran.says(words);
}

#[test]
fn cr8_is_the_irql() {
    passes("good-cr8");
    trips("cr8-wait", "WAIT_AT_RAISED_IRQL", &["KeDelayExecutionThread was called at IRQL 2", "waits_at_raised_irql"]);
    trips("cr8-left-raised", "IRQL_CHANGED_AT_RETURN", &["was called at IRQL 0 and returned at IRQL 2"]);
    trips("cr8-lock-held", "LOWERED_WITH_LOCK", &["#1 cr8-lock-held.sys!lowers_with_lock", "irql.c:"]);
    trips("cr8-too-high", "BAD_INSTRUCTION", &["bad_cr8_too_high"]);
}

#[test]
fn gs_is_the_processor_control_region() {
    passes("good-pcr");
}

#[test]
fn the_shared_page_is_read_by_every_form_of_load_and_never_written() {
    passes("good-shared-data");
    trips("shared-data-write", "PAGE_FAULT", &["wrote to 0xfffff7800000026c", "KUSER_SHARED_DATA", "shared_data.c:"]);
}

#[test]
fn faults_reach_handlers() {
    passes("good-seh");
    passes("good-seh-nested");
    passes("good-seh-registers");
    passes("good-seh-gs");
}

#[test]
fn what_routines_raise_reaches_handlers() {
    passes("good-seh-raised");
}

#[test]
fn what_nobody_handles_is_a_bugcheck() {
    trips("seh-no-handler", "PAGE_FAULT", &["read from 0x10000", "#0 seh-no-handler.sys!read_at"]);
    trips("seh-declined", "PAGE_FAULT", &["none of them took the exception", "#1 seh-declined.sys!bad_seh_declined"]);
    trips("seh-raise", "UNHANDLED_EXCEPTION", &["ExRaiseStatus raised 0xc000009a", "#1 seh-raise.sys!bad_seh_raise"]);
    trips("seh-noncontinuable", "UNHANDLED_EXCEPTION", &["cannot be continued"]);
    trips(
        "seh-finally-raises",
        "UNHANDLED_EXCEPTION",
        &["raised 0xc000000d", "called by the kernel as termination handler", "only_inner_handler"],
    );
    trips("seh-in-dpc", "BAD_INSTRUCTION", &["dpc_faults", "does not carry exceptions across", "KeInsertQueueDpc"]);
    trips("seh-filter-faults", "PAGE_FAULT", &["called by the kernel as exception filter", "filter_faults_always"]);
}

/// On Windows these end the system although a `__try` stands around them.
#[test]
fn handlers_do_not_hide_what_ends_a_real_system() {
    trips("seh-at-dispatch", "PAGE_FAULT_AT_RAISED_IRQL", &["IRQL 2", "bad_seh_at_dispatch"]);
    trips("seh-freed-pool", "PAGE_FAULT", &["freed pool block", "freed at:", "allocated at:"]);
}

#[test]
fn text_is_formatted_as_the_runtime_library_does() {
    if let Some(ran) = passes("good-print") {
        ran.says(&["print: plain 1 \\REGISTRY\\MACHINE\\SYSTEM\\", "print ex: more 0000000000001000 -5"]);
    }
}

#[test]
fn the_security_cookie_is_set_and_checked() {
    passes("good-cookie");
    trips("cookie", "STACK_BUFFER_OVERRUN", &["0x000000F7", "__report_gsfailure", "security.c:"]);
}

#[test]
fn runtime_tracing_and_devices_work() {
    passes("good-runtime");
    passes("good-wpp");
    passes("good-devices");
    trips("wpp-unbalanced", "BAD_HANDLE", &["WppAutoLogStop was called without WppAutoLogStart"]);
    if let Some(ran) = run("wpp-leak") {
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        assert!(ran.stdout.contains("WPP recorder"), "{ran:#?}");
    }
}

/// Plays these steps with the driver's device.
fn requests(name: &str, steps: &str) -> Option<Ran> {
    if std::env::var_os(WITHOUT_C).is_some() {
        eprintln!("{name}: left out, there is no clang ({WITHOUT_C} is set)");
        return None;
    }
    let scratch = Scratch::new(&format!("c-{name}"));
    let image = sys("ntsim_c", "ntsim-c");
    let head = format!("[[driver]]\nname = 'good-ioctl'\npath = '{}'\n", image.display());
    Some(ntsim_on("run", &scratch.file("ioctl.toml", format!("{head}{steps}").as_bytes())))
}

#[test]
fn a_fault_on_a_users_buffer_becomes_a_status_and_one_on_the_kernels_does_not() {
    let user = "[[step]]\nioctl = { device = '\\\\.\\NtsimC', code = 0x222003, in-hex = '01 02 04', out-length = 4, expect-hex = '07 00 00 00' }\n\
                [[step]]\nioctl = { device = '\\\\.\\NtsimC', code = 0x222007, in-hex = '01 02 04', out-length = 4, expect-status = 'STATUS_ACCESS_VIOLATION' }\n\
                [[step]]\nioctl = { device = '\\\\.\\NtsimC', code = 0x222003, in-hex = '08', out-length = 4, expect-hex = '08 00 00 00', threads = 4, repeat = 50 }\n";
    if let Some(ran) = requests("user", user) {
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        assert!(ran.stdout.contains("passed: 3 steps, 202 requests"), "{ran:#?}");
    }
    let kernel =
        "[[step]]\nioctl = { device = '\\\\.\\NtsimC', code = 0x222008, in-hex = '01 02 04', out-length = 4 }\n";
    if let Some(ran) = requests("kernel", kernel) {
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        ran.says(&[
            "PAGE_FAULT",
            "behind the end of the system buffer",
            "ioctl.c:",
            "called by the kernel as IRP_MJ_DEVICE_CONTROL",
        ]);
    }
}
