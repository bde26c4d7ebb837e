//! Which sections of the contract belong to which object.

use crate::coverage::section;

/// The ten objects, with the sections about them.
const OBJECTS: [(&str, &[&str]); 10] = [
    ("adapter", &["ADP", "LAM", "VER"]),
    ("cq", &["CQ"]),
    ("pd", &["PD"]),
    ("mr", &["MR", "FRG", "INV"]),
    ("mw", &["MW", "BND", "INV"]),
    ("srq", &["SRQ"]),
    ("qp", &["QP", "WR", "FLAG", "FLUSH", "SND", "SINV", "RCV", "BND", "FRG", "INV", "RD", "WRT"]),
    ("endpoint", &["SEP"]),
    ("connector", &["CONN", "ADR"]),
    ("listener", &["LSN"]),
];

/// Whether the requirement `id` is about `name`: one of the ten objects, or a section such as `LIFE`.
#[must_use]
pub fn belongs(id: &str, name: &str) -> bool {
    let own = section(id);
    let object = OBJECTS.iter().find(|(object, _)| object.eq_ignore_ascii_case(name));
    own.eq_ignore_ascii_case(name) || object.is_some_and(|(_, sections)| sections.contains(&own))
}

#[cfg(test)]
mod tests {
    use super::belongs;

    #[test]
    fn objects_and_sections_choose() {
        assert!(belongs("FLAG-03", "qp") && belongs("FLAG-03", "flag") && belongs("CQ-01", "CQ"));
        assert!(!belongs("CQ-01", "qp") && !belongs("CQ-01", "C"));
    }
}
