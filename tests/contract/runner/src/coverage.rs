//! Which requirement is held by what: every ID of the contract is tested, or says why it cannot be.
//!
//! ```text
//!   docs/contract/ndkpi.md          IDs and sections --+
//!   tests/contract/**/*.rs          `contract!` lists  +--> Coverage --> coverage.md, "unaccounted"
//!   tests/contract/*.tsv            reasons          --+
//! ```
//! The tests are read from their sources, so that the table can be checked without a driver image; the
//! conformance run compares it with what the image really offers.

mod sources;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use sources::{Requirement, is_id, section};

/// A test that carries an ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// The file below `tests/contract`.
    pub file: String,
    /// What it shows, in its own words.
    pub what: String,
}

impl Test {
    fn is_of_ndis(&self) -> bool {
        is_of_ndis(&self.file)
    }
}

/// What NDIS sees is tested by the host, in a folder of its own.
fn is_of_ndis(file: &str) -> bool {
    file.starts_with("ndis/") && !file.starts_with("ndis/consumer/")
}

/// What holds one requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held<'a> {
    /// Running tests: of the consumer, of NDIS, or of both.
    By(&'a [Test]),
    /// No test can see it; why, and what looks after it instead.
    NotObservable(&'a str),
    /// Nothing: a gap.
    Nothing,
}

/// The contract and what holds it.
#[derive(Debug, Default)]
pub struct Coverage {
    /// The requirements in the contract's order.
    pub requirements: Vec<Requirement>,
    /// Tests by ID, those with names of their own (such as `NEG-01`) included.
    pub tests: BTreeMap<String, Vec<Test>>,
    /// Reasons by ID.
    pub not_observable: BTreeMap<String, String>,
    /// Lines tagged `[dec]` that are decided otherwise here, with the reason.
    pub decisions: BTreeMap<String, String>,
    /// Contradictions between the files, in words.
    pub mistakes: Vec<String>,
}

/// `tests/contract` of this checkout.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

impl Coverage {
    /// Reads the contract and the tests of this checkout.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read() -> Result<Self> {
        let folder = folder();
        let contract = folder.join("../../docs/contract/ndkpi.md");
        let contract = std::fs::read_to_string(&contract).with_context(|| contract.display().to_string())?;
        let mut coverage = Self { requirements: sources::requirements(&contract), ..Self::default() };
        coverage.read_tests(&folder)?;
        coverage.read_reasons(&folder)?;
        coverage.find_mistakes();
        Ok(coverage)
    }

    /// What holds the requirement `id`.
    #[must_use]
    pub fn held(&self, id: &str) -> Held<'_> {
        match (self.tests.get(id), self.not_observable.get(id)) {
            (Some(tests), _) => Held::By(tests),
            (None, Some(reason)) => Held::NotObservable(reason),
            (None, None) => Held::Nothing,
        }
    }

    /// The IDs that nothing holds.
    #[must_use]
    pub fn unaccounted(&self) -> Vec<&str> {
        let ids = self.requirements.iter().map(|requirement| requirement.id.as_str());
        ids.filter(|id| self.held(id) == Held::Nothing).collect()
    }

    /// `coverage.md` as it should be.
    #[must_use]
    pub fn table(&self) -> String {
        table::render(self)
    }

    fn read_tests(&mut self, folder: &Path) -> Result<()> {
        for path in sources::files(folder, "rs")? {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let file = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            for (id, what) in sources::tests(&text) {
                let tests = self.tests.entry(id.clone()).or_default();
                if let Some(other) = tests.iter().find(|other| other.is_of_ndis() == is_of_ndis(&file)) {
                    self.mistakes.push(format!("{id} is the name of two tests, in {} and {file}", other.file));
                }
                tests.push(Test { file: file.clone(), what });
            }
        }
        Ok(())
    }

    fn read_reasons(&mut self, folder: &Path) -> Result<()> {
        for path in sources::files(folder, "tsv")? {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let decisions = path.file_stem().is_some_and(|stem| stem == "decisions");
            for (id, reason) in sources::reasons(&text) {
                let map = if decisions { &mut self.decisions } else { &mut self.not_observable };
                if map.insert(id.clone(), reason).is_some() {
                    self.mistakes.push(format!("{id} has two reasons, one of them in {}", path.display()));
                }
            }
        }
        Ok(())
    }

    fn find_mistakes(&mut self) {
        let known = |id: &String| self.requirements.iter().any(|requirement| requirement.id == *id);
        let sections: Vec<&str> = self.requirements.iter().map(|requirement| requirement.section()).collect();
        let mut mistakes = Vec::new();
        for id in self.tests.keys() {
            // A section that the contract does not have is one of our own, such as NEG.
            if sections.contains(&sources::section(id)) && !known(id) {
                mistakes.push(format!("{id} is tested, but the contract does not have it"));
            }
            if self.not_observable.contains_key(id) {
                mistakes.push(format!("{id} is tested and said not to be observable"));
            }
        }
        for id in self.not_observable.keys().chain(self.decisions.keys()).filter(|id| !known(id)) {
            mistakes.push(format!("{id} has a reason, but the contract does not have it"));
        }
        self.mistakes.extend(mistakes);
    }
}
