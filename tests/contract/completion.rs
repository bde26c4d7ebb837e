//! `CMP-*`, `RE`: see docs/contract/ndkpi.md.

contract! {}
