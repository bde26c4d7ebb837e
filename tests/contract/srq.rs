//! `SRQ-*`: see docs/contract/ndkpi.md.

contract! {}
