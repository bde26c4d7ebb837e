//! `CQ-*`: see docs/contract/ndkpi.md.

contract! {}
