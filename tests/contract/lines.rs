//! Several connections to QPs of one domain: of a shared receive queue, or with windows of the domain.

use super::{
    ends::{Ends, Side},
    probe::{Probe, Seen},
};
use crate::{
    kernel::time,
    ndk::{Connector, Cq, Limits, Pd, Qp, QpOptions, Srq, SrqOptions},
    run::{Result, Run},
};
use ndkpi_sys::{NDK_RESULT_EX, NDK_SGE, STATUS_SUCCESS};

/// How long a test looks for what does not happen, in milliseconds.
const SHORT: u32 = 30;

/// A connection from the active adapter to a QP of the passive one.
pub struct Line {
    // Fields drop in this order.
    /// The connector that connected.
    pub active: Connector,
    /// The connector that accepted.
    pub passive: Connector,
    /// The active side.
    pub peer: Side,
    /// The passive QP.
    pub qp: Qp,
    /// Where its receives complete.
    pub received: Cq,
    /// Where its own requests complete.
    pub initiated: Cq,
}

impl Line {
    /// Connects a QP of the SRQ, with a context.
    #[track_caller]
    pub fn shared(ends: &Ends, srq: &Srq, pd: &Pd, context: usize) -> Result<Self> {
        let (received, initiated) = (ends.passive.cq(256)?, ends.passive.cq(256)?);
        let options = QpOptions { context, ..QpOptions::default() };
        let qp = pd.create_qp_with_srq((&received, &initiated), srq, &options)?.ok("QP-10 NdkCreateQpWithSrq")?;
        Self::with(ends, qp, received, initiated)
    }

    /// Connects a QP that has receives of its own.
    #[track_caller]
    pub fn own(ends: &Ends, pd: &Pd) -> Result<Self> {
        let (received, initiated) = (ends.passive.cq(256)?, ends.passive.cq(256)?);
        let qp = pd.create_qp(&received, &initiated, &QpOptions::default())?.ok("QP-01 NdkCreateQp")?;
        Self::with(ends, qp, received, initiated)
    }

    #[track_caller]
    fn with(ends: &Ends, qp: Qp, received: Cq, initiated: Cq) -> Result<Self> {
        let peer = Side::new(&ends.active)?;
        let (listener, to) = ends.listen(0)?;
        let active = ends.active.connector()?;
        let connecting = active.connect(&peer.qp, &ends.from, &to, Limits::default(), &[])?;
        let passive = listener.next()?;
        let accepting = passive.accept(&qp, Limits::default(), &[])?;
        connecting.ok("CONN-04 NdkConnect")?;
        active.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
        accepting.ok("CONN-32 NdkAccept")?;
        Ok(Self { active, passive, peer, qp, received, initiated })
    }

    /// Sends a message to the passive QP and waits until it has been taken; gives the receive's result.
    #[track_caller]
    pub fn message(&self, sges: &[NDK_SGE]) -> Result<NDK_RESULT_EX> {
        let run = self.qp.run();
        run.ok(self.peer.qp.send(0x5E, sges, 0), "SND-01 NdkSend")?;
        let result = self.received.next()?;
        run.ok(result.Status, "RCV-01 the receive succeeds")?;
        self.peer.cq.expect(0x5E, STATUS_SUCCESS, "SND-01 the send succeeds")?;
        Ok(result)
    }

    /// Sends messages of no bytes, one after the other, and expects the receives with these contexts.
    #[track_caller]
    pub fn takes(&self, contexts: impl IntoIterator<Item = usize>, what: &'static str) -> Result {
        for context in contexts {
            let result = self.message(&[])?;
            self.qp.run().equal(result.RequestContext.addr(), context, what)?;
        }
        Ok(())
    }

    /// Expects that no receive completes, now and shortly after.
    #[track_caller]
    pub fn silent(&self, what: &'static str) -> Result {
        super::work_help::nothing_in(&self.received, what)
    }
}

/// An SRQ of the passive adapter and its domain.
pub struct Queue {
    // Fields drop in this order.
    /// The queue.
    pub srq: Srq,
    /// Its domain.
    pub pd: Pd,
}

impl Queue {
    /// A queue of this depth for receives of one entry, without notifications.
    #[track_caller]
    pub fn new(ends: &Ends, depth: u32) -> Result<Self> {
        Self::with(ends, &SrqOptions { depth, ..SrqOptions::default() })
    }

    /// A queue as the test wants it.
    #[track_caller]
    pub fn with(ends: &Ends, options: &SrqOptions) -> Result<Self> {
        let pd = ends.passive.pd()?;
        Ok(Self { srq: pd.srq(options)?, pd })
    }

    /// A queue of 16 receives that notifies a probe.
    #[track_caller]
    pub fn notifying<F: Fn(&Seen)>(ends: &Ends, probe: &Probe<F>, threshold: u32) -> Result<Self> {
        let (notify, context) = (probe.srq(), probe.context());
        Self::with(ends, &SrqOptions { threshold, notify, context, ..SrqOptions::default() })
    }

    /// A connected QP of this queue.
    #[track_caller]
    pub fn line(&self, ends: &Ends, context: usize) -> Result<Line> {
        Line::shared(ends, &self.srq, &self.pd, context)
    }

    /// Posts receives of no bytes with these contexts.
    #[track_caller]
    pub fn post(&self, contexts: impl IntoIterator<Item = usize>) -> Result {
        for context in contexts {
            self.srq.run().ok(self.srq.receive(context, &[]), "SRQ-10 NdkSrqReceive")?;
        }
        Ok(())
    }

    /// Expects that exactly so many more receives fit, and posts them, from context 0x100 on.
    #[track_caller]
    pub fn fits(&self, count: usize, what: &'static str) -> Result {
        self.post(0x100..0x100 + count)?;
        let status = self.srq.receive(0x999, &[]);
        self.srq.run().status(status, ndkpi_sys::STATUS_NO_MORE_ENTRIES, what)
    }

    /// Modifies and expects success.
    #[track_caller]
    pub fn modify(&self, depth: u32, threshold: u32) -> Result {
        self.srq.modify(depth, threshold)?.ok("SRQ-20 NdkModifySrq").map(drop)
    }
}

/// Expects that a probe has been called so often, and is not called again in a while.
#[track_caller]
pub fn calls<F>(run: &Run, probe: &Probe<F>, count: u32, what: &'static str) -> Result {
    time::sleep(SHORT);
    run.equal(probe.calls(), count, what)
}
