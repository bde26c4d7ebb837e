//! All codes of all subsystems; `docs/verifier.md` lists them.

use crate::bugcheck::Code;

/// The codes of each subsystem under its heading.
pub static RULES: &[(&str, &&[&Code])] = &[
    ("Kernel core", &crate::bugcheck::codes::ALL),
    ("Schedule", &crate::sched::CODES),
    ("Io", &crate::io::CODES),
    ("Zw", &crate::zw::CODES),
    ("Registry", &crate::registry::CODES),
    ("NDIS", &crate::ndis::CODES),
    ("NDK", &crate::ndk::CODES),
    ("WSK", &crate::wsk::CODES),
    ("IP helper", &crate::netio::CODES),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_book() {
        let book = include_str!("../../../../docs/verifier.md");
        let missing: Vec<String> = RULES
            .iter()
            .flat_map(|(_, codes)| codes.iter())
            .map(|code| format!("| `{}` | {:#X} | {} |", code.name, code.number, code.meaning.trim()))
            .filter(|row| !book.contains(row.as_str()))
            .collect();
        assert!(missing.is_empty(), "docs/verifier.md lacks these rows:\n{}", missing.join("\n"));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = RULES.iter().flat_map(|(_, codes)| codes.iter()).map(|code| code.name).collect();
        names.sort_unstable();
        let doubled: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(doubled.is_empty(), "{doubled:?}");
    }
}
