//! `connect`: connections come about, are refused, tell data and addresses, and end.

use crate::{
    ndk::{Adapter, Address, Connector, Cq, Family, Limits, Listener, Pair, PairOptions, Pd, Place, Qp, targets},
    run::{Failure, Result, Run},
    workload::{Job, Workload},
};
use ndkpi_sys::{
    STATUS_BUFFER_TOO_SMALL, STATUS_CONNECTION_INVALID, STATUS_CONNECTION_REFUSED, STATUS_INVALID_ADDRESS,
    STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SHARING_VIOLATION, STATUS_SUCCESS,
};
use ndktest_api as api;

pub static WORKLOAD: Workload = Workload {
    name: "connect",
    description: "connect, accept, reject, private data, connection data, addresses, disconnect",
    adapters: 1,
    file: file!(),
    run,
};

const CALLER: [u8; 56] = numbered(1);
const CALLEE: [u8; 56] = numbered(101);

const fn numbered(first: u8) -> [u8; 56] {
    let mut bytes = [0; 56];
    let mut index = 0;
    while index < bytes.len() {
        bytes[index] = first.wrapping_add(index as u8);
        index += 1;
    }
    bytes
}

fn run(job: &Job, outcome: &mut api::Outcome) -> Result {
    let mut ran = 0;
    for place in [Place::Same, Place::Across] {
        for family in Family::ALL {
            let Some(ends) = Ends::new(job, place, family)? else {
                continue;
            };
            let version = ends.active.version();
            (outcome.major, outcome.minor) = (version.Major, version.Minor);
            job.run.go_on()?;
            established(job, &ends, place, family)?;
            rejected(job.run, &ends)?;
            closed_instead(job.run, &ends)?;
            nobody_listens(job.run, &ends)?;
            address_rules(job.run, &ends)?;
            job.run.advance(1);
            ran += 1;
        }
    }
    if ran == 0 {
        return Err(Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER));
    }
    Ok(())
}

/// Two adapters, with what a connection needs but the connection.
struct Ends {
    active: Adapter,
    passive: Adapter,
    active_address: Address,
    passive_address: Address,
}

/// The QP of one side with all it stands on.
struct Side {
    qp: Qp,
    _cq: Cq,
    _pd: Pd,
}

impl Ends {
    fn new(job: &Job, place: Place, family: Family) -> Result<Option<Self>> {
        let Some((passive, active)) = targets(job.run, place) else {
            return Ok(None);
        };
        let addresses = (Address::of(&active, family, 0), Address::of(&passive, family, 0));
        let (Some(active_address), Some(passive_address)) = addresses else {
            return Ok(None);
        };
        let active = Adapter::open(job.run, job.provider, &active)?;
        let passive = Adapter::open(job.run, job.provider, &passive)?;
        Ok(Some(Self { active, passive, active_address, passive_address }))
    }

    /// A listener on a free port, and its address.
    fn listener(&self, run: &Run) -> Result<(Listener, Address)> {
        let listener = self.passive.listener()?;
        listener.listen(&self.passive_address)?.ok("LSN-06 port 0 picks a free port")?;
        let (status, address) = listener.local_address();
        run.ok(status, "ADR-01 address of a listener")?;
        run.check((49152..=65535).contains(&address.port()), "LSN-06 the port is from the dynamic range")?;
        Ok((listener, address))
    }

    fn connecting(&self, side: &Side, destination: &Address) -> Result<(Connector, crate::ndk::Submitted)> {
        let connector = self.active.connector()?;
        let connecting = connector.connect(&side.qp, &self.active_address, destination, Limits::default(), &CALLER)?;
        Ok((connector, connecting))
    }
}

fn side(adapter: &Adapter) -> Result<Side> {
    let pd = adapter.pd()?;
    let cq = adapter.cq(64)?;
    Ok(Side { qp: pd.qp(&cq)?, _cq: cq, _pd: pd })
}

/// Data, limits and addresses of a connection from both sides, then a graceful end.
fn established(job: &Job, ends: &Ends, place: Place, family: Family) -> Result {
    let run = job.run;
    let limits = Limits { inbound: 4, outbound: 7 };
    let options = PairOptions { place, family, limits, caller: &CALLER, callee: &CALLEE, ..PairOptions::default() };
    let Some(pair) = Pair::connect(run, job.provider, &options)? else {
        return Ok(());
    };
    let (active, passive) = (&pair.active.connector, &pair.passive.connector);
    data(run, active, &CALLEE)?;
    data(run, passive, &CALLER)?;
    let mut none = [];
    let seen = active.connection_data(&mut none).ok(run, "CONN-54 the size query")?;
    // Both sides ask for the same, so each direction is the smaller of the two.
    run.check(seen.limits == Limits { inbound: 4, outbound: 4 }, "CONN-46 effective limits are the minimum")?;
    let other = passive.connection_data(&mut none).ok(run, "CONN-59 also on the passive side")?;
    run.equal(other.limits.inbound, seen.limits.outbound, "CONN-51 the limits of both sides agree")?;

    let (status, listening) = pair.listener.local_address();
    run.ok(status, "ADR-01 address of a listener")?;
    let (status, peer) = active.peer_address();
    run.ok(status, "ADR-02 the peer's address")?;
    run.check(peer == listening, "ADR-02 the active side's peer is the listener")?;
    let (status, local) = active.local_address();
    run.ok(status, "ADR-01 the local address")?;
    run.check(local == ends.active_address.with_port(local.port()), "ADR-01 the local address")?;
    run.check((49152..=65535).contains(&local.port()), "CONN-08 local port 0 picks a free port")?;
    let (status, local_of_passive) = passive.local_address();
    run.ok(status, "ADR-07 the local address of an accepted connector")?;
    run.check(local_of_passive == listening, "ADR-07 an accepted connector has the listener's port")?;
    let (status, peer_of_passive) = passive.peer_address();
    run.ok(status, "ADR-02 the peer's address")?;
    run.check(peer_of_passive == local, "ADR-02 the passive side's peer is the active side")?;

    let leaving = active.disconnect()?;
    passive.wait_for_disconnect()?;
    passive.disconnect()?.ok("CONN-68 disconnecting after the peer did")?;
    leaving.ok("CONN-61 NdkDisconnect")?;
    run.equal(passive.disconnects(), 1u32, "CONN-73 one disconnect event")?;
    run.equal(active.disconnects(), 0u32, "CONN-74 none for who disconnects first")?;
    let again = active.disconnect()?.wait()?;
    again.is(run, STATUS_CONNECTION_INVALID, "CONN-69 a second disconnect")?;
    let (status, _) = passive.peer_address();
    run.ok(status, "ADR-10 addresses stay until the close")
}

fn data(run: &Run, connector: &Connector, sent: &[u8]) -> Result {
    let mut buffer = [0u8; 64];
    let whole = connector.connection_data(&mut buffer).ok(run, "CONN-55 a large enough buffer")?;
    let length = whole.length as usize;
    // Real adapters report a constant maximum (CONN-58): what was sent is at the beginning.
    run.check((sent.len()..=buffer.len()).contains(&length), "CONN-58 the length of the data")?;
    run.check(buffer.starts_with(sent), "ADP-13 private data arrives intact")?;
    let mut short = [0u8; 16];
    let part = connector.connection_data(&mut short);
    run.status(part.status, STATUS_BUFFER_TOO_SMALL, "CONN-56 too small a buffer")?;
    run.equal(part.length, whole.length, "CONN-56 the size needed")?;
    run.check(sent.starts_with(&short), "CONN-56 as much as fits")
}

/// The peer's reject ends the connect, with its data (CONN-40, CONN-52).
fn rejected(run: &Run, ends: &Ends) -> Result {
    let side = side(&ends.active)?;
    let (listener, destination) = ends.listener(run)?;
    let (connector, connecting) = ends.connecting(&side, &destination)?;
    run.status(connecting.inline(), STATUS_PENDING, "CONN-04 a connect pends until the peer answers")?;
    let delivered = listener.next()?;
    let (status, _) = delivered.peer_address();
    run.ok(status, "ADR-02 the peer's address from the connect event on")?;
    run.ok(delivered.reject(&CALLEE), "CONN-40 NdkReject")?;
    connecting.wait()?.is(run, STATUS_CONNECTION_REFUSED, "CONN-11 a reject ends the attempt")?;
    data(run, &connector, &CALLEE)?;
    run.equal(listener.events(), 1u32, "LSN-11 one event for one request")?;
    listener.none_refused()
}

/// Closing the delivered connector rejects as well (CONN-45); the QP may be used again (QP-14).
fn closed_instead(run: &Run, ends: &Ends) -> Result {
    let side = side(&ends.active)?;
    let (listener, destination) = ends.listener(run)?;
    for _ in 0..2 {
        let (_connector, connecting) = ends.connecting(&side, &destination)?;
        listener.next()?.close()?;
        connecting.wait()?.is(run, STATUS_CONNECTION_REFUSED, "CONN-45 closing a request rejects it")?;
    }
    Ok(())
}

fn nobody_listens(run: &Run, ends: &Ends) -> Result {
    let side = side(&ends.active)?;
    let (listener, destination) = ends.listener(run)?;
    listener.close()?;
    let (_connector, connecting) = ends.connecting(&side, &destination)?;
    connecting.wait()?.is(run, STATUS_CONNECTION_REFUSED, "CONN-11 no listener")?;
    Ok(())
}

fn address_rules(run: &Run, ends: &Ends) -> Result {
    let (listener, taken) = ends.listener(run)?;
    let second = ends.passive.listener()?;
    let answer = second.listen(&taken)?.wait()?;
    answer.is(run, STATUS_SHARING_VIOLATION, "LSN-05 address and port in use")?;
    let foreign = Address::v4([192, 0, 2, 77], 5445);
    let answer = second.listen(&foreign)?.wait()?;
    answer.is(run, STATUS_INVALID_ADDRESS, "LSN-04 an address that the adapter has not")?;

    let side = side(&ends.active)?;
    let connector = ends.active.connector()?;
    let (status, _) = connector.local_address();
    run.status(status, STATUS_CONNECTION_INVALID, "ADR-08 no address yet")?;
    let mut none = [];
    let data = connector.connection_data(&mut none);
    run.status(data.status, STATUS_CONNECTION_INVALID, "CONN-60 no data yet")?;
    let answer = connector.connect(&side.qp, &foreign, &foreign, Limits::default(), &[])?.wait()?;
    answer.is(run, STATUS_INVALID_ADDRESS, "CONN-06 a local address that the adapter has not")?;
    let answer = connector.disconnect()?.wait()?;
    answer.is(run, STATUS_CONNECTION_INVALID, "CONN-69 never connected")?;
    run.check(connector.created().status == STATUS_SUCCESS && listener.events() == 0, "LSN-13 nothing came in")
}
