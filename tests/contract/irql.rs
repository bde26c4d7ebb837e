//! `IRQL-*`: see docs/contract/ndkpi.md.

contract! {}
