//! `FLUSH-*`: see docs/contract/ndkpi.md.

contract! {}
