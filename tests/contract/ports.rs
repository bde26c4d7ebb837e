//! `CONN-08`, `LSN-06`, `SEP-04`: ports that the provider picks, until there is none left.
//!
//! How many there are is the adapter's affair (its DynamicPorts): the tests take them all.

use super::ends::{DYNAMIC, Ends, PORT, Side, each};
use crate::{
    kernel::List,
    ndk::{Address, Endpoint, Limits, Listener},
    run::{Failure, Result, Run},
    workload::Job,
};
use ndkpi_sys::{STATUS_PENDING, STATUS_SUCCESS, STATUS_TOO_MANY_ADDRESSES};

contract! {
    "CONN-08" conn_08, "port 0 connects from a free port; none free is refused";
    "LSN-06" lsn_06, "port 0 listens on a free port; none free is refused";
    "SEP-04" sep_04, "port 0 takes a free port; none free is refused";
}

/// Expects a port of the range that nobody has had before.
#[track_caller]
fn fresh(run: &Run, ports: &mut List<u16>, address: &Address) -> Result {
    let port = address.port();
    run.check(DYNAMIC.contains(&port), "CONN-08, LSN-06, SEP-04 a port from 49152 to 65535")?;
    run.check(!ports.contains(&port), "CONN-08, LSN-06, SEP-04 a free port")?;
    Ok(ports.try_push(port)?)
}

/// Takes all ports of the active adapter's address with endpoints.
fn endpoints(ends: &Ends, ports: &mut List<u16>) -> Result<List<Endpoint>> {
    let mut all = List::new();
    loop {
        ends.run.go_on()?;
        let created = ends.active.create_endpoint(&ends.from)?;
        if created.answer.status != STATUS_SUCCESS {
            created.fails(STATUS_TOO_MANY_ADDRESSES, "SEP-04 no port is free")?;
            return Ok(all);
        }
        let endpoint = created.ok("SEP-01 NdkCreateSharedEndpoint")?;
        fresh(ends.run, ports, &endpoint.local_address().1)?;
        all.try_push(endpoint)?;
    }
}

/// One of them, which the test gives back.
fn last<T: Clone>(list: &List<T>) -> Result<T> {
    list.last().cloned().ok_or_else(|| Failure::new("there was a port", STATUS_TOO_MANY_ADDRESSES))
}

fn sep_04(job: &Job) -> Result {
    each(job, |ends| {
        let mut ports = List::new();
        let all = endpoints(ends, &mut ports)?;
        // A port of the test's own choice is not of the range, and free.
        ends.active.endpoint(&ends.from.with_port(PORT))?;
        let one = last(&all)?;
        let free = one.local_address().1;
        one.close()?;
        let again = ends.active.endpoint(&ends.from)?;
        ends.run.check(again.local_address().1 == free, "SEP-04 the port that is free again")?;
        let created = ends.active.create_endpoint(&ends.from)?;
        created.fails(STATUS_TOO_MANY_ADDRESSES, "SEP-04 no port is free")
    })
}

fn lsn_06(job: &Job) -> Result {
    each(job, |ends| {
        let mut ports = List::new();
        let mut all: List<Listener> = List::new();
        let refused = loop {
            ends.run.go_on()?;
            let listener = ends.active.listener()?;
            match listener.listen(&ends.from)?.wait()?.status {
                STATUS_SUCCESS => {
                    let (status, address) = listener.local_address();
                    ends.run.ok(status, "LSN-06 the port can be read")?;
                    fresh(ends.run, &mut ports, &address)?;
                    all.try_push(listener)?;
                }
                status => {
                    ends.run.status(status, STATUS_TOO_MANY_ADDRESSES, "LSN-06 no port is free")?;
                    break listener;
                }
            }
        };
        // The listener can try again (LSN-09).
        let one = last(&all)?;
        let free = one.local_address().1;
        one.close()?;
        refused.listen(&ends.from)?.ok("LSN-06 one is free again")?;
        ends.run.check(refused.local_address().1 == free, "LSN-06 that one")?;
        ends.listen_gives(&ends.from, STATUS_TOO_MANY_ADDRESSES, "LSN-06 no port is free")?;
        ends.listen_gives(&ends.from.with_port(PORT), STATUS_SUCCESS, "LSN-06 a port outside the range")
    })
}

fn conn_08(job: &Job) -> Result {
    each(job, |ends| {
        let (listener, to) = ends.listen(PORT)?;
        let mut ports = List::new();
        let all = endpoints(ends, &mut ports)?;
        ends.connect_gives(&ends.from, &to, STATUS_TOO_MANY_ADDRESSES, "CONN-08 no port is free")?;
        let one = last(&all)?;
        let free = one.local_address().1;
        one.close()?;
        let side = Side::new(&ends.active)?;
        let connector = ends.active.connector()?;
        let connecting = connector.connect(&side.qp, &ends.from, &to, Limits::default(), &[])?;
        ends.run.status(connecting.inline(), STATUS_PENDING, "CONN-08 one is free again")?;
        ends.run.check(connector.local_address().1 == free, "CONN-08 that one")?;
        let delivered = listener.next()?;
        ends.run.check(delivered.peer_address().1 == free, "CONN-08 the peer sees it, too")?;
        ends.connect_gives(&ends.from, &to, STATUS_TOO_MANY_ADDRESSES, "CONN-08 the connector has it")?;
        delivered.close()?;
        connecting.wait()?.is(ends.run, ndkpi_sys::STATUS_CONNECTION_REFUSED, "CONN-45 a close rejects")
    })
}
