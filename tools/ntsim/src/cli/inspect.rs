//! `ntsim inspect FILE`

use std::path::Path;
use std::process::ExitCode;

use super::{print, print_json, refuse};

pub(super) fn inspect(file: &Path, json: bool) -> ExitCode {
    match crate::inspect::inspect(file) {
        Err(error) => refuse(&error),
        Ok(found) if json => print_json(&found),
        Ok(found) => {
            print(&format!("{}\n", found.to_string().trim_end()));
            ExitCode::SUCCESS
        }
    }
}
