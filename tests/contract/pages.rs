//! Pages by logical address: mappings built as public consumers build them, fast registrations of any shape,
//! and a connected pair one end of which owns such a region.

use super::{
    mr::Part,
    stage::{pair, take},
    work_help::pattern,
};
use crate::{
    kernel::{Buffer, List},
    ndk::{
        Adapter, End, Mr, Pair, PairOptions, Pd, Qp, Region, nothing,
        request::{self, on_request},
        sge,
    },
    run::{Result, Run},
    workload::Job,
};
use core::{
    cell::Cell,
    mem::offset_of,
    ptr,
    sync::atomic::{AtomicU32, Ordering},
};
use ndkpi_sys::{
    MDL, NDK_LOGICAL_ADDRESS_MAPPING, NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_SGE, NTSTATUS, PVOID, SIZE_T,
    STATUS_CANCELLED, STATUS_NOT_SUPPORTED, STATUS_REMOTE_RESOURCES, STATUS_SUCCESS, ULONG,
};

/// Bytes of a page.
pub const PAGE: usize = 4096;
/// Bytes of a mapping before its page array.
pub const HEAD: usize = offset_of!(NDK_LOGICAL_ADDRESS_MAPPING, AdapterPageArray);

/// A mapping's structure, wherever it lies.
pub type Lam = *mut NDK_LOGICAL_ADDRESS_MAPPING;

/// What NdkBuildLAM left behind.
pub struct Built {
    /// Its final status.
    pub status: NTSTATUS,
    /// What it wrote as size.
    pub size: ULONG,
    /// What it wrote as offset of the first byte; all ones if nothing.
    pub fbo: ULONG,
}

/// `NdkBuildLAM` as it is, and its end.
#[track_caller]
pub fn build(adapter: &Adapter, mdl: *mut MDL, length: usize, lam: Lam, room: ULONG) -> Result<Built> {
    let (mut size, mut fbo) = (room, ULONG::MAX);
    let answer = request::submit(adapter.run(), |context| {
        let Some(build) = adapter.dispatch().NdkBuildLAM else { return STATUS_NOT_SUPPORTED };
        let done = Some(on_request as unsafe extern "system" fn(_, _));
        // SAFETY: the adapter is open; the test's memory has the room named, and all outlives the wait below.
        unsafe { build(adapter.raw(), mdl, length as SIZE_T, done, context, lam, &mut size, &mut fbo) }
    })?
    .wait()?;
    Ok(Built { status: answer.status, size, fbo })
}

/// `NdkReleaseLAM`.
pub fn release(adapter: &Adapter, lam: Lam) {
    if let Some(release) = adapter.dispatch().NdkReleaseLAM {
        // SAFETY: the test passes a mapping that was built and not released.
        unsafe { release(adapter.raw(), lam) };
    }
}

/// How often a completion came that nobody may make: that of a build which was answered at once.
pub static UNEXPECTED: AtomicU32 = AtomicU32::new(0);

unsafe extern "system" fn unexpected(_: PVOID, _: NTSTATUS) {
    UNEXPECTED.fetch_add(1, Ordering::SeqCst);
}

/// Pages that a range of virtual addresses touches.
pub const fn spanned(address: usize, length: usize) -> usize {
    (address % PAGE + length).div_ceil(PAGE)
}

/// A mapping in a buffer of exactly its size; dropping it releases it.
pub struct Pages {
    words: Buffer,
    fbo: ULONG,
    adapter: Adapter,
    released: Cell<bool>,
}

impl Pages {
    /// Maps a buffer.
    #[track_caller]
    pub fn new(adapter: &Adapter, buffer: &Buffer) -> Result<Self> {
        Self::of(adapter, buffer.mdl(), buffer.len(), buffer.address().addr().get())
    }

    /// Maps a part of a buffer.
    #[track_caller]
    pub fn part(adapter: &Adapter, buffer: &Buffer, offset: usize, length: usize) -> Result<Self> {
        let part = Part::new(buffer, offset, length)?;
        Self::of(adapter, part.mdl(), length, buffer.address().addr().get() + offset)
    }

    /// Maps the start of a chain at a virtual address: exact room, no context, an answer at once (LAM-04, LAM-11).
    #[track_caller]
    pub fn of(adapter: &Adapter, mdl: *mut MDL, length: usize, address: usize) -> Result<Self> {
        let words = Buffer::new(HEAD + 8 * spanned(address, length))?;
        let (mut size, mut fbo) = (words.len() as ULONG, ULONG::MAX);
        let status = adapter.dispatch().NdkBuildLAM.map_or(STATUS_NOT_SUPPORTED, |build| {
            let (lam, none) = (words.address().as_ptr().cast(), ptr::null_mut());
            // SAFETY: the adapter is open; the structure has the room named; sizes are locals, and the call
            // must not pend.
            unsafe { build(adapter.raw(), mdl, length as SIZE_T, Some(unexpected), none, lam, &mut size, &mut fbo) }
        });
        let run = adapter.run();
        run.ok(status, "LAM-11 NdkBuildLAM without a context succeeds at once")?;
        let built = Self { words, fbo, adapter: adapter.clone(), released: Cell::new(false) };
        run.equal(size, built.words.len(), "LAM-03 the number of bytes written")?;
        run.equal(built.count() as usize, spanned(address, length), "LAM-01 the pages that the range touches")?;
        run.equal(fbo as usize, address % PAGE, "LAM-01 the offset of the first byte")?;
        Ok(built)
    }

    /// The structure.
    pub fn lam(&self) -> Lam {
        self.words.address().as_ptr().cast()
    }

    /// Number of pages.
    pub fn count(&self) -> ULONG {
        // SAFETY: the structure was filled in.
        unsafe { (*self.lam()).AdapterPageCount }
    }

    /// Offset of the first byte.
    pub fn fbo(&self) -> ULONG {
        self.fbo
    }

    /// Logical address of a page; 0 past the last.
    pub fn page(&self, index: usize) -> u64 {
        let mut page = [0u8; 8];
        self.words.read(HEAD + 8 * index, &mut page);
        u64::from_ne_bytes(page)
    }

    /// All pages.
    pub fn list(&self) -> Result<List<u64>> {
        self.ordered(|index| index)
    }

    /// As many pages in another order.
    pub fn ordered(&self, order: impl Fn(usize) -> usize) -> Result<List<u64>> {
        let mut list = List::new();
        for index in 0..self.count() as usize {
            list.try_push(self.page(order(index)))?;
        }
        Ok(list)
    }

    /// Logical address of a byte of the range.
    pub fn address(&self, offset: usize) -> u64 {
        let at = self.fbo as usize + offset;
        self.page(at / PAGE).wrapping_add((at % PAGE) as u64)
    }

    /// An entry by logical address, for bytes of one page or of pages that follow each other.
    pub fn sge(&self, offset: usize, length: usize, token: u32) -> NDK_SGE {
        sge(self.address(offset) as usize, length, token)
    }

    /// Releases the mapping now.
    pub fn release(&self) {
        if !self.released.replace(true) {
            release(&self.adapter, self.lam());
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.release();
    }
}

/// `NdkInitializeFastRegisterMr` and its end.
#[track_caller]
pub fn initialise(mr: &Mr, pages: ULONG, remote: bool) -> Result<NTSTATUS> {
    let answer = request::submit(mr.run(), |context| {
        let Some(initialize) = mr.dispatch().NdkInitializeFastRegisterMr else { return STATUS_NOT_SUPPORTED };
        // SAFETY: the region is open; callback and context fit.
        unsafe { initialize(mr.raw(), pages, u8::from(remote), Some(on_request), context) }
    })?;
    Ok(answer.wait()?.status)
}

/// A region for that many pages.
#[track_caller]
pub fn frmr(pd: &Pd, pages: ULONG, remote: bool) -> Result<Mr> {
    let mr = pd.create_mr(true)?.ok("MR-01 NdkCreateMr for fast registration")?;
    pd.run().ok(initialise(&mr, pages, remote)?, "MR-40 NdkInitializeFastRegisterMr")?;
    Ok(mr)
}

/// The arguments of NdkFastRegister.
#[derive(Clone, Copy)]
pub struct Registration<'a> {
    /// The page array.
    pub pages: &'a [u64],
    /// What is said to be its length.
    pub count: ULONG,
    /// Offset of the first byte in the first page.
    pub fbo: ULONG,
    /// Bytes.
    pub length: usize,
    /// Address of the first byte.
    pub base: u64,
    /// `NDK_OP_FLAG_*`.
    pub flags: ULONG,
}

impl<'a> Registration<'a> {
    /// The bytes of whole pages, from a base, without rights.
    pub fn of(pages: &'a [u64], base: u64) -> Self {
        Self { pages, count: pages.len() as ULONG, fbo: 0, length: pages.len() * PAGE, base, flags: 0 }
    }

    /// The same bytes but the first of the first page.
    pub fn starting_at(self, fbo: ULONG) -> Self {
        Self { fbo, length: self.length - fbo as usize, ..self }
    }

    /// With rights and other flags.
    pub fn with(self, flags: ULONG) -> Self {
        Self { flags, ..self }
    }

    /// Posts it.
    pub fn post(&self, qp: &Qp, context: usize, mr: &Mr) -> NTSTATUS {
        let Some(register) = qp.dispatch().NdkFastRegister else { return STATUS_NOT_SUPPORTED };
        let (tag, base) = (ptr::without_provenance_mut(context), ptr::without_provenance_mut(self.base as usize));
        let array = self.pages.as_ptr().cast();
        // SAFETY: QP and region are open. The array has that many pages, or the number is one that the provider
        // refuses before it looks at them (FRG-04).
        unsafe {
            register(qp.raw(), tag, mr.raw(), self.count, array, self.fbo, self.length as SIZE_T, base, self.flags)
        }
    }

    /// Posts it and waits for its success.
    #[track_caller]
    pub fn done(&self, end: &End, mr: &Mr) -> Result {
        let run = end.qp.run();
        run.ok(self.post(&end.qp, 0xF4, mr), "FRG-01 NdkFastRegister")?;
        end.initiated.expect(0xF4, STATUS_SUCCESS, "FRG-01 the registration succeeds").map(drop)
    }
}

/// A connected pair whose active end owns an initialised region and memory for it.
pub struct Setup {
    // Fields drop in this order.
    /// The active end owns the region, the passive one is its peer.
    pub pair: Pair,
    /// Memory of the peer, as long as the pages, which it may write.
    pub theirs: Region,
    /// Initialised, not registered.
    pub mr: Mr,
    /// All pages of the buffer.
    pub pages: Pages,
    /// Whole pages with pattern [`OURS`].
    pub buffer: Buffer,
}

/// The pattern in the region's memory.
pub const OURS: usize = 5;

impl Setup {
    /// With remote access allowed.
    #[track_caller]
    pub fn new(job: &Job, pages: usize) -> Result<Self> {
        Self::with(job, pages, true)
    }

    /// With or without remote access.
    #[track_caller]
    pub fn with(job: &Job, pages: usize, remote: bool) -> Result<Self> {
        let pair = pair(job, PairOptions::default())?;
        let length = pages * PAGE;
        let buffer = Buffer::new(length)?;
        pattern(&buffer, 0, length, OURS);
        let theirs = Region::new(&pair.passive.pd, length, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
        let mapped = Pages::new(&pair.active.adapter, &buffer)?;
        let mr = frmr(&pair.active.pd, pages as ULONG, remote)?;
        Ok(Self { pair, theirs, mr, pages: mapped, buffer })
    }

    /// The run.
    pub fn run(&self) -> &Run {
        self.mr.run()
    }

    /// The end that owns the region.
    pub fn end(&self) -> &End {
        &self.pair.active
    }

    /// The peer reads from the region to the start of its memory: the status.
    #[track_caller]
    pub fn peer_reads(&self, address: u64, length: usize) -> Result<NTSTATUS> {
        reads(&self.pair.passive, &self.theirs, (address, length), self.mr.remote_token())
    }

    /// The peer writes the start of its memory to the region: true if it may.
    #[track_caller]
    pub fn peer_writes(&self, address: u64, length: usize) -> Result<bool> {
        writes(&self.pair.passive, &self.theirs, (address, length), self.mr.remote_token())
    }

    /// An Invalidate that succeeds.
    #[track_caller]
    pub fn invalidated(&self) -> Result {
        invalidated(self.end(), &self.mr)
    }
}

/// An Invalidate of a region that succeeds.
#[track_caller]
pub fn invalidated(end: &End, mr: &Mr) -> Result {
    let posted = super::mapped::invalidate(&end.qp, 0x1F, mr, 0);
    end.qp.run().ok(posted, "INV-01 NdkInvalidate")?;
    end.initiated.expect(0x1F, STATUS_SUCCESS, "INV-01 the invalidation succeeds").map(drop)
}

/// Reads from the other end's memory to the start of a region: the status.
#[track_caller]
pub fn reads(end: &End, into: &Region, (address, length): (u64, usize), token: u32) -> Result<NTSTATUS> {
    let run = end.qp.run();
    run.ok(end.qp.read(0x4EAD, &[into.sge(0, length)], address, token, 0), "RD-01 NdkRead")?;
    Ok(take(run, &end.initiated)?.Status)
}

/// Writes the start of a region to the other end's memory: true if it may. A write may leave before the other end
/// has looked at it, so a read of zero bytes behind it tells.
#[track_caller]
pub fn writes(end: &End, from: &Region, (address, length): (u64, usize), token: u32) -> Result<bool> {
    let (run, qp) = (end.qp.run(), &end.qp);
    run.ok(qp.write(0x3417, &[from.sge(0, length)], address, token, 0), "WRT-01 NdkWrite")?;
    let behind = qp.read(0x4EAD, &nothing(), 0, 0, 0);
    let first = take(run, &end.initiated)?.Status;
    if behind != STATUS_SUCCESS {
        run.status(first, STATUS_REMOTE_RESOURCES, "WRT-06 a write that the peer may not take")?;
        return Ok(false);
    }
    let second = take(run, &end.initiated)?.Status;
    let good = first == STATUS_SUCCESS && second == STATUS_SUCCESS;
    let bad = (first == STATUS_REMOTE_RESOURCES || first == STATUS_SUCCESS) && second == STATUS_CANCELLED;
    run.check(good || bad, "WRT-06 it succeeds, or it fails and the connection ends")?;
    Ok(good)
}
