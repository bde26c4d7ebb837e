//! `ntsim load FILE`

use std::path::Path;
use std::process::ExitCode;

use super::{LEAKED, print, refuse};
use crate::machine::{Config, Machine, MachineError, UnloadReport};
use crate::report::{self, Verdict};

pub(super) fn load(file: &Path, quiet: bool) -> ExitCode {
    crate::dbg::set_quiet(quiet);
    match load_and_unload(file) {
        Err(error) => {
            report::finish(Verdict::Failed(error.to_string()));
            refuse(&error)
        }
        Ok(report) => {
            print(&format!("{report}\n"));
            if report.is_clean() {
                report::finish(Verdict::Passed(report.to_string()));
                ExitCode::SUCCESS
            } else {
                report::finish(Verdict::Leaks(vec![report]));
                LEAKED.into()
            }
        }
    }
}

fn load_and_unload(file: &Path) -> Result<UnloadReport, MachineError> {
    let mut machine = Machine::new(Config::default())?;
    let driver = machine.load(file, &[])?;
    if let Some(name) = machine.driver_name(driver) {
        print(&format!("{name}: loaded, DriverEntry succeeded\n"));
    }
    machine.unload(driver)
}
