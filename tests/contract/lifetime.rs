//! `LIFE-*`: see docs/contract/ndkpi.md.

contract! {}
