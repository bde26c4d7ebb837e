//! The driver built from C on a machine that a seed schedules: reads of the shared user page are
//! switch points, so that a loop that polls the clock there ends.

mod common;

use common::sys;
use ntsim::machine::{Config, Machine};
use ntsim::sched::Strategy;

#[test]
fn what_headers_inline_works_on_a_seeded_machine() {
    if std::env::var_os("NTSIM_WITHOUT_C_DRIVER").is_some() {
        eprintln!("left out, there is no clang (NTSIM_WITHOUT_C_DRIVER is set)");
        return;
    }
    let image = sys("ntsim_c", "ntsim-c");
    let mut machine = Machine::new(Config::seeded(7, Strategy::Random)).expect("a machine");
    for case in ["good-shared-data", "good-cr8", "good-pcr", "good-seh", "good-seh-nested", "good-seh-raised"] {
        let driver = machine.load_as(case, &image, &[]).unwrap_or_else(|error| panic!("{case}: {error}"));
        let report = machine.unload(driver).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert!(report.is_clean(), "{case}: {report}");
    }
}
