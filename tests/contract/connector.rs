//! `CONN-*`: see docs/contract/ndkpi.md.

contract! {}
