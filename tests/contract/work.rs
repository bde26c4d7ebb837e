//! `WR-*`: see docs/contract/ndkpi.md.

contract! {}
