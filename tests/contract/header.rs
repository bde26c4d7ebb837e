//! `HDR-*`: see docs/contract/ndkpi.md.

contract! {}
