//! `LSN-14`, `SEP-05`: more connectors and endpoints than the adapter has room for (its ObjectLimit).

use super::ends::{Ends, PORT, Side, each};
use crate::{
    kernel::{List, time},
    ndk::{Connector, Endpoint},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{STATUS_CONNECTION_REFUSED, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};

contract! {
    "LSN-14" lsn_14, "without room for a connector the peer is refused and no event made";
    "SEP-05" sep_05, "without room for it an endpoint is refused";
}

/// Takes all connectors of the passive adapter.
fn connectors(ends: &Ends) -> Result<List<Connector>> {
    let mut all = List::new();
    loop {
        ends.run.go_on()?;
        let created = ends.passive.create_connector()?;
        if created.answer.status != STATUS_SUCCESS {
            created.fails(STATUS_INSUFFICIENT_RESOURCES, "CONN-01 no room for a connector")?;
            return Ok(all);
        }
        all.try_push(created.ok("CONN-01 NdkCreateConnector")?)?;
    }
}

fn lsn_14(job: &Job) -> Result {
    each(job, |ends| {
        let (listener, to) = ends.listen(PORT)?;
        let side = Side::new(&ends.active)?;
        // Before the others: both ends may be of one adapter.
        let connector = ends.active.connector()?;
        let mut all = connectors(ends)?;
        let limits = crate::ndk::Limits::default();
        for _ in 0..3 {
            let connecting = connector.connect(&side.qp, &ends.from, &to, limits, &[])?;
            connecting.wait()?.is(ends.run, STATUS_CONNECTION_REFUSED, "LSN-14 the peer is refused")?;
        }
        time::sleep(super::ends::CARRIED);
        ends.run.equal(listener.events(), 0u32, "LSN-14 no event")?;
        // With room again the same connector comes through.
        all.clear();
        let connecting = connector.connect(&side.qp, &ends.from, &to, limits, &[])?;
        let delivered = listener.next()?;
        ends.run.ok(delivered.reject(&[]), "CONN-40 NdkReject")?;
        connecting.wait()?.is(ends.run, STATUS_CONNECTION_REFUSED, "CONN-11 a reject")?;
        ends.run.equal(listener.events(), 1u32, "LSN-11 one event")
    })
}

fn sep_05(job: &Job) -> Result {
    each(job, |ends| {
        let mut all: List<Endpoint> = List::new();
        let refused = loop {
            ends.run.go_on()?;
            let created = ends.active.create_endpoint(&ends.from)?;
            if created.answer.status != STATUS_SUCCESS {
                break created;
            }
            all.try_push(created.ok("SEP-01 NdkCreateSharedEndpoint")?)?;
        };
        refused.fails(STATUS_INSUFFICIENT_RESOURCES, "SEP-05 no room for an endpoint")?;
        // The port that it would have had is not taken.
        all.clear();
        let endpoint = ends.active.endpoint(&ends.from.with_port(PORT))?;
        ends.run.check(endpoint.local_address().1 == ends.from.with_port(PORT), "SEP-05 with room it succeeds")
    })
}
