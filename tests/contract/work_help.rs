//! Set-up for the tests of work requests: connected pairs, patterns, fast-register regions and windows.

use crate::{
    kernel::{Buffer, time},
    ndk::{
        Adapter, Cq, End, Mr, Pair, PairOptions, Pd, Place, Qp, Region,
        request::{self, on_close, on_create, on_request},
        sge,
    },
    run::{Failure, Result, Run},
    workload::Job,
};
use core::ptr;
use ndkpi_sys::{
    NDK_LOGICAL_ADDRESS, NDK_LOGICAL_ADDRESS_MAPPING, NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ,
    NDK_MR_FLAG_ALLOW_REMOTE_WRITE, NDK_MW, NDK_OBJECT_HEADER, NDK_RESULT_EX, NDK_SGE, NTSTATUS, SIZE_T,
    STATUS_CANCELLED, STATUS_CONNECTION_INVALID, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
    UINT32, UINT64, ULONG,
};

/// Rights of a region that the peer may read and write.
pub const REMOTE: ULONG = NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE;
/// Rights of a region that takes receives and reads.
pub const LOCAL: ULONG = NDK_MR_FLAG_ALLOW_LOCAL_WRITE;
/// Context of a request that keeps a queue busy.
pub const STALL: usize = 0x57A1;
/// How long a test looks for what does not happen, in milliseconds.
const SHORT: u32 = 30;

/// Runs a test with a pair on one adapter and with one across two.
pub fn each(job: &Job, test: impl Fn(&Run, Pair) -> Result) -> Result {
    each_with(job, &PairOptions::default(), test)
}

/// The same with options of the test's own.
pub fn each_with(job: &Job, options: &PairOptions, test: impl Fn(&Run, Pair) -> Result) -> Result {
    let mut ran = 0;
    for place in [Place::Same, Place::Across] {
        let options = PairOptions { place, ..*options };
        if let Some(pair) = Pair::connect(job.run, job.provider, &options)? {
            apart(|| test(job.run, pair))?;
            ran += 1;
        }
    }
    if ran == 0 {
        return Err(Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER));
    }
    Ok(())
}

/// Keeps the frame of a test out of that of the loop around it: a kernel stack has 12 KiB.
#[inline(never)]
fn apart(test: impl FnOnce() -> Result) -> Result {
    test()
}

/// Posts a receive that must be accepted.
#[track_caller]
pub fn receive(end: &End, context: usize, sges: &[NDK_SGE]) -> Result {
    let status = end.qp.receive(context, sges);
    end.qp.run().ok(status, "WR-12 NdkReceive")
}

/// Posts a send that must be accepted.
#[track_caller]
pub fn send(end: &End, context: usize, sges: &[NDK_SGE], flags: ULONG) -> Result {
    let status = end.qp.send(context, sges, flags);
    end.qp.run().ok(status, "SND-01 NdkSend")
}

/// Expects the next initiator request to succeed.
#[track_caller]
pub fn done(end: &End, context: usize) -> Result<NDK_RESULT_EX> {
    end.initiated.expect(context, STATUS_SUCCESS, "the request succeeds")
}

/// Expects the next receive to succeed with a number of bytes.
#[track_caller]
pub fn received(end: &End, context: usize, bytes: usize) -> Result<NDK_RESULT_EX> {
    let result = end.received.expect(context, STATUS_SUCCESS, "the receive succeeds")?;
    end.qp.run().equal(result.BytesTransferred, bytes, "RCV-02 BytesTransferred is the message length")?;
    Ok(result)
}

/// Posts a send of zero bytes for which the peer has no receive: what follows in the queue waits.
#[track_caller]
pub fn stall(end: &End) -> Result {
    send(end, STALL, &[], 0)
}

/// Lets a stalled queue go on.
#[track_caller]
pub fn release(end: &End, peer: &End) -> Result {
    receive(peer, STALL, &[])?;
    done(end, STALL)?;
    received(peer, STALL, 0)?;
    Ok(())
}

/// Expects that nothing completes in a CQ, now and shortly after.
#[track_caller]
pub fn nothing_in(cq: &Cq, what: &'static str) -> Result {
    let mut result = [NDK_RESULT_EX::default()];
    cq.run().equal(cq.poll_ex(&mut result), 0usize, what)?;
    time::sleep(SHORT);
    cq.run().equal(cq.poll_ex(&mut result), 0usize, what)
}

/// Fetches a number of results, hands each to the test, and expects no more.
#[track_caller]
pub fn drain(cq: &Cq, count: usize, mut look: impl FnMut(usize, &NDK_RESULT_EX) -> Result) -> Result {
    for index in 0..count {
        look(index, &cq.next()?)?;
    }
    nothing_in(cq, "WR-02 each request completes once")
}

/// Expects a request to be refused for want of a connection, or to complete cancelled.
#[track_caller]
pub fn dead(cq: &Cq, context: usize, status: NTSTATUS, what: &'static str) -> Result {
    if status == STATUS_SUCCESS {
        cq.expect(context, STATUS_CANCELLED, what)?;
        return Ok(());
    }
    cq.run().status(status, STATUS_CONNECTION_INVALID, what)
}

/// Disconnects an end and, after a look at it, the other end.
#[track_caller]
pub fn disconnect(end: &End, peer: &End, look: impl FnOnce() -> Result) -> Result {
    let leaving = end.connector.disconnect()?;
    let seen = look();
    peer.connector.wait_for_disconnect()?;
    peer.connector.disconnect()?.ok("CONN-68 disconnecting after the peer did")?;
    leaving.ok("CONN-61 NdkDisconnect")?;
    seen
}

/// Expects the connection to be over for this end: its event comes and it takes no request.
#[track_caller]
pub fn ended(end: &End) -> Result {
    end.connector.wait_for_disconnect()?;
    let status = end.qp.send(0xE4D, &[], 0);
    dead(&end.initiated, 0xE4D, status, "WR-13, WR-14 no request after the end")
}

fn byte_at(seed: usize, at: usize) -> u8 {
    let mixed = ((at as u64) ^ ((seed as u64) << 40)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 56) as u8
}

/// Fills a piece of memory with bytes that tell their place in the pattern.
pub fn pattern(buffer: &Buffer, offset: usize, length: usize, seed: usize) {
    let mut chunk = [0u8; 512];
    let mut at = 0;
    while at < length {
        let count = (length - at).min(chunk.len());
        for (place, byte) in chunk.iter_mut().enumerate() {
            *byte = byte_at(seed, at + place);
        }
        buffer.write(offset + at, chunk.get(..count).unwrap_or(&[]));
        at += count;
    }
}

/// Expects a piece of memory to hold a part of a pattern.
#[track_caller]
pub fn holds(
    run: &Run,
    buffer: &Buffer,
    offset: usize,
    length: usize,
    (seed, from): (usize, usize),
    what: &'static str,
) -> Result {
    let mut wrong = 0u64;
    let mut at = from;
    buffer.for_each(offset, length, |bytes| {
        for byte in bytes {
            wrong += u64::from(*byte != byte_at(seed, at));
            at += 1;
        }
    });
    run.equal(at - from, length, "the piece lies in the buffer")?;
    run.equal(wrong, 0u64, what)
}

/// Expects every byte of a piece to have one value.
#[track_caller]
pub fn only(run: &Run, buffer: &Buffer, offset: usize, length: usize, value: u8, what: &'static str) -> Result {
    let mut wrong = 0u64;
    buffer.for_each(offset, length, |bytes| {
        wrong += bytes.iter().filter(|byte| **byte != value).count() as u64;
    });
    run.equal(wrong, 0u64, what)
}

/// A region with a pattern in it.
#[track_caller]
pub fn source(pd: &Pd, length: usize, seed: usize) -> Result<Region> {
    let region = Region::new(pd, length, 0)?;
    pattern(region.buffer(), 0, length, seed);
    Ok(region)
}

/// A region for receives and reads, all bytes zero.
#[track_caller]
pub fn sink(pd: &Pd, length: usize) -> Result<Region> {
    Region::new(pd, length, LOCAL)
}

/// A region for the peer, with a pattern in it.
#[track_caller]
pub fn shared(pd: &Pd, length: usize, seed: usize) -> Result<Region> {
    let region = Region::new(pd, length, REMOTE)?;
    pattern(region.buffer(), 0, length, seed);
    Ok(region)
}

/// Most pages of a mapping here.
const PAGES: usize = 64;
/// Words before the page array: context and count.
const HEAD: usize = 2;

/// A mapping of a buffer; dropping it releases the mapping.
pub struct Lam {
    adapter: Adapter,
    // Has its place in pool: a mapping is released where it was built.
    words: Buffer,
    pages: ULONG,
    first_byte: ULONG,
}

impl Lam {
    /// Maps a buffer, which stays longer than the mapping.
    #[track_caller]
    pub fn new(adapter: &Adapter, buffer: &Buffer) -> Result<Self> {
        let words = Buffer::new((HEAD + PAGES) * 8)?;
        let mut size = words.len() as ULONG;
        let mut first_byte = 0;
        let lam: *mut NDK_LOGICAL_ADDRESS_MAPPING = words.address().as_ptr().cast();
        request::submit(adapter.run(), |context| {
            let Some(build) = adapter.dispatch().NdkBuildLAM else {
                return STATUS_NOT_SUPPORTED;
            };
            // SAFETY: the adapter is open, the outputs outlive the wait below, and the buffer outlives the
            // mapping.
            unsafe {
                build(
                    adapter.raw(),
                    buffer.mdl(),
                    buffer.len() as SIZE_T,
                    Some(on_request),
                    context,
                    lam,
                    &mut size,
                    &mut first_byte,
                )
            }
        })?
        .ok("LAM-01 NdkBuildLAM")?;
        // SAFETY: a successful build has filled the head.
        let pages = unsafe { (*lam).AdapterPageCount };
        Ok(Self { adapter: adapter.clone(), words, pages, first_byte })
    }

    /// Logical address of a byte of the first page's run.
    pub fn address(&self, offset: usize) -> usize {
        let mut first = [0u8; 8];
        self.words.read(HEAD * 8, &mut first);
        usize::from_ne_bytes(first) + self.first_byte as usize + offset
    }

    /// The page array.
    fn array(&self) -> *const NDK_LOGICAL_ADDRESS {
        self.words.address().as_ptr().wrapping_add(HEAD * 8).cast()
    }
}

impl Drop for Lam {
    fn drop(&mut self) {
        if let Some(release) = self.adapter.dispatch().NdkReleaseLAM {
            // SAFETY: the adapter is open, and the mapping is released once.
            unsafe { release(self.adapter.raw(), self.words.address().as_ptr().cast()) };
        }
    }
}

/// A fast-register region with memory for it. Nothing is registered until [`Fast::register`] is posted.
pub struct Fast {
    // Fields drop in this order.
    mr: Mr,
    lam: Lam,
    buffer: Buffer,
}

impl Fast {
    /// Makes an initialised region and maps its memory.
    #[track_caller]
    pub fn new(pd: &Pd, length: usize) -> Result<Self> {
        let mr = pd.create_mr(true)?.ok("MR-01 NdkCreateMr")?;
        request::submit(pd.run(), |context| {
            let Some(initialize) = mr.dispatch().NdkInitializeFastRegisterMr else {
                return STATUS_NOT_SUPPORTED;
            };
            // SAFETY: the region is open; callback and context fit.
            unsafe { initialize(mr.raw(), PAGES as ULONG, 1, Some(on_request), context) }
        })?
        .ok("MR-40 NdkInitializeFastRegisterMr")?;
        let buffer = Buffer::new(length)?;
        let lam = Lam::new(pd.adapter(), &buffer)?;
        Ok(Self { mr, lam, buffer })
    }

    /// The memory.
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// The region.
    pub fn header(&self) -> *mut NDK_OBJECT_HEADER {
        self.mr.header()
    }

    /// Address of the first byte as requests name it, unless the test chose another.
    pub fn base(&self) -> usize {
        self.buffer.address().addr().get()
    }

    /// Posts the registration with an address of the test's own.
    pub fn register_at(&self, qp: &Qp, context: usize, base: usize, flags: ULONG) -> NTSTATUS {
        self.register_pages(qp, context, (base, self.lam.pages), flags)
    }

    /// The same with any page count.
    pub fn register_pages(&self, qp: &Qp, context: usize, (base, pages): (usize, ULONG), flags: ULONG) -> NTSTATUS {
        let Some(register) = qp.dispatch().NdkFastRegister else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: region and QP are open. The array has `lam.pages` entries; a test that names more names more
        // than the region can take, and the provider looks at that first (FRG-04).
        unsafe {
            register(
                qp.raw(),
                ptr::without_provenance_mut(context),
                self.mr.raw(),
                pages,
                self.lam.array(),
                self.lam.first_byte,
                self.buffer.len() as SIZE_T,
                ptr::without_provenance_mut(base),
                flags,
            )
        }
    }

    /// Posts the registration.
    pub fn register(&self, qp: &Qp, context: usize, flags: ULONG) -> NTSTATUS {
        self.register_at(qp, context, self.base(), flags)
    }

    /// Registers and waits for the completion.
    #[track_caller]
    pub fn ready(&self, end: &End, flags: ULONG) -> Result {
        let status = self.register(&end.qp, 0xFA57, flags);
        end.qp.run().ok(status, "FRG-01 NdkFastRegister")?;
        done(end, 0xFA57)?;
        Ok(())
    }

    /// Posts an invalidation.
    pub fn invalidate(&self, qp: &Qp, context: usize, flags: ULONG) -> NTSTATUS {
        invalidate(qp, context, self.header(), flags)
    }

    /// Token for the peer.
    pub fn remote_token(&self) -> UINT32 {
        self.mr.remote_token()
    }

    /// Address of a byte as the peer names it.
    pub fn remote(&self, offset: usize) -> UINT64 {
        (self.base() + offset) as UINT64
    }

    /// An entry for a piece.
    pub fn sge(&self, offset: usize, length: usize) -> NDK_SGE {
        sge(self.base() + offset, length, self.mr.local_token())
    }
}

/// Posts an invalidation of a region or window.
pub fn invalidate(qp: &Qp, context: usize, object: *mut NDK_OBJECT_HEADER, flags: ULONG) -> NTSTATUS {
    let Some(invalidate) = qp.dispatch().NdkInvalidate else {
        return STATUS_NOT_SUPPORTED;
    };
    // SAFETY: the QP is open, and the tests pass open objects.
    unsafe { invalidate(qp.raw(), ptr::without_provenance_mut(context), object, flags) }
}

/// A memory window; dropping it closes it at PASSIVE_LEVEL.
pub struct Window {
    raw: *mut NDK_MW,
    pd: Pd,
}

impl Window {
    /// Makes a window that is not bound.
    #[track_caller]
    pub fn new(pd: &Pd) -> Result<Self> {
        let mut inline = ptr::null_mut();
        let answer = request::submit(pd.run(), |context| {
            let Some(create) = pd.dispatch().NdkCreateMw else {
                return STATUS_NOT_SUPPORTED;
            };
            // SAFETY: the domain is open; callback and context fit; the out pointer is a local.
            unsafe { create(pd.raw(), Some(on_create), context, &mut inline) }
        })?
        .ok("MW-01 NdkCreateMw")?;
        let raw = if answer.pended() { answer.object.cast() } else { inline };
        Ok(Self { raw, pd: pd.clone() })
    }

    /// The window's header.
    pub fn header(&self) -> *mut NDK_OBJECT_HEADER {
        self.raw.cast()
    }

    /// Posts a bind to a whole region.
    pub fn bind(&self, qp: &Qp, context: usize, region: &Region, flags: ULONG) -> NTSTATUS {
        let Some(bind) = qp.dispatch().NdkBind else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: QP, region and window are open.
        unsafe {
            bind(
                qp.raw(),
                ptr::without_provenance_mut(context),
                region.mr().raw(),
                self.raw,
                region.buffer().address().as_ptr().cast(),
                region.buffer().len() as SIZE_T,
                flags,
            )
        }
    }

    /// Token for the peer.
    pub fn remote_token(&self) -> UINT32 {
        // SAFETY: the window is open.
        unsafe { (*(*self.raw).Dispatch).NdkGetRemoteTokenFromMw.map_or(0, |get| get(self.raw)) }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: the window is open until the call below.
        let close = unsafe { (*(*self.raw).Dispatch).NdkCloseMw };
        let outcome = request::submit(self.pd.run(), |context| match close {
            // SAFETY: the window is open and is not used after this.
            Some(close) => unsafe { close(self.raw.cast(), Some(on_close), context) },
            None => STATUS_NOT_SUPPORTED,
        })
        .and_then(|closing| closing.ok("LIFE-01 closing cannot fail"));
        if let Err(failure) = outcome {
            self.pd.run().set_aside(failure);
        }
    }
}
