//! The table of coverage is up to date, and leaves no requirement out.
#![forbid(unsafe_code)]

use softndk_runner::coverage::{Coverage, folder};

#[test]
fn every_requirement_is_tested_or_says_why_not() {
    let coverage = Coverage::read().unwrap();
    assert_eq!(coverage.requirements.len(), 699);
    assert!(coverage.mistakes.is_empty(), "{:#?}", coverage.mistakes);
    assert!(coverage.unaccounted().is_empty(), "{:?}", coverage.unaccounted());
}

#[test]
fn the_committed_table_is_up_to_date() {
    let committed = std::fs::read_to_string(folder().join("coverage.md")).unwrap();
    assert!(committed == Coverage::read().unwrap().table(), "write it again: cargo xtask conformance --coverage");
}
