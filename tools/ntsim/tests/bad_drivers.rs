//! The verifier finds what small bad drivers do, and names driver, function and place.
//!
//! Each case runs the `ntsim` command on images of `tests/bad`: built by `cargo xtask build`,
//! found in the folder that `NTSIM_SYS_DIR` names, or in `target/sys/debug`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// How one run ended.
struct Run {
    code: Option<i32>,
    text: String,
}

impl Run {
    /// Exit code 3, the violation's name, the guilty driver, and each of `places` in the report.
    #[track_caller]
    fn is_violation(&self, name: &str, driver: &str, places: &[&str]) {
        assert_eq!(self.code, Some(3), "{}", self.text);
        let head = self.text.lines().find(|line| line.starts_with("*** simulated bugcheck")).unwrap_or_default();
        assert!(head.contains(&format!(" {name} ")), "not {name}:\n{}", self.text);
        assert!(self.text.contains(&format!("driver: {driver}")), "not by {driver}:\n{}", self.text);
        for place in places {
            assert!(self.text.contains(place), "`{place}` is not in:\n{}", self.text);
        }
    }
}

fn image(name: &str) -> PathBuf {
    let folder = std::env::var_os("NTSIM_SYS_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/sys/debug"), PathBuf::from);
    let path = folder.join(name);
    assert!(path.is_file(), "{} is not there; `cargo xtask build` makes it", path.display());
    path
}

fn ntsim(arguments: &[&Path]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_ntsim")).args(arguments).output().expect("ntsim starts");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Run { code: output.status.code(), text }
}

/// `ntsim load` of one driver.
fn load(name: &str) -> Run {
    ntsim(&[Path::new("load"), &image(name)])
}

/// The fake provider with one adapter, `Fault` as given, and a consumer loaded and unloaded; then
/// the adapter and the provider go.
fn with_provider(consumer: &str, fault: u32) -> Run {
    with_provider_and(consumer, "consumer", fault)
}

/// The same, with the name of the consumer's service.
fn with_provider_and(consumer: &str, service: &str, fault: u32) -> Run {
    let scenario = format!(
        "[[driver]]\nname = \"provider\"\npath = {provider:?}\n\n\
         [[driver]]\nname = \"{service}\"\npath = {consumer:?}\nmanual = true\n\n\
         [[adapter]]\nname = \"Fake\"\ndriver = \"provider\"\ninterface-index = 7\n\
         addresses = [\"192.0.2.1/24\"]\nkeywords = {{ Fault = \"{fault}\" }}\n\n\
         [[step]]\nload = \"{service}\"\n\n[[step]]\nunload = \"{service}\"\n\n\
         [[step]]\nremove = \"Fake\"\n\n[[step]]\nunload = \"provider\"\n",
        provider = image("bad_fake_provider.sys"),
        consumer = image(consumer),
    );
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("bad-{}-{service}-{fault}.toml", consumer.trim_end_matches(".sys")));
    std::fs::write(&file, scenario).expect("the scenario is written");
    ntsim(&[Path::new("run"), &file])
}

#[test]
fn double_free_is_found() {
    load("bad_double_free.sys").is_violation(
        "POOL_DOUBLE_FREE",
        "bad_double_free.sys",
        &["release_block_again", "freed first at", "tests/bad/double-free/src/lib.rs"],
    );
}

#[test]
fn wait_at_dispatch_level_is_found() {
    load("bad_wait_dispatch.sys").is_violation(
        "WAIT_AT_RAISED_IRQL",
        "bad_wait_dispatch.sys",
        &["wait_under_lock", "KeWaitForSingleObject", "tests/bad/wait-dispatch/src/lib.rs"],
    );
}

#[test]
fn call_through_a_null_dispatch_entry_is_found() {
    load("bad_null_dispatch.sys").is_violation(
        "NULL_CALL",
        "bad_null_dispatch.sys",
        &["open_without_looking", "tests/bad/null-dispatch/src/lib.rs"],
    );
}

#[test]
fn leaked_memory_region_is_found() {
    with_provider("bad_leak_mr.sys", 0).is_violation(
        "NDK_LEAKED_OBJECT",
        "bad_leak_mr.sys",
        &["leaked NDK_MR created at bad_leak_mr.sys!", "make_region_and_forget", "tests/bad/leak-mr/src/lib.rs"],
    );
}

#[test]
fn double_close_is_found() {
    with_provider("bad_double_close.sys", 0).is_violation(
        "NDK_DOUBLE_CLOSE",
        "bad_double_close.sys",
        &["closed at", "created by NdkCreatePd", "use_adapter", "tests/bad/double-close/src/lib.rs"],
    );
}

#[test]
fn double_release_of_a_mapping_is_found() {
    with_provider("bad_double_release.sys", 0).is_violation(
        "NDK_LAM_NOT_BUILT",
        "bad_double_release.sys",
        &["NdkReleaseLAM was called with", "use_adapter", "tests/bad/double-release/src/lib.rs"],
    );
}

#[test]
fn misused_objects_are_found() {
    let misuse = |case, violation, function| {
        let places = [function, "tests/bad/object-misuse/src/lib.rs"];
        with_provider_and("bad_object_misuse.sys", case, 0).is_violation(violation, "bad_object_misuse.sys", &places);
    };
    misuse("use-after-close", "NDK_USE_AFTER_CLOSE", "use_after_close");
    misuse("unknown-object", "NDK_UNKNOWN_OBJECT", "arm_nothing");
    misuse("wrong-type", "NDK_WRONG_OBJECT_TYPE", "arm_domain");
    misuse("null-completion", "NDK_NULL_COMPLETION", "close_without_completion");
}

#[test]
fn good_twin_is_let_through() {
    let run = with_provider("bad_good_twin.sys", 0);
    assert_eq!(run.code, Some(0), "{}", run.text);
    assert!(!run.text.contains("bugcheck"), "{}", run.text);
}

/// A provider that breaks one rule, and a consumer that breaks none.
macro_rules! provider_faults {
    ($($name:ident: $consumer:literal, $fault:literal => $violation:literal;)*) => { $(
        #[test]
        fn $name() {
            with_provider($consumer, $fault).is_violation($violation, "bad_fake_provider.sys", &[]);
        }
    )* };
}

provider_faults! {
    ver_08_null_entry: "bad_good_twin.sys", 1 => "NDK_NULL_ENTRY";
    hdr_03_version: "bad_good_twin.sys", 2 => "NDK_BAD_HEADER";
    hdr_04_reserved_not_zero: "bad_good_twin.sys", 3 => "NDK_RESERVED_NOT_ZERO";
    cmp_01_double_completion: "bad_good_twin.sys", 4 => "NDK_DOUBLE_COMPLETION";
    cmp_07_out_parameter_on_pending: "bad_good_twin.sys", 5 => "NDK_OUT_PARAMETER_ON_PENDING";
    cq_17_notify_without_arm: "bad_good_twin.sys", 6 => "NDK_NOTIFY_WITHOUT_ARM";
    hdr_05_reserved_overwritten: "bad_good_twin.sys", 7 => "NDK_RESERVED_OVERWRITTEN";
    life_03_close_completed_twice: "bad_good_twin.sys", 8 => "NDK_DOUBLE_COMPLETION";
    life_10_parent_closed_first: "bad_leak_mr.sys", 9 => "NDK_CLOSED_BEFORE_SUCCESSOR";
    cmp_02_completion_after_failure: "bad_good_twin.sys", 10 => "NDK_COMPLETION_AFTER_FINAL_STATUS";
    cmp_12_lock_across_callback: "bad_good_twin.sys", 11 => "NDK_LOCK_ACROSS_CALLBACK";
    re_11_event_inside_call: "bad_good_twin.sys", 12 => "NDK_EVENT_INSIDE_CALL";
    irql_04_changed_at_return: "bad_good_twin.sys", 13 => "IRQL_CHANGED_AT_RETURN";
    cq_23_overlapping_notifications: "bad_good_twin.sys", 14 => "NDK_NOTIFY_OVERLAP";
    hdr_02_object_type: "bad_good_twin.sys", 15 => "NDK_BAD_HEADER";
    cmp_08_object_on_failure: "bad_good_twin.sys", 16 => "NDK_OBJECT_ON_FAILED_CREATE";
    life_01_close_fails: "bad_good_twin.sys", 17 => "NDK_CLOSE_FAILED";
    cmp_03_pending_not_allowed: "bad_good_twin.sys", 18 => "NDK_PENDING_NOT_ALLOWED";
    life_30_adapter_closed_early: "bad_leak_mr.sys", 19 => "NDK_ADAPTER_CLOSED_EARLY";
    ver_04_answered_version: "bad_good_twin.sys", 20 => "NDK_BAD_OPEN";
    hdr_08_dispatch_rewritten: "bad_good_twin.sys", 21 => "NDK_DISPATCH_REWRITTEN";
    mp_init_02_general_first: "bad_good_twin.sys", 30 => "NDIS_ATTRIBUTES_ORDER";
    mp_cfg_02_configuration_left: "bad_good_twin.sys", 31 => "NDIS_LEFT_AT_HALT";
    mp_init_03_no_general: "bad_good_twin.sys", 32 => "NDIS_BAD_INITIALIZE";
    mp_pause_01_fails: "bad_good_twin.sys", 33 => "NDIS_BAD_PAUSE_STATUS";
    mp_pause_03_completed_and_returned: "bad_good_twin.sys", 34 => "NDIS_UNEXPECTED_COMPLETION";
    mp_unl_01_not_deregistered: "bad_good_twin.sys", 35 => "NDIS_NOT_DEREGISTERED";
    kp_wi_01_queued_twice: "bad_good_twin.sys", 36 => "NDIS_WORK_ITEM_MISUSE";
    mp_link_04_early_status: "bad_good_twin.sys", 37 => "NDIS_BAD_STATUS_INDICATION";
    state_06_needless_event: "bad_good_twin.sys", 38 => "NDIS_BAD_NET_PNP_EVENT";
    mp_halt_05_timer_freed_while_set: "bad_good_twin.sys", 39 => "NDIS_TIMER_MISUSE";
    mp_nbl_03_pool_freed_while_out: "bad_good_twin.sys", 40 => "NDIS_POOL_MISUSE";
    mp_rx_04_receive_before_running: "bad_good_twin.sys", 41 => "NDIS_INDICATE_IN_WRONG_STATE";
    mp_opt_01_handlers_set_late: "bad_good_twin.sys", 42 => "NDIS_OPTIONAL_HANDLERS_OUTSIDE_SET_OPTIONS";
    mp_unl_01_deregistered_with_adapter: "bad_good_twin.sys", 43 => "NDIS_DEREGISTERED_WITH_ADAPTERS";
    mp_ver_02_header_of_pool: "bad_good_twin.sys", 44 => "NDIS_BAD_OBJECT_HEADER";
    mp_rattr_01_no_context: "bad_good_twin.sys", 45 => "NDIS_BAD_ATTRIBUTES";
    mp_rest_01_status: "bad_good_twin.sys", 46 => "NDIS_BAD_RESTART_STATUS";
    mp_nbl_05_tag_of_pool: "bad_good_twin.sys", 47 => "NDIS_BAD_TAG";
    mp_nbl_pool_with_data: "bad_good_twin.sys", 48 => "NDIS_BAD_PARAMETER";
    foreign_handle: "bad_good_twin.sys", 49 => "NDIS_BAD_HANDLE";
    mp_tx_15_flags_at_passive: "bad_good_twin.sys", 50 => "NDIS_FLAGS_IRQL";
    mp_tx_01_completed_without_send: "bad_good_twin.sys", 51 => "NDIS_NBL_NOT_OWNED";
    mp_oid_02_completed_without_request: "bad_good_twin.sys", 52 => "NDIS_OID_DOUBLE_COMPLETE";
    oid_completed_under_lock: "bad_good_twin.sys", 53 => "NDIS_CALLED_WITH_LOCK";
    mp_reg_01_registered_twice: "bad_good_twin.sys", 57 => "NDIS_REGISTERED_TWICE";
    mp_nbl_02_frame_without_memory: "bad_good_twin.sys", 58 => "NDIS_BAD_NET_BUFFER";
    cmp_04_unknown_completion: "bad_good_twin.sys", 60 => "NDK_UNKNOWN_COMPLETION";
    cmp_05_completed_with_pending: "bad_good_twin.sys", 61 => "NDK_COMPLETION_STATUS";
    cmp_06_no_object: "bad_good_twin.sys", 62 => "NDK_CREATE_WITHOUT_OBJECT";
    hdr_07_no_dispatch: "bad_good_twin.sys", 63 => "NDK_DISPATCH_MISSING";
    cq_too_many_results: "bad_good_twin.sys", 64 => "NDK_TOO_MANY_RESULTS";
    life_04_callback_after_close: "bad_good_twin.sys", 65 => "NDK_CALLBACK_AFTER_CLOSE";
    rw_lock_taken_twice: "bad_good_twin.sys", 54 => "NDIS_RW_LOCK_MISUSE";
    mp_rx_05_count: "bad_good_twin.sys", 55 => "NDIS_WRONG_NBL_COUNT";
    mp_rx_03_source: "bad_good_twin.sys", 56 => "NDIS_BAD_RECEIVE_NBL";
}
