//! Kernel discipline as types: at which IRQL code runs, and which locks it holds.
//!
//! A [`Cx`] is a proof of no size that goes down the call tree as `&mut Cx<I, H>`: `I` says at which
//! IRQL the code runs ([`Passive`], [`AtMostDispatch`], [`Dispatch`]), `H` which lock level it holds
//! ([`Unlocked`] or a [`level::Level`]). A function asks for what it needs:
//!
//! | wants to | asks for |
//! |---|---|
//! | wait, touch the registry, create a thread | `&mut Cx<Passive>` |
//! | call a consumer or NDIS (an *upcall*) | `&mut Cx<I>` (that is `Cx<I, Unlocked>`) |
//! | take a lock of level `L` | `&mut Cx<I, H>` where `L: After<H>` |
//!
//! Locking borrows the outer token mutably for as long as the guard lives and the guard hands out
//! an inner token of the lock's level, so nothing that wants the outer token can be called under
//! the lock. Nothing here knows the kernel: `softndk-nt` supplies the real spin lock, a test any
//! other [`spin::RawLock`], and so the rules are tested on every host.
//!
//! ```
//! use softndk_cx::{AtMostDispatch, Cx, Passive, level::{Control, Leaf}};
//! # use softndk_cx::spin::{Spin, HostLock};
//! fn wait(_: &mut Cx<Passive>) {}
//! fn upcall(_: &mut Cx<AtMostDispatch>) {}
//! static CONNECTIONS: Spin<u32, Control, HostLock> = Spin::new(0);
//! static COUNTERS: Spin<u32, Leaf, HostLock> = Spin::new(0);
//!
//! // SAFETY: a test has no IRQL.
//! let mut cx = unsafe { Cx::<Passive>::assume() };
//! wait(&mut cx);
//! {
//!     let mut control = CONNECTIONS.lock(&mut cx);
//!     let (connections, inner) = control.parts();
//!     *connections += 1;
//!     *COUNTERS.lock(inner) += 1;
//! }
//! upcall(cx.lend());
//! ```
//!
//! Waiting with a lock held does not compile:
//! ```compile_fail,E0308
//! use softndk_cx::{Cx, Passive, level::Control, spin::{HostLock, Spin}};
//! fn wait(_: &mut Cx<Passive>) {}
//! static LOCK: Spin<u32, Control, HostLock> = Spin::new(0);
//! // SAFETY: a test has no IRQL.
//! let mut cx = unsafe { Cx::<Passive>::assume() };
//! let mut guard = LOCK.lock(&mut cx);
//! let (_, inner) = guard.parts();
//! wait(inner); // the inner token is Cx<Dispatch, Control>
//! ```
//! ... not even with the outer token, which the guard has borrowed:
//! ```compile_fail,E0499
//! use softndk_cx::{Cx, Passive, level::Control, spin::{HostLock, Spin}};
//! fn wait(_: &mut Cx<Passive>) {}
//! static LOCK: Spin<u32, Control, HostLock> = Spin::new(0);
//! // SAFETY: a test has no IRQL.
//! let mut cx = unsafe { Cx::<Passive>::assume() };
//! let guard = LOCK.lock(&mut cx);
//! wait(&mut cx);
//! drop(guard);
//! ```
//! Waiting at DISPATCH_LEVEL does not compile:
//! ```compile_fail,E0308
//! use softndk_cx::{Cx, Dispatch, Passive};
//! fn wait(_: &mut Cx<Passive>) {}
//! // SAFETY: a test has no IRQL.
//! let mut cx = unsafe { Cx::<Dispatch>::assume() };
//! wait(&mut cx);
//! ```
//! ... nor where the IRQL is only bounded by DISPATCH_LEVEL:
//! ```compile_fail,E0308
//! use softndk_cx::{AtMostDispatch, Cx, Passive};
//! fn wait(_: &mut Cx<Passive>) {}
//! fn callback(cx: &mut Cx<AtMostDispatch>) { wait(cx); }
//! ```
//! An upcall with a lock held does not compile:
//! ```compile_fail,E0308
//! use softndk_cx::{AtMostDispatch, Cx, level::Leaf, spin::{HostLock, Spin}};
//! fn upcall(_: &mut Cx<AtMostDispatch>) {}
//! static LOCK: Spin<u32, Leaf, HostLock> = Spin::new(0);
//! fn callback(cx: &mut Cx<AtMostDispatch>) {
//!     let mut guard = LOCK.lock(cx);
//!     let (_, inner) = guard.parts();
//!     upcall(inner.lend());
//! }
//! ```
//! ... nor with the outer token while the guard lives:
//! ```compile_fail,E0499
//! use softndk_cx::{AtMostDispatch, Cx, level::Leaf, spin::{HostLock, Spin}};
//! fn upcall(_: &mut Cx<AtMostDispatch>) {}
//! static LOCK: Spin<u32, Leaf, HostLock> = Spin::new(0);
//! fn callback(cx: &mut Cx<AtMostDispatch>) {
//!     let guard = LOCK.lock(cx);
//!     upcall(cx);
//!     drop(guard);
//! }
//! ```
//! Locking in the wrong order does not compile:
//! ```compile_fail,E0308
//! use softndk_cx::{AtMostDispatch, Cx, level::{Control, Leaf}, spin::{HostLock, Spin}};
//! static CONTROL: Spin<u32, Control, HostLock> = Spin::new(0);
//! static LEAF: Spin<u32, Leaf, HostLock> = Spin::new(0);
//! fn wrong(cx: &mut Cx<AtMostDispatch>) {
//!     let mut leaf = LEAF.lock(cx);
//!     let (_, inner) = leaf.parts();
//!     let _control = CONTROL.lock(inner);
//! }
//! ```
//! ... nor does taking two locks of one level, which have no order between them:
//! ```compile_fail,E0277
//! use softndk_cx::{AtMostDispatch, Cx, level::Leaf, spin::{HostLock, Spin}};
//! static ONE: Spin<u32, Leaf, HostLock> = Spin::new(0);
//! static TWO: Spin<u32, Leaf, HostLock> = Spin::new(0);
//! fn wrong(cx: &mut Cx<AtMostDispatch>) {
//!     let mut one = ONE.lock(cx);
//!     let (_, inner) = one.parts();
//!     let _two = TWO.lock(inner);
//! }
//! ```
//! A token stays on the thread (and at the IRQL) that it was made for:
//! ```compile_fail,E0277
//! use softndk_cx::{Cx, Passive};
//! fn elsewhere<T: Send>(_: T) {}
//! // SAFETY: a test has no IRQL.
//! elsewhere(unsafe { Cx::<Passive>::assume() });
//! ```
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

pub mod irql;
pub mod level;
pub mod spin;

pub use irql::{AtMostDispatch, Cx, Dispatch, Irql, Passive};
pub use level::{After, Held, Level, Unlocked};
