//! The bindings against the contract under `docs/contract`.

mod imports;
mod layout;
mod sizes;
mod support;
