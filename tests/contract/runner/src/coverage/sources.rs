//! Reads the contract's IDs, the lists of tests and the lists of reasons from their texts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// One requirement of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Such as `CQ-21`.
    pub id: String,
    /// The heading of the contract that it stands below.
    pub heading: String,
}

impl Requirement {
    /// `CQ` of `CQ-21`.
    #[must_use]
    pub fn section(&self) -> &str {
        section(&self.id)
    }
}

/// `CQ` of `CQ-21`.
#[must_use]
pub fn section(id: &str) -> &str {
    id.split_once('-').map_or(id, |(section, _)| section)
}

/// True for `CQ-21`, not for `transfer`.
#[must_use]
pub fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(section, number)| {
        !section.is_empty()
            && section.bytes().all(|byte| byte.is_ascii_uppercase())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The lines `- **ID** ...` of the contract. Its last chapter, `OBS-*`, states facts, not requirements.
pub fn requirements(contract: &str) -> Vec<Requirement> {
    let mut heading = String::new();
    let mut found = Vec::new();
    for line in contract.lines() {
        if let Some(text) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            heading = text.to_owned();
        }
        let id = line.strip_prefix("- **").and_then(|rest| rest.split_once("**")).map(|(id, _)| id);
        if let Some(id) = id.filter(|id| is_id(id) && section(id) != "OBS") {
            found.push(Requirement { id: id.to_owned(), heading: heading.clone() });
        }
    }
    found
}

/// The lines `"ID" function, "what";` of a file of tests.
pub fn tests(source: &str) -> Vec<(String, String)> {
    let entry = |line: &str| {
        let (id, rest) = line.trim_start().strip_prefix('"')?.split_once('"')?;
        let (_, what) = rest.split_once('"')?;
        let (what, _) = what.rsplit_once('"')?;
        is_id(id).then(|| (id.to_owned(), what.to_owned()))
    };
    source.lines().filter(|line| line.trim_end().ends_with(';')).filter_map(entry).collect()
}

/// The lines `ID<TAB>reason` of a list.
pub fn reasons(list: &str) -> Vec<(String, String)> {
    let pair = |line: &str| line.split_once('\t').map(|(id, reason)| (id.trim().to_owned(), reason.trim().to_owned()));
    list.lines().filter_map(pair).filter(|(id, reason)| is_id(id) && !reason.is_empty()).collect()
}

/// The files with this extension below `folder`, the runner's own left out, in order.
pub fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "runner" {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|other| other == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_have_their_heading_and_facts_are_none() {
        let contract =
            "## 3. Objects\n- **CQ-01** a\ntext\n### 3.2 More\n- **CQ-02** b\n- **OBS-01** c\n- **bold** d\n";
        let found = requirements(contract);
        let pairs: Vec<_> = found.iter().map(|r| (r.id.as_str(), r.heading.as_str(), r.section())).collect();
        assert_eq!(pairs, [("CQ-01", "3. Objects", "CQ"), ("CQ-02", "3.2 More", "CQ")]);
    }

    #[test]
    fn only_entries_of_a_list_are_tests() {
        let source =
            "contract! {\n    \"CQ-02\" cq_02, \"a \\\"deep\\\" one is refused\";\n}\ncheck(\"CQ-03 is no test\");\n";
        assert_eq!(tests(source), [("CQ-02".to_owned(), "a \\\"deep\\\" one is refused".to_owned())]);
    }

    #[test]
    fn a_reason_needs_words() {
        assert_eq!(reasons("CQ-01\twhy\nCQ-02\t \nno id\tx\n"), [("CQ-01".to_owned(), "why".to_owned())]);
    }
}
