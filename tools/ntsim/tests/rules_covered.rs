//! Each rule of the verifier is named by a test that breaks it, or stands in
//! `rules-without-a-bad-driver.tsv` with the reason why none does. The list can only shrink: a rule
//! that gets a test has to leave it, and a new rule needs a test or a line that says so.

use ntsim::verifier::rules::RULES;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const LIST: &str = "tools/ntsim/tests/rules-without-a-bad-driver.tsv";

/// Where tests stand: of the last one, only what is built for tests counts.
const PLACES: [&str; 3] = ["tools/ntsim/tests", "tests", "tools/ntsim/src"];

/// These name rules without breaking them: the list's own test, advice on rules, and the drivers.
const NOT_TESTS: [&str; 4] = ["/rules_covered.rs", "/src/report/", "/src/verifier/rules.rs", "/tests/drivers/"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Names of all rules, in the order of the book.
fn rules() -> Vec<&'static str> {
    RULES.iter().flat_map(|(_, codes)| codes.iter()).map(|code| code.name).collect()
}

/// The Rust files under a directory, by their path from the root.
fn sources(directory: &str, found: &mut Vec<String>) {
    let entries = std::fs::read_dir(root().join(directory)).expect("a directory of sources");
    for entry in entries {
        let entry = entry.expect("an entry");
        let path = format!("{directory}/{}", entry.file_name().to_str().expect("a name in UTF-8"));
        if entry.file_type().expect("a type").is_dir() {
            sources(&path, found);
        } else if path.ends_with(".rs") && !NOT_TESTS.iter().any(|part| path.contains(part)) {
            found.push(path);
        }
    }
}

/// The part of a file that is a test: all of it, or what stands behind its `cfg(test)`.
fn test_part<'text>(path: &str, text: &'text str) -> &'text str {
    let beside_code = path.starts_with("tools/ntsim/src") && !path.ends_with("tests.rs") && !path.contains("/tests/");
    if beside_code { text.find("#[cfg(test)]\nmod tests {").and_then(|at| text.get(at..)).unwrap_or("") } else { text }
}

/// Words in capitals of the tests, without what comments say; each with a file that has it.
fn words_of_tests() -> BTreeMap<String, String> {
    let mut paths = Vec::new();
    for place in PLACES {
        sources(place, &mut paths);
    }
    let mut words = BTreeMap::new();
    for path in paths {
        let text = std::fs::read_to_string(root().join(&path)).expect("a source file");
        let code = test_part(&path, &text).lines().filter(|line| !line.trim_start().starts_with("//"));
        for word in code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')) {
            if word.starts_with(|c: char| c.is_ascii_uppercase()) {
                words.entry(word.to_owned()).or_insert_with(|| path.clone());
            }
        }
    }
    words
}

/// The list's lines: a rule's name and the reason.
fn listed() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join(LIST)).expect("the list");
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, reason) = line.split_once('\t').unwrap_or_else(|| panic!("{LIST}: no tab in {line:?}"));
        assert!(!reason.trim().is_empty(), "{LIST}: {name} has no reason");
        rows.push((name.to_owned(), reason.to_owned()));
    }
    rows
}

#[test]
fn each_rule_has_a_test_that_breaks_it_or_a_reason() {
    let (words, listed) = (words_of_tests(), listed());
    let names: BTreeSet<&str> = listed.iter().map(|(name, _)| name.as_str()).collect();
    let rules = rules();
    let missing: Vec<_> = rules.iter().filter(|name| !words.contains_key(**name) && !names.contains(**name)).collect();
    assert!(missing.is_empty(), "no test names these rules; write one, or list them in {LIST}: {missing:#?}");
    let not_yet = listed.iter().filter(|(_, reason)| reason == "not yet").count();
    println!(
        "{} rules: {} with a test that breaks them, {} without ({not_yet} not yet)",
        rules.len(),
        rules.len() - names.len(),
        names.len()
    );
}

#[test]
fn the_list_names_rules_that_no_test_breaks_once_each() {
    let (words, rules) = (words_of_tests(), rules());
    let mut seen = BTreeSet::new();
    for (name, _) in listed() {
        assert!(rules.contains(&name.as_str()), "{LIST}: there is no rule {name}");
        if let Some(path) = words.get(&name) {
            panic!("{LIST}: {name} has a test in {path}; take it off the list");
        }
        assert!(seen.insert(name.clone()), "{LIST}: {name} stands there twice");
    }
}

/// The search itself: what is a test, and what is not.
#[test]
fn a_rule_named_outside_tests_does_not_count() {
    let code = "fn f() { A }\n#[cfg(test)]\nmod tests { B }\n";
    assert!(!test_part("tools/ntsim/src/x.rs", code).contains('A'));
    assert!(test_part("tools/ntsim/src/x.rs", code).contains('B'));
    assert!(test_part("tools/ntsim/src/x.rs", "fn f() { A }\n").is_empty());
    assert!(test_part("tools/ntsim/src/x/tests.rs", code).contains('A'));
    let words = words_of_tests();
    assert!(words.contains_key("POOL_DOUBLE_FREE") && words.contains_key("NDK_DOUBLE_CLOSE"));
}
