//! `LSN-*`: see docs/contract/ndkpi.md.

contract! {}
