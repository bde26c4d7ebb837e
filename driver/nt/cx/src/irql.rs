//! The token itself and the three kinds of IRQL knowledge.
//!
//! `unsafe` is here because a token is a promise about the machine: whoever makes one out of
//! nothing vouches for it. Everything else only passes tokens on.

use core::marker::PhantomData;

use crate::level::{Held, Unlocked};

/// What is known about the IRQL of the code that holds the token.
pub trait Irql: sealed::Sealed {
    /// The code certainly runs at DISPATCH_LEVEL: locks need not raise it.
    const AT_DISPATCH: bool;
    /// The lowest level the code may run at.
    const LOWEST: u8;
    /// The highest level the code may run at.
    const HIGHEST: u8;
}

/// PASSIVE_LEVEL: waiting and pageable services are allowed.
#[derive(Debug)]
pub struct Passive;

/// Any level up to DISPATCH_LEVEL, as in most NDK functions: treat it as DISPATCH_LEVEL.
#[derive(Debug)]
pub struct AtMostDispatch;

/// Exactly DISPATCH_LEVEL: a DPC, or under a spin lock.
#[derive(Debug)]
pub struct Dispatch;

impl Irql for Passive {
    const AT_DISPATCH: bool = false;
    const LOWEST: u8 = 0;
    const HIGHEST: u8 = 0;
}

impl Irql for AtMostDispatch {
    const AT_DISPATCH: bool = false;
    const LOWEST: u8 = 0;
    const HIGHEST: u8 = 2;
}

impl Irql for Dispatch {
    const AT_DISPATCH: bool = true;
    const LOWEST: u8 = 2;
    const HIGHEST: u8 = 2;
}

/// A proof, of no size, that the code runs at IRQL `I` and holds locks up to level `H`.
///
/// # Invariants
/// While a usable (not mutably borrowed) token is in scope, the processor is at `I` and the highest
/// lock level held is `H`. It is neither `Send` nor `Sync`: the proof is of this thread, now.
#[derive(Debug)]
#[repr(transparent)]
pub struct Cx<I: Irql, H: Held = Unlocked> {
    proof: PhantomData<(*mut (), I, H)>,
}

impl<I: Irql> Cx<I, Unlocked> {
    /// Makes a token at an entry point.
    ///
    /// # Safety
    /// The code runs at IRQL `I`, holds no spin lock of this driver, and stays so for as long as the
    /// token is used. Only entry points (NDIS and NDK handlers, DPC and thread bodies) can know it.
    #[must_use]
    pub const unsafe fn assume() -> Self {
        Self { proof: PhantomData }
    }
}

impl<I: Irql, H: Held> Cx<I, H> {
    /// Makes the token of a lock guard.
    ///
    /// # Safety
    /// As [`Cx::assume`], with a lock of level `H` held for as long as the token is used.
    #[must_use]
    pub const unsafe fn assume_held() -> Self {
        Self { proof: PhantomData }
    }

    /// Lends the token to code that must work at any level up to DISPATCH_LEVEL.
    #[must_use]
    pub const fn lend(&mut self) -> &mut Cx<AtMostDispatch, H> {
        let here: *mut Self = self;
        // SAFETY: both types are transparent over the same PhantomData of no size, so the pointer is
        // valid for both; each `I` lies within AtMostDispatch, and `self` stays borrowed meanwhile.
        unsafe { &mut *here.cast::<Cx<AtMostDispatch, H>>() }
    }
}

mod sealed {
    /// Closes [`super::Irql`]: a new kind of IRQL would need a look at every user.
    pub trait Sealed {}
    impl Sealed for super::Passive {}
    impl Sealed for super::AtMostDispatch {}
    impl Sealed for super::Dispatch {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_costs_nothing() {
        assert_eq!(size_of::<Cx<Passive>>(), 0);
        assert_eq!(size_of::<Cx<Dispatch, crate::level::Leaf>>(), 0);
    }

    #[test]
    fn a_lent_token_comes_back() {
        // SAFETY: a test has no IRQL.
        let mut cx = unsafe { Cx::<Passive>::assume() };
        fn any<H: Held>(_: &mut Cx<AtMostDispatch, H>) {}
        any(cx.lend());
        any(cx.lend().lend());
        fn passive(_: &mut Cx<Passive>) {}
        passive(&mut cx);
    }
}
