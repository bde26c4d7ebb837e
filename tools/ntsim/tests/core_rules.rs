//! Rules of the kernel core, of WSK and of the IP helper routines: each is tripped by a case of the
//! driver `ntsim-rules`, whose name is the case; the report has to name the rule, the driver and
//! the guilty function with its file.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn images() -> PathBuf {
    let directory = std::env::var_os("NTSIM_SYS_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/sys/debug"), PathBuf::from);
    assert!(
        directory.join("ntsim_rules.sys").is_file(),
        "{} has no ntsim_rules.sys; build it with: cargo xtask build -p ntsim-rules",
        directory.display()
    );
    directory
}

/// Loads the driver under the name of a case.
fn run(case: &str) -> (Option<i32>, String) {
    let directory = std::env::temp_dir().join(format!("ntsim-rules-{}-{case}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory for links");
    for extension in ["sys", "pdb"] {
        let source = images().join(format!("ntsim_rules.{extension}")).canonicalize().expect("an image with symbols");
        std::os::unix::fs::symlink(source, directory.join(format!("{case}.{extension}"))).expect("a link");
    }
    let file = directory.join(format!("{case}.sys"));
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_ntsim")).arg("load").arg(&file).output().expect("ntsim runs");
    std::fs::remove_dir_all(&directory).expect("links can be removed");
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    (status.code(), text)
}

/// The case ends with a bugcheck of `code`, whose stack shows `function` in `file`.
fn trips(case: &str, code: &str, function: &str, file: &str) {
    let (exit, text) = run(case);
    assert_eq!(exit, Some(3), "{case}: {text}");
    let first = text
        .lines()
        .find(|line| line.starts_with("*** simulated bugcheck"))
        .unwrap_or_else(|| panic!("{case}: no report: {text}"));
    assert_eq!(first.split(' ').nth(4), Some(code), "{case}: {text}");
    assert!(text.contains(&format!("driver: {case}.sys")), "{case}: {text}");
    let frame = text
        .lines()
        .find(|line| line.contains(&format!("{case}.sys!")) && line.contains(function) && line.contains(file));
    assert!(frame.is_some(), "{case}: no frame of {function} in {file}: {text}");
}

macro_rules! cases {
    ($file:literal $($test:ident: $case:literal => $code:literal, $function:literal;)*) => {
        $(#[test]
        fn $test() {
            trips($case, $code, $function, $file);
        })*
    };
}

cases! { "bad.rs:"
    wait_at_dispatch: "wait-at-dispatch" => "WAIT_AT_RAISED_IRQL", "wait_at_dispatch";
    delay_at_dispatch: "delay-at-dispatch" => "WAIT_AT_RAISED_IRQL", "bad::";
    lock_recursion: "lock-recursion" => "SPIN_LOCK_RECURSION", "bad::";
    lock_not_owned: "lock-not-owned" => "SPIN_LOCK_NOT_OWNED", "bad::";
    lower_with_lock: "lower-with-lock" => "LOWERED_WITH_LOCK", "bad::";
    lower_to_higher: "lower-to-higher" => "LOWER_TO_HIGHER_IRQL", "bad::";
    event_not_initialized: "event-not-initialized" => "OBJECT_NOT_INITIALIZED", "bad::";
    double_free: "double-free" => "POOL_DOUBLE_FREE", "bad::";
    wrong_tag: "wrong-tag" => "POOL_WRONG_TAG", "bad::";
    foreign_free: "foreign-free" => "POOL_FOREIGN_FREE", "bad::";
    overrun: "overrun" => "POOL_OVERRUN", "bad::";
    paged_at_dispatch: "paged-at-dispatch" => "POOL_PAGED_AT_RAISED_IRQL", "bad::";
    zero_bytes: "zero-bytes" => "POOL_ZERO_BYTES", "bad::";
    use_after_free: "use-after-free" => "PAGE_FAULT", "bad::";
    freed_with_timer: "freed-with-timer" => "POOL_HOLDS_LIVE_OBJECT", "bad::";
    mdl_double_free: "mdl-double-free" => "MDL_FOREIGN", "bad::";
    mdl_mapped_nonpaged: "mdl-mapped-nonpaged" => "MDL_TWICE", "bad::";
    mdl_unlock: "mdl-unlock" => "MDL_UNBALANCED", "bad::";
    null_read: "null-read" => "PAGE_FAULT", "null_read";
    null_read_at_dispatch: "null-read-at-dispatch" => "PAGE_FAULT_AT_RAISED_IRQL", "null_read";
    null_call: "null-call" => "NULL_CALL", "null_call";
    write_code: "write-code" => "PAGE_FAULT", "bad::";
    fast_fail: "fast-fail" => "FAST_FAIL", "bad::";
    assertion: "assertion" => "ASSERTION_FAILURE", "bad::";
    illegal: "illegal" => "BAD_INSTRUCTION", "bad::";
    privileged: "privileged" => "BAD_INSTRUCTION", "bad::";
    divide: "divide" => "DIVISION_FAULT", "bad::";
    stack_overflow: "stack-overflow" => "STACK_OVERFLOW", "descend";
    driver_bugcheck: "driver-bugcheck" => "DRIVER_BUGCHECK", "bad::";
    foreign_exit: "foreign-exit" => "THREAD_FOREIGN_EXIT", "bad::";
    underflow: "underflow" => "REFERENCE_UNDERFLOW", "bad::";
    rundown: "rundown" => "RUNDOWN_UNBALANCED", "bad::";
    null_dpc: "null-dpc" => "NULL_CALLBACK", "bad::";
    copy_from_null: "copy-from-null" => "PAGE_FAULT", "copy_from_null";
}

cases! { "more.rs:"
    wrong_irql: "wrong-irql" => "ROUTINE_AT_WRONG_IRQL", "more::";
    region_not_entered: "region-not-entered" => "REGION_NOT_ENTERED", "more::";
    raise_to_lower: "raise-to-lower" => "RAISE_TO_LOWER_IRQL", "more::";
    breakpoint: "breakpoint" => "BREAKPOINT", "more::";
    lock_mixed: "lock-mixed" => "SPIN_LOCK_MIXED", "more::";
    lock_corrupt: "lock-corrupt" => "SPIN_LOCK_CORRUPT", "more::";
    too_many_locks: "too-many-locks" => "TOO_MANY_LOCKS", "more::";
    mutex_recursion: "mutex-recursion" => "LOCK_RECURSION", "more::";
    mutex_not_held: "mutex-not-held" => "LOCK_NOT_OWNED", "more::";
    no_critical_region: "no-critical-region" => "NO_CRITICAL_REGION", "more::";
    resource_in_use: "resource-in-use" => "OBJECT_IN_USE", "more::";
    semaphore_limit: "semaphore-limit" => "SEMAPHORE_LIMIT", "more::";
    mutex_not_owned: "mutex-not-owned" => "MUTEX_NOT_OWNED", "more::";
    wait_for_none: "wait-for-none" => "BAD_WAIT_COUNT", "more::";
    bad_parameter: "bad-parameter" => "BAD_PARAMETER", "more::";
    dpc_in_use: "dpc-in-use" => "DPC_IN_USE", "more::";
    dpc_not_initialized: "dpc-not-initialized" => "DPC_NOT_INITIALIZED", "more::";
    timer_in_use: "timer-in-use" => "TIMER_IN_USE", "more::";
    bad_tag: "bad-tag" => "POOL_BAD_TAG", "more::";
    bad_flags: "bad-flags" => "POOL_BAD_FLAGS", "more::";
    executable: "executable" => "POOL_EXECUTABLE", "more::";
    mdl_not_locked: "mdl-not-locked" => "MDL_NOT_LOCKED", "more::";
    mdl_range: "mdl-range" => "MDL_RANGE", "more::";
    thread_bad_exit: "thread-bad-exit" => "THREAD_BAD_EXIT", "ends_in_region";
    dpc_releases: "dpc-releases" => "SPIN_LOCK_NOT_OWNED", "releases";
    set_event_and_wait: "set-event-and-wait" => "WAIT_NOT_ALLOWED", "more::";
    map_to_user: "map-to-user" => "UNFINISHED_ROUTINE", "more::";
    mdl_still_locked: "mdl-still-locked" => "MDL_STILL_LOCKED", "more::";
    lookaside_of_nothing: "lookaside-of-nothing" => "LOOKASIDE_MISUSE", "more::";
}

cases! { "net.rs:"
    wsk_not_registered: "wsk-not-registered" => "WSK_BAD_REGISTRATION", "net::";
    wsk_registered_twice: "wsk-registered-twice" => "WSK_BAD_REGISTRATION", "net::";
    wsk_not_captured: "wsk-not-captured" => "WSK_NPI_NOT_CAPTURED", "net::";
    wsk_released_twice: "wsk-released-twice" => "WSK_NPI_NOT_CAPTURED", "net::";
    wsk_not_released: "wsk-not-released" => "WSK_DEREGISTER_HANGS", "net::";
    wsk_foreign_adapter: "wsk-foreign-adapter" => "WSK_BAD_NDK_ADAPTER", "net::";
    wsk_lookup: "wsk-lookup" => "WSK_UNFINISHED", "net::";
    notification_cancelled_twice: "notification-cancelled-twice" => "NETIO_BAD_HANDLE", "net::";
    notification_cancelled_inside: "notification-cancelled-inside" => "NETIO_CANCEL_INSIDE_CALLBACK", "cancels";
    foreign_table: "foreign-table" => "NETIO_BAD_HANDLE", "net::";
}

/// These are found when the driver's function has returned: the report names it in words.
fn trips_at_return(case: &str, code: &str, words: &str) {
    let (exit, text) = run(case);
    assert_eq!(exit, Some(3), "{case}: {text}");
    assert!(text.contains(&format!(" {code} (")), "{case}: {text}");
    assert!(text.contains(&format!("driver: {case}.sys")), "{case}: {text}");
    assert!(text.contains(words), "{case}: {text}");
}

#[test]
fn what_is_wrong_at_return_is_found() {
    trips_at_return("lock-held-at-return", "LOCK_HELD_AT_RETURN", "DriverEntry");
    trips_at_return("irql-at-return", "IRQL_CHANGED_AT_RETURN", "was called at IRQL 0 and returned at IRQL 2");
    trips_at_return("region-left-open", "REGION_LEFT_OPEN", "DriverEntry");
    trips_at_return("dpc-holds-lock", "LOCK_HELD_AT_RETURN", "keeps_lock");
    trips_at_return("thread-holds-irql", "IRQL_CHANGED_AT_RETURN", "system thread");
    trips_at_return("lock-of-caller", "LOCK_OF_CALLER_RELEASED", "releases_of_caller");
    trips_at_return("no-unload", "NO_UNLOAD_ROUTINE", "has no DriverUnload");
    trips_at_return("work-at-unload", "WORK_AT_UNLOAD", "works_long");
    trips_at_return("timer-at-unload", "TIMER_AT_UNLOAD", "a timer is set");
    trips_at_return("thread-at-unload", "THREAD_AT_UNLOAD", "sleeps");
}

#[test]
fn a_leak_is_reported_with_the_allocating_stack() {
    let (exit, text) = run("leak-pool");
    assert_eq!(exit, Some(3), "{text}");
    assert!(text.contains("pool") && text.contains("77 bytes") && text.contains("Rule"), "{text}");
    assert!(text.lines().any(|line| line.contains("leak_pool") && line.contains("bad.rs:")), "{text}");
}

#[test]
fn a_failing_entry_is_one_line_and_its_leak_is_a_violation() {
    let (exit, text) = run("entry-fails");
    assert_eq!(exit, Some(2), "{text}");
    assert!(text.contains("DriverEntry of entry-fails.sys failed: 0xc0000001 (STATUS_UNSUCCESSFUL)"), "{text}");
    let (exit, text) = run("leak-at-failure");
    assert_eq!(exit, Some(3), "{text}");
    assert!(text.contains(" LEAKED (") && text.contains("78 bytes"), "{text}");
}

#[test]
fn the_good_twin_is_clean() {
    let (exit, text) = run("good");
    assert_eq!(exit, Some(0), "{text}");
    assert!(!text.contains("simulated bugcheck"), "{text}");
}
