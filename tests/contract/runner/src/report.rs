//! What a conformance run prints.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::conformance::Verdict;
use crate::coverage::{Coverage, Held, section};

/// The run, by test and by section.
#[derive(Debug, Serialize)]
pub struct Report {
    sections: Vec<Section>,
    /// Requirements without a test and without a reason, and other contradictions; only of a whole run.
    unaccounted: Vec<String>,
    passed: usize,
    failed: usize,
    verdicts: Vec<Row>,
}

/// One section of the contract; all numbers count IDs.
#[derive(Debug, Default, Serialize)]
struct Section {
    name: String,
    requirements: Option<usize>,
    tested: usize,
    passed: usize,
    not_observable: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    wire: &'static str,
    failure: Option<String>,
}

impl Report {
    /// Sums up `verdicts`; with the coverage of the contract if all tests were run.
    #[must_use]
    pub fn new(verdicts: &[Verdict], coverage: Option<&Coverage>) -> Self {
        let mut ids: BTreeMap<&str, bool> = BTreeMap::new();
        for verdict in verdicts {
            *ids.entry(&verdict.id).or_insert(true) &= verdict.failure.is_none();
        }
        let mut sections: BTreeMap<&str, Section> = BTreeMap::new();
        for (id, passed) in &ids {
            let section = sections.entry(section(id)).or_default();
            section.tested += 1;
            section.passed += usize::from(*passed);
        }
        let mut unaccounted = Vec::new();
        if let Some(coverage) = coverage {
            for requirement in &coverage.requirements {
                let section = sections.entry(requirement.section()).or_default();
                *section.requirements.get_or_insert(0) += 1;
                let hidden = matches!(coverage.held(&requirement.id), Held::NotObservable(_));
                *section.not_observable.get_or_insert(0) += usize::from(hidden);
                if !hidden && !ids.contains_key(requirement.id.as_str()) {
                    unaccounted.push(format!("{} has neither test nor reason", requirement.id));
                }
            }
            unaccounted.extend(coverage.mistakes.iter().cloned());
        }
        let passed = ids.values().filter(|passed| **passed).count();
        let row = |verdict: &Verdict| Row {
            id: verdict.id.clone(),
            wire: verdict.wire.name(),
            failure: verdict.failure.clone(),
        };
        Self {
            sections: sections
                .into_iter()
                .map(|(name, section)| Section { name: name.to_owned(), ..section })
                .collect(),
            unaccounted,
            passed,
            failed: ids.len() - passed,
            verdicts: verdicts.iter().map(row).collect(),
        }
    }

    /// Nothing failed and nothing is unaccounted for.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failed == 0 && self.unaccounted.is_empty()
    }
}

impl fmt::Display for Report {
    /// A line for each failure, a table by section, and the sums.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.verdicts {
            if let Some(failure) = &row.failure {
                writeln!(f, "{} over {} failed: {failure}", row.id, row.wire)?;
            }
        }
        let count = |number: Option<usize>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let mut line = |name: &str, columns: [String; 5]| {
            let [ids, tested, passed, failed, hidden] = columns;
            writeln!(f, "{name:10} {ids:>6} {tested:>8} {passed:>8} {failed:>8} {hidden:>15}")
        };
        line("section", ["IDs", "tested", "passed", "failed", "not observable"].map(str::to_owned))?;
        let mut all = Section::default();
        for section in &self.sections {
            let numbers = [section.tested, section.passed, section.tested - section.passed].map(|n| n.to_string());
            let [tested, passed, failed] = numbers;
            line(&section.name, [count(section.requirements), tested, passed, failed, count(section.not_observable)])?;
            all.tested += section.tested;
            all.passed += section.passed;
            let add = |sum: &mut Option<usize>, more: Option<usize>| {
                if let Some(more) = more {
                    *sum.get_or_insert(0) += more;
                }
            };
            add(&mut all.requirements, section.requirements);
            add(&mut all.not_observable, section.not_observable);
        }
        let [tested, passed, failed] = [all.tested, all.passed, all.tested - all.passed].map(|n| n.to_string());
        line("all", [count(all.requirements), tested, passed, failed, count(all.not_observable)])?;
        if all.requirements.is_some() {
            writeln!(f, "{} unaccounted", self.unaccounted.len())?;
            for line in &self.unaccounted {
                writeln!(f, "  {line}")?;
            }
        }
        writeln!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Wire;

    fn verdict(id: &str, wire: Wire, failure: Option<&str>) -> Verdict {
        Verdict { id: id.into(), wire, failure: failure.map(str::to_owned) }
    }

    #[test]
    fn an_id_passes_only_over_every_wire() {
        let verdicts = [
            verdict("CQ-01", Wire::Same, None),
            verdict("CQ-01", Wire::Two, Some("why")),
            verdict("CQ-02", Wire::Same, None),
        ];
        let report = Report::new(&verdicts, None);
        assert_eq!((report.passed, report.failed), (1, 1));
        assert!(!report.is_good() && report.to_string().contains("CQ-01 over two failed: why"));
    }

    #[test]
    fn a_whole_run_misses_what_has_no_test() {
        let mut coverage = Coverage::default();
        let requirement = |id: &str| crate::coverage::Requirement { id: id.into(), heading: String::new() };
        coverage.requirements = ["CQ-01", "CQ-02", "CQ-03"].map(requirement).into();
        coverage.not_observable.insert("CQ-02".into(), "hidden".into());
        let report = Report::new(&[verdict("CQ-01", Wire::Same, None)], Some(&coverage));
        assert_eq!(report.unaccounted, ["CQ-03 has neither test nor reason"]);
        assert!(!report.is_good());
    }
}
