//! Safe faces of the NT kernel, NDIS and netio: the only crate, beside the shims of `softndk`, that
//! calls them.
//!
//! | module | what |
//! |---|---|
//! | [`irql`], [`lock`] | tokens and spin locks: what may be called where |
//! | [`pool`] | `KBox`, `KRef`, `KSlice`, `KBytes`: memory with tags, every allocation fallible |
//! | [`event`], [`dpc`], [`timer`], [`thread`] | waiting, and work on other stacks |
//! | [`mdl`] | consumers' MDL chains: ranges and system mappings |
//! | [`ndis`], [`netio`] | the miniport's side of NDIS; addresses of an interface |
//! | [`rundown`] | a door that closes, and the wait for those inside |
//! | [`time`], [`random`] | clocks and seeds |
//! | [`cell`], [`string`], [`log`], [`bugcheck`] | small things |
//!
//! What needs no kernel lives in `softndk-cx` (tokens) and `softndk-pure`, and is tested there.
#![no_std]
// No panic path in a kernel image: what could fail says so in its type.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::indexing_slicing
    )
)]

pub mod bugcheck;
pub mod cell;
pub mod dpc;
pub mod event;
pub mod irql;
pub mod lock;
pub mod log;
pub mod mdl;
pub mod ndis;
pub mod netio;
pub mod pool;
pub mod random;
pub mod rundown;
pub mod string;
pub mod thread;
pub mod time;
pub mod timer;

pub use irql::{AtMostDispatch, Cx, Dispatch, Irql, Passive};
pub use softndk_pure as pure;
