//! What `LAM-10`, `LAM-12`, `LAM-13` and `LAM-15` say of MDLs over locked pages, which, unlike those of non-paged
//! pool, have no system address until somebody maps them. The tests of those names call in here.

use super::{
    lam_use::{Ends, sends},
    pages::{HEAD, PAGE, Pages, build, release},
    work_help::{holds, pattern},
};
use crate::{
    kernel::{Buffer, irql},
    run::{Failure, Result},
    workload::Job,
};
use core::{marker::PhantomData, ptr};
use ndkpi_sys::{MDL, STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, ULONG};
use wdk_sys::{
    _LOCK_OPERATION::IoModifyAccess,
    _MODE::KernelMode,
    ntddk::{IoAllocateMdl, IoFreeMdl, MmProbeAndLockPages, MmUnlockPages},
};

/// MDL_MAPPED_TO_SYSTEM_VA.
const MAPPED: i16 = 1;

/// An MDL over locked pages of a buffer. Dropping it unlocks them.
struct Locked<'a> {
    mdl: *mut wdk_sys::MDL,
    _buffer: PhantomData<&'a Buffer>,
}

impl<'a> Locked<'a> {
    #[track_caller]
    fn new(buffer: &'a Buffer, offset: usize, length: usize) -> Result<Self> {
        let start = buffer.address().as_ptr().wrapping_add(offset);
        // SAFETY: the range lies inside the buffer; no IRP takes the MDL.
        let mdl = unsafe { IoAllocateMdl(start.cast(), length as ULONG, 0, 0, ptr::null_mut()) };
        if mdl.is_null() {
            return Err(Failure::new("an MDL for the test itself", STATUS_INSUFFICIENT_RESOURCES));
        }
        // SAFETY: the MDL is fresh, and its memory is there and writable, so that nothing is raised.
        unsafe { MmProbeAndLockPages(mdl, KernelMode as i8, IoModifyAccess) };
        Ok(Self { mdl, _buffer: PhantomData })
    }

    fn mdl(&self) -> *mut MDL {
        self.mdl.cast()
    }

    fn then(&self, next: &Locked) {
        // SAFETY: both MDLs are the test's own.
        unsafe { (*self.mdl).Next = next.mdl };
    }

    /// Flags, and whether there is a system address.
    fn state(&self) -> (i16, usize) {
        // SAFETY: the MDL is the test's own.
        unsafe { ((*self.mdl).MdlFlags, (*self.mdl).MappedSystemVa.addr()) }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: locked in `new`; the provider has let go of the pages, or a test has failed anyhow.
        unsafe { MmUnlockPages(self.mdl) };
        // SAFETY: the MDL is the test's own and nobody uses it any more.
        unsafe { IoFreeMdl(self.mdl) };
    }
}

/// Builds from MDLs that are locked and not mapped, uses the mapping, and releases it at DISPATCH_LEVEL: the MDLs
/// are as they were all the time (`LAM-12`, `LAM-13`, `LAM-15`).
#[inline(never)]
pub fn stays_as_it_is(job: &Job) -> Result {
    let ends = Ends::new(job)?;
    let adapter = &ends.pair.active.adapter;
    let buffer = Buffer::new(8 * PAGE)?;
    pattern(&buffer, 0, 8 * PAGE, 3);
    let (first, second) = (Locked::new(&buffer, 10, 3 * PAGE)?, Locked::new(&buffer, 10 + 3 * PAGE, 2 * PAGE)?);
    first.then(&second);
    let before = (first.state(), second.state());
    job.run.check(before.0.0 & MAPPED == 0, "the MDL of the test is not mapped")?;
    let length = 5 * PAGE;
    for _ in 0..20 {
        let pages = Pages::of(adapter, first.mdl(), length, buffer.address().addr().get() + 10)?;
        job.run.check((first.state(), second.state()) == before, "LAM-13 the build does not map the MDL")?;
        for offset in [0, PAGE, 3 * PAGE - 1, 3 * PAGE, length - 1] {
            sends(&ends, pages.address(offset), 1)?;
            holds(job.run, ends.into.buffer(), 0, 1, (3, 10 + offset), "LAM-12 pages without a system address")?;
        }
        irql::at_dispatch(|| pages.release());
        job.run.check((first.state(), second.state()) == before, "LAM-15 the release leaves the MDL as it was")?;
    }
    Ok(())
}

/// Builds that fail with some MDLs mapped already, or about to be: nothing stays mapped, which the unlocking of
/// the pages and the end of the driver would show (`LAM-10`).
#[inline(never)]
pub fn fails_midway(job: &Job) -> Result {
    let adapter = super::stage::adapter(job)?;
    let (buffer, other) = (Buffer::new(4 * PAGE)?, Buffer::new(PAGE)?);
    let (first, second) = (Locked::new(&buffer, 0, PAGE)?, Locked::new(&buffer, PAGE, 2 * PAGE)?);
    let third = Locked::new(&other, 0, PAGE)?;
    first.then(&second);
    second.then(&third);
    let room = Buffer::new(HEAD + 8 * 8)?;
    let lam = room.address().as_ptr().cast();
    let (all, few) = (room.len() as ULONG, HEAD as ULONG + 16);
    for _ in 0..50 {
        for (length, size, wanted) in [
            (4 * PAGE, all, STATUS_INVALID_PARAMETER),
            (5 * PAGE, all, STATUS_INVALID_PARAMETER),
            (3 * PAGE, few, STATUS_BUFFER_TOO_SMALL),
            (3 * PAGE, 0, STATUS_BUFFER_TOO_SMALL),
        ] {
            let built = build(&adapter, first.mdl(), length, lam, size)?;
            job.run.status(built.status, wanted, "LAM-10 a build that fails")?;
        }
    }
    let built = build(&adapter, first.mdl(), 3 * PAGE, lam, all)?;
    job.run.ok(built.status, "LAM-10 then one that works")?;
    release(&adapter, lam);
    Ok(())
}
