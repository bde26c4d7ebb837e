//! `MR-*`: see docs/contract/ndkpi.md.

contract! {}
