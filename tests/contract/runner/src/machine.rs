//! The machine that a test runs in. Most take any; some need adapters with less of something, or else they
//! would not come to its end in a reasonable time.

use ndktest_host::Setup;

use crate::Wire;

/// What is not ordinary about a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Ordinary,
    /// This keyword of all adapters.
    Keyword(&'static str, u32),
    /// So many processors, whatever the host has.
    Processors(u32),
}

impl Kind {
    /// The machine for a test.
    #[must_use]
    pub fn of(id: &str) -> Self {
        match id {
            "CONN-08" | "LSN-06" | "SEP-04" => Self::Keyword("DynamicPorts", 24),
            "CONN-34" => Self::Keyword("AcceptLimit", 400),
            "CQ-04" | "LSN-14" | "MR-03" | "MW-02" | "PD-02" | "QP-08" | "SEP-05" | "SRQ-04" => {
                Self::Keyword("ObjectLimit", 200)
            }
            "CQ-57" | "CQ-60" | "FLAG-17" => Self::Keyword("OptionalFeatures", 0),
            "CQ-06" => Self::Processors(6),
            _ => Self::Ordinary,
        }
    }

    /// Such a machine with the adapters that the wire needs.
    #[must_use]
    pub fn setup(self, wire: Wire) -> Setup {
        let mut setup = Setup::tests();
        if wire == Wire::Same {
            setup.adapters.truncate(1);
        }
        match self {
            Self::Ordinary => {}
            Self::Keyword(name, value) => {
                setup.adapters = setup.adapters.into_iter().map(|adapter| adapter.keyword(name, value)).collect();
            }
            Self::Processors(count) => setup.config.processors = Some(count),
        }
        setup
    }
}

/// Puts IDs that can share a machine together; the order stays within each.
#[must_use]
pub fn together(ids: &[String]) -> Vec<(Kind, Vec<String>)> {
    let mut groups: Vec<(Kind, Vec<String>)> = Vec::new();
    for id in ids {
        let kind = Kind::of(id);
        match groups.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, group)) => group.push(id.clone()),
            None => groups.push((kind, vec![id.clone()])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_is_in_one_group_of_its_kind() {
        let ids = ["CQ-01", "CQ-04", "CQ-05", "PD-02", "CONN-34"].map(str::to_owned);
        let groups = together(&ids);
        assert_eq!(groups.len(), 3);
        assert_eq!(groups[0], (Kind::Ordinary, vec!["CQ-01".to_owned(), "CQ-05".to_owned()]));
        assert_eq!(groups[1].1, ["CQ-04", "PD-02"]);
    }
}
