//! `LAM-*`: see docs/contract/ndkpi.md.

contract! {}
