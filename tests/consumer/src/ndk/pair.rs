//! Two connected ends, made in one thread.

use crate::{
    ndk::{Adapter, Address, Connector, Cq, Family, Limits, Listener, Pd, Qp, QpOptions},
    run::{Failure, Result, Run},
    wsk::Provider,
};
use ndkpi_sys::STATUS_INVALID_ADDRESS;
use ndktest_api::Target;

/// Where the ends of a pair are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Both on the first adapter, each with an open of its own.
    Same,
    /// Passive on the first adapter, active on the second.
    Across,
}

/// How to make a pair.
#[derive(Clone, Copy)]
pub struct PairOptions<'a> {
    /// Where the two ends are.
    pub place: Place,
    /// Address family of both ends.
    pub family: Family,
    /// Depth of each of the four CQs.
    pub cq_depth: u32,
    /// Sizes of both QPs.
    pub qp: QpOptions,
    /// Read limits that both ends ask for.
    pub limits: Limits,
    /// Private data of the connect.
    pub caller: &'a [u8],
    /// Private data of the accept.
    pub callee: &'a [u8],
}

impl Default for PairOptions<'_> {
    fn default() -> Self {
        Self {
            place: Place::Same,
            family: Family::V4,
            cq_depth: 256,
            qp: QpOptions::default(),
            limits: Limits::default(),
            caller: &[],
            callee: &[],
        }
    }
}

/// One side of a connection. Receives complete in one CQ, initiator requests in the other.
pub struct End {
    // Fields drop in this order.
    /// Connected.
    pub connector: Connector,
    /// The queue pair.
    pub qp: Qp,
    /// Where receives complete.
    pub received: Cq,
    /// Where initiator requests complete.
    pub initiated: Cq,
    /// The domain of the QP.
    pub pd: Pd,
    /// An open of this end's own.
    pub adapter: Adapter,
}

/// Two connected ends.
pub struct Pair {
    /// The end that connected.
    pub active: End,
    /// The end that accepted.
    pub passive: End,
    /// The listener, which still listens.
    pub listener: Listener,
}

/// An end that is not connected yet.
struct Parts {
    qp: Qp,
    received: Cq,
    initiated: Cq,
    pd: Pd,
    adapter: Adapter,
}

impl Parts {
    #[track_caller]
    fn new(run: &Run, provider: &Provider, target: &Target, options: &PairOptions) -> Result<Self> {
        let adapter = Adapter::open(run, provider, target)?;
        let pd = adapter.pd()?;
        let received = adapter.cq(options.cq_depth)?;
        let initiated = adapter.cq(options.cq_depth)?;
        let qp = pd.create_qp(&received, &initiated, &options.qp)?.ok("QP-01 NdkCreateQp")?;
        Ok(Self { qp, received, initiated, pd, adapter })
    }

    fn with(self, connector: Connector) -> End {
        let Self { qp, received, initiated, pd, adapter } = self;
        End { connector, qp, received, initiated, pd, adapter }
    }
}

/// The adapters of a run for a place: passive, active. None if the run has no second adapter.
pub fn targets(run: &Run, place: Place) -> Option<(Target, Target)> {
    let [first, second] = run.request.adapters;
    match place {
        Place::Same => Some((first, first)),
        Place::Across => (second.interface != 0).then_some((first, second)),
    }
}

impl Pair {
    /// Opens, creates and connects both ends at PASSIVE_LEVEL. None if the run has not the adapters or
    /// addresses for it.
    #[track_caller]
    pub fn connect(run: &Run, provider: &Provider, options: &PairOptions) -> Result<Option<Self>> {
        let Some((passive, active)) = targets(run, options.place) else {
            return Ok(None);
        };
        let given = |target: &Target| Address::of(target, options.family, 0);
        let (Some(passive_address), Some(active_address)) = (given(&passive), given(&active)) else {
            return Ok(None);
        };
        let passive = Parts::new(run, provider, &passive, options)?;
        let active = Parts::new(run, provider, &active, options)?;

        let listener = passive.adapter.listener()?;
        listener.listen(&passive_address.with_port(port(run)?))?.ok("LSN-03 NdkListen")?;
        let (status, destination) = listener.local_address();
        run.ok(status, "ADR-01 address of a listener")?;

        let connector = active.adapter.connector()?;
        let connecting =
            connector.connect(&active.qp, &active_address, &destination, options.limits, options.caller)?;
        let delivered = listener.next()?;
        let accepting = delivered.accept(&passive.qp, options.limits, options.callee)?;
        connecting.ok("CONN-04 NdkConnect")?;
        connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
        accepting.ok("CONN-32 NdkAccept")?;
        Ok(Some(Self { active: active.with(connector), passive: passive.with(delivered), listener }))
    }
}

/// The listening port of the request; 0 lets the provider choose.
#[track_caller]
pub fn port(run: &Run) -> Result<u16> {
    u16::try_from(run.request.port).map_err(|_| Failure::new("a port below 65536", STATUS_INVALID_ADDRESS))
}
