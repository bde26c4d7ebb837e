//! `ntsim routines`

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::{print, print_json};
use crate::table::{self, Row, Target, irql_name};

/// One line of the list.
#[derive(Debug, Serialize)]
struct Routine {
    module: String,
    name: String,
    /// Drivers can call it; an unfinished one stops the machine when it is called.
    finished: bool,
    /// `function` or `data`; unknown for an unfinished one.
    kind: Option<&'static str>,
    min_irql: Option<u8>,
    max_irql: Option<u8>,
    /// The IRQL as Windows documents it.
    documented_irql: Option<String>,
    blocks: bool,
    /// May fail for lack of resources.
    fails: bool,
}

pub(super) fn routines(json: bool) -> ExitCode {
    let list = list();
    if json {
        return print_json(&list);
    }
    let mut text = String::new();
    let finished = list.iter().filter(|routine| routine.finished).count();
    for routine in &list {
        let _ = writeln!(text, "{}", line(routine));
    }
    let _ = writeln!(text, "{} routines, {finished} finished", list.len());
    print(&text);
    ExitCode::SUCCESS
}

fn list() -> Vec<Routine> {
    let mut all: BTreeMap<(String, String), Routine> = BTreeMap::new();
    for known in table::contract() {
        let documented = known.irql.to_owned();
        let routine = match table::find(known.module, known.name) {
            Some(row) => finished(row, known.module, Some(documented)),
            None => Routine {
                module: known.module.to_owned(),
                name: known.name.to_owned(),
                finished: false,
                kind: None,
                min_irql: None,
                max_irql: None,
                documented_irql: Some(documented),
                blocks: false,
                fails: false,
            },
        };
        all.insert((routine.module.clone(), routine.name.clone()), routine);
    }
    for row in table::all().filter(|row| table::contract_row(row.module, row.name).is_none()) {
        let key = (row.module.to_owned(), row.name.to_owned());
        all.insert(key, finished(row, row.module, None));
    }
    all.into_values().collect()
}

fn finished(row: &Row, module: &str, documented_irql: Option<String>) -> Routine {
    let is_data = matches!(row.target, Target::Data(_));
    Routine {
        module: module.to_owned(),
        name: row.name.to_owned(),
        finished: true,
        kind: Some(if is_data { "data" } else { "function" }),
        min_irql: (!is_data).then_some(row.min_irql),
        max_irql: (!is_data).then_some(row.max_irql),
        documented_irql,
        blocks: row.blocks,
        fails: !row.failures.is_empty(),
    }
}

fn line(routine: &Routine) -> String {
    let head = format!("{:<14} {:<44}", routine.module, routine.name);
    if !routine.finished {
        return format!("{head} unfinished");
    }
    let irql = match (routine.min_irql, routine.max_irql) {
        (Some(0), Some(15)) => "any IRQL".to_owned(),
        (Some(0), Some(max)) => format!("<= {}", irql_name(max)),
        (Some(min), Some(15)) => format!(">= {}", irql_name(min)),
        (Some(min), Some(max)) if min == max => format!("= {}", irql_name(max)),
        (Some(min), Some(max)) => format!("{} to {}", irql_name(min), irql_name(max)),
        _ => "data".to_owned(),
    };
    let blocks = if routine.blocks { ", blocks" } else { "" };
    let fails = if routine.fails { ", can fail" } else { "" };
    format!("{head} {irql}{blocks}{fails}")
}
