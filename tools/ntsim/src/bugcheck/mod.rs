//! How the simulated machine stops.
//!
//! A broken rule is a [`Violation`]: a [`Code`] with a stable name, four parameters, a sentence
//! that says what was done wrong, who did it, and stacks. [`Violation::raise`] prints the report
//! and ends the process with exit code 3.

mod raise;
mod report;

pub mod codes;

#[cfg(test)]
pub use raise::expect_violation;
pub use raise::{EXIT_CODE, raise_fault};
pub use report::{Report, ReportStack};

use crate::symbols::Stack;

/// A rule of the verifier or a Windows bugcheck.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable name.
    pub name: &'static str,
    /// The bugcheck number of Windows or Driver Verifier that it stands for.
    pub number: u32,
    /// What the rule is.
    pub meaning: &'static str,
}

/// Declares codes: `/// what the rule is` then `NAME = bugcheck number;`. Gives a `static` for
/// each and `ALL: &[&Code]`, which `docs/verifier.md` is checked against.
#[macro_export]
macro_rules! codes {
    ($(#[doc = $meaning:literal] $name:ident = $number:literal;)*) => {
        $(#[doc = $meaning] pub static $name: $crate::bugcheck::Code = $crate::bugcheck::Code {
            name: stringify!($name),
            number: $number,
            meaning: $meaning,
        };)*
        /// All codes of this file.
        pub static ALL: &[&$crate::bugcheck::Code] = &[$(&$name),*];
    };
}

/// Stops the machine: `bugcheck!(codes::X, [p1, p2, p3, p4], "what {} did", name)`. The driver
/// named in the report is the one whose code called the kernel.
#[macro_export]
macro_rules! bugcheck {
    ($code:expr, $params:expr, $($text:tt)+) => {
        $crate::bugcheck::Violation::new(&$code).params($params).text(format!($($text)+)).raise()
    };
}

/// A violation being described.
#[derive(Debug)]
#[must_use = "raise it"]
pub struct Violation {
    pub(crate) code: &'static Code,
    pub(crate) params: [u64; 4],
    pub(crate) text: String,
    pub(crate) guilty: Option<usize>,
    pub(crate) related: Vec<(String, Stack)>,
    pub(crate) notes: Vec<String>,
}

impl Violation {
    /// A violation of `code`.
    pub fn new(code: &'static Code) -> Self {
        Self { code, params: [0; 4], text: String::new(), guilty: None, related: Vec::new(), notes: Vec::new() }
    }

    /// The four bugcheck parameters.
    pub fn params(mut self, params: [u64; 4]) -> Self {
        self.params = params;
        self
    }

    /// The sentence that says what was done wrong.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// Any address in the guilty driver's code, when that is not the caller.
    pub fn guilty(mut self, address: usize) -> Self {
        self.guilty = Some(address);
        self
    }

    /// Another stack that explains the matter, such as "allocated at".
    pub fn related(mut self, title: impl Into<String>, stack: Stack) -> Self {
        self.related.push((title.into(), stack));
        self
    }

    /// A further line of the report.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}
