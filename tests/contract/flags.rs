//! `FLAG-*`: see docs/contract/ndkpi.md.

contract! {}
