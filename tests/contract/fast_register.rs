//! `FRG-*`, `INV`: see docs/contract/ndkpi.md.

contract! {}
