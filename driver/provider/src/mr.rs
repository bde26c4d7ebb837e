//! Memory region: its kind, its registration and the rights it grants (`MR-*`).
//!
//! ```text
//!  regular:   Blank ──RegisterMr──► Registering ──► Registered ──DeregisterMr──► Deregistering ─┐
//!               ▲────────────────────────────────────────────────────────────────────────────────┘
//!  fast:      Blank ──InitializeFastRegisterMr──► Initialised   (then by work requests)
//! ```

use crate::{Failure, info::AdapterInfo};
use softndk_abi::{
    Access,
    sync::{AtomicU32, Ordering},
};

/// What `FastRegister` of NdkCreateMr chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MrKind {
    /// RegisterMr and DeregisterMr only.
    Regular,
    /// InitializeFastRegisterMr and work requests only.
    Fast,
}

/// Where a region stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum MrPhase {
    /// Nothing registered.
    Blank = 0,
    /// RegisterMr is at work.
    Registering = 1,
    /// Tokens are live.
    Registered = 2,
    /// Accesses in progress are being waited for (`MR-24`).
    Deregistering = 3,
    /// A fast-register region that work requests may use.
    Initialised = 4,
}

/// Kind and phase of one region; phases change by compare-and-swap, so racing calls get one winner.
#[derive(Debug)]
pub struct MrState {
    kind: MrKind,
    phase: AtomicU32,
}

impl MrState {
    /// A blank region.
    #[must_use]
    pub fn new(kind: MrKind) -> Self {
        Self { kind, phase: AtomicU32::new(MrPhase::Blank as u32) }
    }

    /// The kind given at creation.
    #[must_use]
    pub const fn kind(&self) -> MrKind {
        self.kind
    }

    /// Starts RegisterMr.
    ///
    /// # Errors
    /// [`Failure::InvalidDeviceRequest`] for an FRMR (`MR-02`) or when registered already (`MR-21`).
    pub fn begin_register(&self) -> Result<(), Failure> {
        self.only(MrKind::Regular)?;
        self.step(MrPhase::Blank, MrPhase::Registering)
    }

    /// Ends RegisterMr, well or badly (`MR-14`: it can be tried again).
    pub fn end_register(&self, result: Result<(), Failure>) {
        self.set(if result.is_ok() { MrPhase::Registered } else { MrPhase::Blank });
    }

    /// Starts DeregisterMr.
    ///
    /// # Errors
    /// [`Failure::InvalidDeviceRequest`] for an FRMR or when not registered (`MR-26`).
    pub fn begin_deregister(&self) -> Result<(), Failure> {
        self.only(MrKind::Regular)?;
        self.step(MrPhase::Registered, MrPhase::Deregistering)
    }

    /// Undoes [`MrState::begin_deregister`] (windows are bound, `MR-25`).
    pub fn keep_registered(&self) {
        self.set(MrPhase::Registered);
    }

    /// Ends DeregisterMr: the region can be registered again (`MR-27`).
    pub fn end_deregister(&self) {
        self.set(MrPhase::Blank);
    }

    /// Starts InitializeFastRegisterMr for `pages` pages.
    ///
    /// # Errors
    /// [`Failure::InvalidDeviceRequest`] for a regular MR (`MR-02`) or a second time (`MR-44`),
    /// [`Failure::InvalidParameter`] for no pages (`MR-42`), [`Failure::ImplementationLimit`] for too
    /// many (`MR-41`).
    pub fn begin_initialise(&self, info: &AdapterInfo, pages: u32) -> Result<(), Failure> {
        self.only(MrKind::Fast)?;
        if pages == 0 {
            return Err(Failure::InvalidParameter);
        }
        if pages > info.frmr_page_count {
            return Err(Failure::ImplementationLimit);
        }
        self.step(MrPhase::Blank, MrPhase::Registering)
    }

    /// Ends InitializeFastRegisterMr.
    pub fn end_initialise(&self, result: Result<(), Failure>) {
        self.set(if result.is_ok() { MrPhase::Initialised } else { MrPhase::Blank });
    }

    /// True once work requests may register the region (`FRG-13`).
    #[must_use]
    pub fn is_initialised(&self) -> bool {
        self.phase.load(Ordering::Acquire) == MrPhase::Initialised as u32
    }

    /// True while a regular registration stands or is being made or undone.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.phase.load(Ordering::Acquire) == MrPhase::Registered as u32
    }

    fn only(&self, kind: MrKind) -> Result<(), Failure> {
        if self.kind == kind { Ok(()) } else { Err(Failure::InvalidDeviceRequest) }
    }

    fn step(&self, from: MrPhase, to: MrPhase) -> Result<(), Failure> {
        self.phase
            .compare_exchange(from as u32, to as u32, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| ())
            .map_err(|_| Failure::InvalidDeviceRequest)
    }

    fn set(&self, phase: MrPhase) {
        self.phase.store(phase as u32, Ordering::Release);
    }
}

/// `NDK_MR_FLAG_*` of RegisterMr.
mod flag {
    pub const LOCAL_WRITE: u32 = 1;
    pub const REMOTE_READ: u32 = 2;
    /// Remote write contains local write (`FLAG-25`).
    pub const REMOTE_WRITE: u32 = 5;
    pub const READ_SINK: u32 = 8;
    pub const ALL: u32 = LOCAL_WRITE | REMOTE_READ | REMOTE_WRITE | READ_SINK;
}

/// The rights that the flags of RegisterMr ask for.
///
/// # Errors
/// [`Failure::InvalidParameter`] for unknown bits (`MR-15`) and for the stray half of remote write
/// (`FLAG-26`).
pub fn rights(flags: u32) -> Result<Access, Failure> {
    if flags & !flag::ALL != 0 {
        return Err(Failure::InvalidParameter);
    }
    let stray = flags & (flag::REMOTE_WRITE & !flag::LOCAL_WRITE) != 0 && flags & flag::LOCAL_WRITE == 0;
    if stray {
        return Err(Failure::InvalidParameter);
    }
    let mut rights = Access::LOCAL_READ;
    rights.set(Access::LOCAL_WRITE, flags & flag::LOCAL_WRITE != 0);
    rights.set(Access::REMOTE_READ, flags & flag::REMOTE_READ != 0);
    rights.set(Access::REMOTE_WRITE, flags & flag::REMOTE_WRITE == flag::REMOTE_WRITE);
    Ok(rights)
}

/// Checks the length of RegisterMr against what the MDL chain holds.
///
/// # Errors
/// [`Failure::InvalidParameter`] (`MR-12`, `MR-13`).
pub const fn check_length(info: &AdapterInfo, length: u64, held: u64) -> Result<(), Failure> {
    if length == 0 || length > held || length > info.max_registration_size {
        Err(Failure::InvalidParameter)
    } else {
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::info::SOFTNDK;

    #[test]
    fn mr_15_mr_16_flags_become_rights() {
        assert_eq!(rights(0), Ok(Access::LOCAL_READ));
        assert_eq!(rights(1), Ok(Access::LOCAL_READ | Access::LOCAL_WRITE));
        assert_eq!(rights(2), Ok(Access::LOCAL_READ | Access::REMOTE_READ));
        assert_eq!(rights(5), Ok(Access::LOCAL_READ | Access::LOCAL_WRITE | Access::REMOTE_WRITE));
        assert_eq!(rights(8), Ok(Access::LOCAL_READ));
        for bad in [4, 4 | 2, 0x10, 0x8000_0000, u32::MAX] {
            assert_eq!(rights(bad), Err(Failure::InvalidParameter), "{bad:#x}");
        }
    }

    #[test]
    fn mr_21_mr_26_mr_27_registration_cycle() {
        let mr = MrState::new(MrKind::Regular);
        assert_eq!(mr.begin_deregister(), Err(Failure::InvalidDeviceRequest));
        mr.begin_register().unwrap();
        assert_eq!(mr.begin_register(), Err(Failure::InvalidDeviceRequest));
        mr.end_register(Err(Failure::NoResources));
        mr.begin_register().unwrap();
        mr.end_register(Ok(()));
        assert_eq!(mr.begin_register(), Err(Failure::InvalidDeviceRequest));
        mr.begin_deregister().unwrap();
        mr.end_deregister();
        assert!(mr.begin_register().is_ok());
    }

    #[test]
    fn mr_02_each_kind_refuses_the_others_calls() {
        assert_eq!(MrState::new(MrKind::Fast).begin_register(), Err(Failure::InvalidDeviceRequest));
        let regular = MrState::new(MrKind::Regular);
        assert_eq!(regular.begin_initialise(&SOFTNDK, 1), Err(Failure::InvalidDeviceRequest));
    }

    #[test]
    fn mr_41_mr_42_mr_44_initialise_limits() {
        let mr = MrState::new(MrKind::Fast);
        assert_eq!(mr.begin_initialise(&SOFTNDK, 0), Err(Failure::InvalidParameter));
        assert_eq!(mr.begin_initialise(&SOFTNDK, SOFTNDK.frmr_page_count + 1), Err(Failure::ImplementationLimit));
        mr.begin_initialise(&SOFTNDK, SOFTNDK.frmr_page_count).unwrap();
        mr.end_initialise(Ok(()));
        assert_eq!(mr.begin_initialise(&SOFTNDK, 1), Err(Failure::InvalidDeviceRequest));
    }
}
