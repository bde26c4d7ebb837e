//! `RD-*`, `WRT`: see docs/contract/ndkpi.md.

contract! {}
