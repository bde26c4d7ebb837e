//! `ADR-*`: see docs/contract/ndkpi.md.

contract! {}
