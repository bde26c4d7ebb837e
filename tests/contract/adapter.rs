//! `ADP-*`: see docs/contract/ndkpi.md.

contract! {}
