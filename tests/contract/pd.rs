//! `PD-*`: see docs/contract/ndkpi.md.

contract! {}
