//! What the device wishes to happen outside.

use softndk_abi::completion::Alarm;

/// Why a connection ended at the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// A request of this QP failed here (WR-26, INV-06, ...).
    Local,
    /// A request of the peer failed, or this QP's request failed at the peer (RD-08, SND-04, ...).
    Remote,
    /// A flush cut a message or an RDMA operation short (FLUSH-09).
    Cut,
}

/// Takes the wishes of the device. Methods only queue things (DPCs, timers, work items, counters): they call no
/// consumer, wait for nothing and do not call the device.
///
/// Cookies are what the shell gave at creation. The object behind a cookie is alive during the call, so the
/// method can take a reference of its own to it; afterwards it may go.
pub trait Sink {
    /// The CQ's notification: see [`Alarm`]. Never called with [`Alarm::None`].
    fn alarm(&self, cq: usize, alarm: Alarm);

    /// The CQ has just overflowed and failed: end all its QPs (CQ-35).
    fn cq_overflow(&self, cq: usize);

    /// The QP's connection failed; said once per QP. Its queues are drained by its next run (a kick follows).
    fn lost(&self, qp: usize, loss: Loss);

    /// The QP's front Send has no receive at the peer: run it again when time has passed (RCV-08). A kick comes earlier
    /// when the peer posts one.
    fn starved(&self, qp: usize);

    /// Run the QP soon, from another context: [`crate::qp::Qp::run`].
    fn kick(&self, qp: usize);

    /// The QP has let go of its peer and will not touch it again; the reference of the link can be dropped.
    fn unlinked(&self, qp: usize, peer: usize);

    /// The QP is in error, both its queues are drained, their completions are in the CQs, and the link is gone (CONN-65,
    /// LIFE-33). Said once; requests posted later are still cancelled one by one.
    fn quiet(&self, qp: usize);

    /// A deferred [`crate::token::Table::invalidate`] or [`crate::token::Table::retire`] has come to its end: no copy uses the slot.
    /// `owner` is what [`crate::token::Table::set_owner`] was told: the slot may be of the peer's table.
    fn drained(&self, owner: usize, object: u32);

    /// The SRQ fell below its threshold: its notification is due, once for each arm (SRQ-27).
    fn srq_low(&self, srq: usize);

    /// A receive was posted to an SRQ on which QPs starve: run those QPs.
    fn srq_fed(&self, srq: usize);

    /// The FastRegister whose page list was staged at this system address is over (done, failed or cancelled): the list can be freed.
    fn unstage(&self, qp: usize, pages: u64);

    /// `bytes` of a message went from QP `from` to QP `to` (a Read goes from the target to the initiator), behind `done`
    /// bytes of it that went before; a message of no bytes goes once. For counters.
    #[inline]
    fn moved(&self, from: usize, to: usize, done: u64, bytes: u64) {
        let _ = (from, to, done, bytes);
    }

    /// The request of a Read went from QP `from` to QP `to`. For counters.
    #[inline]
    fn asked(&self, from: usize, to: usize) {
        let _ = (from, to);
    }
}
