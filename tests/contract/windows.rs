//! Set-up for the tests of memory windows: binding, and what a peer can do with a token.

use super::{
    ends::Side,
    mapped::Window,
    work_help::{self, holds, only, pattern, sink, source},
};
use crate::{
    ndk::{Cq, End, Pd, Qp, Region},
    run::Result,
};
use ndkpi_sys::{
    NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_REMOTE_WRITE, STATUS_REMOTE_RESOURCES, STATUS_SUCCESS, UINT32,
    UINT64, ULONG,
};

/// The peer may read.
pub const READ: ULONG = NDK_OP_FLAG_ALLOW_REMOTE_READ;
/// The peer may write.
pub const WRITE: ULONG = NDK_OP_FLAG_ALLOW_REMOTE_WRITE;
/// The peer may do both.
pub const BOTH: ULONG = READ | WRITE;
/// Context of binds and invalidations that only prepare something.
pub const BIND: usize = 0xB1D;
/// Bytes of the regions here; each begins with a pattern of its own.
pub const LENGTH: usize = 4096;

/// A region of a pattern, with all rights.
#[track_caller]
pub fn region(pd: &Pd, seed: usize) -> Result<Region> {
    work_help::shared(pd, LENGTH, seed)
}

/// The side whose memory it is: posts and waits.
#[derive(Clone, Copy)]
pub struct Owner<'a> {
    /// Binds and invalidates.
    pub qp: &'a Qp,
    /// Where that completes.
    pub cq: &'a Cq,
}

impl<'a> Owner<'a> {
    /// An end of a pair.
    pub fn of(end: &'a End) -> Self {
        Self { qp: &end.qp, cq: &end.initiated }
    }

    /// Binds a part of a region and waits until that is complete; gives the token.
    #[track_caller]
    pub fn bind(self, window: &Window, region: &Region, (at, length): (usize, usize), flags: ULONG) -> Result<UINT32> {
        let status = window.bind(self.qp, BIND, region.mr(), address(region, at), length, flags);
        self.qp.run().ok(status, "BND-01 NdkBind")?;
        self.cq.expect(BIND, STATUS_SUCCESS, "BND-01 the bind succeeds")?;
        let token = window.remote_token();
        self.qp.run().check(token != 0, "MW-04 a token")?;
        Ok(token)
    }

    /// Ends a binding and waits until that is complete.
    #[track_caller]
    pub fn invalidate(self, window: &Window) -> Result {
        self.qp.run().ok(window.invalidate(self.qp, BIND), "INV-01 NdkInvalidate")?;
        self.cq.expect(BIND, STATUS_SUCCESS, "INV-01 the invalidation succeeds").map(drop)
    }
}

/// Address of a byte of a region as NdkBind takes it.
pub fn address(region: &Region, at: usize) -> usize {
    region.buffer().address().as_ptr().wrapping_add(at).addr()
}

/// The peer: reads and writes with tokens.
#[derive(Clone, Copy)]
pub struct Peer<'a> {
    /// Reads and writes.
    pub qp: &'a Qp,
    /// Where that completes.
    pub cq: &'a Cq,
    /// For its own memory.
    pub pd: &'a Pd,
}

impl<'a> Peer<'a> {
    /// An end of a pair.
    pub fn of(end: &'a End) -> Self {
        Self { qp: &end.qp, cq: &end.initiated, pd: &end.pd }
    }

    /// A side of its own.
    pub fn side(side: &'a Side) -> Self {
        Self { qp: &side.qp, cq: &side.cq, pd: &side.pd }
    }

    /// Reads a part of a region and expects its pattern.
    #[track_caller]
    pub fn reads(self, token: UINT32, from: (&Region, usize), (at, length): (usize, usize)) -> Result {
        let (region, seed) = from;
        self.reads_at(token, region.remote(at), length, (seed, at))
    }

    /// Reads by address and expects a part of a pattern.
    #[track_caller]
    pub fn reads_at(self, token: UINT32, address: UINT64, length: usize, pattern: (usize, usize)) -> Result {
        let run = self.qp.run();
        let into = sink(self.pd, length)?;
        run.ok(self.qp.read(0x4EAD, &[into.sge(0, length)], address, token, 0), "RD-01 NdkRead")?;
        self.cq.expect(0x4EAD, STATUS_SUCCESS, "MW-06 the token lets the peer read")?;
        holds(run, into.buffer(), 0, length, pattern, "RD-01 the bytes of the window")
    }

    /// Writes another pattern to a part of a region, which then holds it.
    #[track_caller]
    pub fn writes(self, token: UINT32, region: &Region, (at, length): (usize, usize)) -> Result {
        let run = self.qp.run();
        let from = source(self.pd, length, 77)?;
        run.ok(self.qp.write(0x3417, &[from.sge(0, length)], region.remote(at), token, 0), "WRT-01 NdkWrite")?;
        self.cq.expect(0x3417, STATUS_SUCCESS, "MW-06 the token lets the peer write")?;
        holds(run, region.buffer(), at, length, (77, 0), "WRT-01 the bytes are there")
    }

    /// Expects a read to fail, which ends the connection.
    #[track_caller]
    pub fn cannot_read(self, token: UINT32, address: UINT64, length: usize, what: &'static str) -> Result {
        let run = self.qp.run();
        let into = sink(self.pd, length)?;
        run.ok(self.qp.read(0x4EAD, &[into.sge(0, length)], address, token, 0), "RD-11 the peer judges later")?;
        self.cq.expect(0x4EAD, STATUS_REMOTE_RESOURCES, what)?;
        only(run, into.buffer(), 0, length, 0, "RD-08 no byte is returned")
    }

    /// Expects a write not to reach the region, which holds its whole pattern; this ends the connection.
    #[track_caller]
    pub fn cannot_write(
        self,
        token: UINT32,
        (region, seed): (&Region, usize),
        address: UINT64,
        length: usize,
        what: &'static str,
    ) -> Result {
        let run = self.qp.run();
        let from = source(self.pd, length, 77)?;
        run.ok(self.qp.write(0x3417, &[from.sge(0, length)], address, token, 0), "WRT-01 NdkWrite")?;
        self.cq.expect(0x3417, STATUS_REMOTE_RESOURCES, what)?;
        holds(run, region.buffer(), 0, LENGTH, (seed, 0), "WRT-06 no byte is changed")
    }
}

/// Gives a region its pattern again.
pub fn reset(region: &Region, seed: usize) {
    pattern(region.buffer(), 0, LENGTH, seed);
}

/// A region of a pattern with rights of the test's choice.
#[track_caller]
pub fn region_with(pd: &Pd, flags: ULONG, seed: usize) -> Result<Region> {
    let region = Region::new(pd, LENGTH, flags)?;
    reset(&region, seed);
    Ok(region)
}
