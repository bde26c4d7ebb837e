//! A Windows kernel in user mode.
//!
//! ntsim maps PE drivers built for `x86_64-pc-windows-msvc` into this process, gives them
//! ntoskrnl, NDIS and WSK as `extern "win64"` functions, runs their code natively and checks
//! each call. A broken rule stops the simulated machine with a bugcheck report.
//!
//! ```text
//!   driver code (PE)  --import-->  table (IRQL check, fault hook)  -->  ke ex mm io ob ps rtl ...
//!        ^                                                                   |
//!        +------------------- context::call_driver  <-----------------------+
//! ```
//!
//! Host tools and tests use [`machine`]; the rest is what the machine is made of.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "routines walk structures that belong to the driver; one proof covers the walk"
)]

#[macro_use]
pub mod bugcheck;
#[macro_use]
pub mod table;

pub mod cli;
pub mod context;
pub mod crt;
pub mod dbg;
pub mod etw;
pub mod ex;
pub mod host;
pub mod inspect;
pub mod io;
pub mod ke;
pub mod kernel;
pub mod leaks;
pub mod loader;
pub mod machine;
pub mod mm;
pub mod ndis;
pub mod ndk;
pub mod netio;
pub mod ob;
pub mod ps;
pub mod registry;
pub mod report;
pub mod rtl;
pub mod scenario;
pub mod sched;
pub mod se;
pub mod seh;
pub mod symbols;
pub mod trace;
pub mod types;
pub mod verifier;
pub mod wsk;
pub mod zw;

pub use kernel::Kernel;
