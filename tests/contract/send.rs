//! `SND-*`, `SINV-*`, `RCV`: see docs/contract/ndkpi.md.

contract! {}
