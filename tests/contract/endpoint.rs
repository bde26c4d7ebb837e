//! `SEP-*`: see docs/contract/ndkpi.md.

contract! {}
