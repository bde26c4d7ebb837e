//! What the consumer does while the host counts connections (`OID-13` to `OID-17`, `OID-31`).

use super::ends::{Ends, Side, once};
use crate::{
    kernel::List,
    ndk::{Address, Connector, Limits, Listener},
    run::{Failure, Result},
    workload::Job,
};
use ndkpi_sys::{STATUS_CONNECTION_REFUSED, STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

contract! {
    "staged-links" links, "connections made, refused, rejected, left and broken, a stage for each";
    "staged-many" many, "as many connections at once as the request says";
}

/// Both ends of a connection.
struct Link {
    active: Connector,
    passive: Connector,
    active_side: Side,
    _passive_side: Side,
}

/// Where the listener is; the active ends take the ports behind it.
fn first_port(job: &Job) -> Result<u16> {
    let port = u16::try_from(job.run.request.port).ok().filter(|port| *port != 0);
    port.ok_or_else(|| Failure::new("a port below 65536", STATUS_INVALID_PARAMETER))
}

fn connect(ends: &Ends, listener: &Listener, to: &Address, port: u16) -> Result<Link> {
    let (active_side, passive_side) = (Side::new(&ends.active)?, Side::new(&ends.passive)?);
    let active = ends.active.connector()?;
    let connecting = active.connect(&active_side.qp, &ends.from.with_port(port), to, Limits::default(), &[])?;
    let passive = listener.next()?;
    let accepting = passive.accept(&passive_side.qp, Limits::default(), &[])?;
    connecting.ok("CONN-31 an accept lets the connect complete")?;
    active.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
    accepting.ok("CONN-32 NdkAccept")?;
    Ok(Link { active, passive, active_side, _passive_side: passive_side })
}

impl Link {
    fn disconnect(&self) -> Result {
        let leaving = self.active.disconnect()?;
        self.passive.disconnect()?.ok("CONN-61 NdkDisconnect")?;
        leaving.ok("CONN-61 NdkDisconnect").map(drop)
    }

    /// A Write with a token that nobody gave ends the connection on both sides.
    fn break_it(&self) -> Result {
        let region = self.active_side.region(64)?;
        let run = self.active.run();
        let status = self.active_side.qp.write(7, &[region.sge(0, 64)], 0x1000, 0x1234_5678, 0);
        run.ok(status, "WRT-01 NdkWrite")?;
        let result = self.active_side.cq.next()?;
        run.check(result.Status != STATUS_SUCCESS, "WRT-06 a wrong token fails the request")?;
        self.active.wait_for_disconnect()?;
        self.passive.wait_for_disconnect()
    }
}

fn links(job: &Job) -> Result {
    let port = first_port(job)?;
    once(job, |ends| {
        let (listener, to) = ends.listen(port)?;
        job.run.stage()?;
        let one = connect(ends, &listener, &to, port + 1)?;
        let two = connect(ends, &listener, &to, port + 2)?;
        let three = connect(ends, &listener, &to, port + 3)?;
        job.run.stage()?;
        let nobody = to.with_port(port + 100);
        ends.connect_gives(&ends.from, &nobody, STATUS_CONNECTION_REFUSED, "CONN-11 nobody listens")?;
        job.run.stage()?;
        reject(ends, &listener, &to)?;
        job.run.stage()?;
        one.disconnect()?;
        job.run.stage()?;
        two.break_it()?;
        job.run.stage()?;
        three.disconnect()?;
        job.run.stage()?;
        drop((one, two, three));
        job.run.stage()
    })
}

fn reject(ends: &Ends, listener: &Listener, to: &Address) -> Result {
    let side = Side::new(&ends.active)?;
    let active = ends.active.connector()?;
    let connecting = active.connect(&side.qp, &ends.from, to, Limits::default(), &[])?;
    ends.run.ok(listener.next()?.reject(&[]), "CONN-40 NdkReject")?;
    connecting.wait()?.is(ends.run, STATUS_CONNECTION_REFUSED, "CONN-11 the peer rejects")
}

fn many(job: &Job) -> Result {
    let port = first_port(job)?;
    once(job, |ends| {
        let (listener, to) = ends.listen(port)?;
        let mut links = List::new();
        for number in 0..job.run.request.rounds {
            let own = u16::try_from(number).ok().and_then(|number| port.checked_add(number)?.checked_add(1));
            let own = own.ok_or_else(|| Failure::new("ports for all", STATUS_INVALID_PARAMETER))?;
            links.try_push(connect(ends, &listener, &to, own)?)?;
        }
        job.run.equal(links.len(), job.run.request.rounds, "all connections stand")?;
        job.run.stage()
    })
}
