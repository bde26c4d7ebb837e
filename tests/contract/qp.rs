//! `QP-*`: see docs/contract/ndkpi.md.

contract! {}
