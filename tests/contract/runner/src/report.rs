//! What a conformance run prints.

use std::collections::BTreeMap;

use crate::conformance::Verdict;

/// The part of the contract that an ID belongs to.
#[must_use]
pub fn section(id: &str) -> &str {
    id.split_once('-').map_or(id, |(section, _)| section)
}

/// Prints a line for each failure, a table by section, and the sum.
pub fn table(verdicts: &[Verdict]) {
    let mut sections: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
    for verdict in verdicts {
        let passed = sections.entry(section(&verdict.id)).or_default().entry(&verdict.id).or_insert(true);
        *passed &= verdict.failure.is_none();
        if let Some(failure) = &verdict.failure {
            println!("{} over {} failed: {failure}", verdict.id, verdict.wire.name());
        }
    }
    println!("{:10} {:>8} {:>8} {:>8}", "section", "tested", "passed", "failed");
    let (mut tested, mut passed) = (0, 0);
    for (section, ids) in &sections {
        let good = ids.values().filter(|passed| **passed).count();
        println!("{section:10} {:>8} {good:>8} {:>8}", ids.len(), ids.len() - good);
        tested += ids.len();
        passed += good;
    }
    println!("{:10} {tested:>8} {passed:>8} {:>8}", "all", tested - passed);
    println!("{passed} passed, {} failed", tested - passed);
}

/// Prints every verdict as JSON.
pub fn json(verdicts: &[Verdict]) {
    let quoted = |text: &str| {
        let escaped: String = text
            .chars()
            .map(|character| match character {
                '"' => "\\\"".to_owned(),
                '\\' => "\\\\".to_owned(),
                character if u32::from(character) < 0x20 => format!("\\u{:04x}", u32::from(character)),
                character => character.to_string(),
            })
            .collect();
        format!("\"{escaped}\"")
    };
    let rows: Vec<String> = verdicts
        .iter()
        .map(|verdict| {
            let failure = verdict.failure.as_deref().map_or_else(|| "null".to_owned(), quoted);
            format!("  {{\"id\": \"{}\", \"wire\": \"{}\", \"failure\": {failure}}}", verdict.id, verdict.wire.name())
        })
        .collect();
    println!("[\n{}\n]", rows.join(",\n"));
}
