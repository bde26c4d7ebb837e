//! `MW-*`, `BND`: see docs/contract/ndkpi.md.

contract! {}
