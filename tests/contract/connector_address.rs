//! `CONN-82` to `CONN-86`: how long a connector holds its address, and what else may have the port.

use crate::{
    contract::ends::{Ends, Meeting, PORT, Side, each, listening, message},
    ndk::{Family, Limits, Place},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{NTSTATUS, STATUS_CONNECTION_REFUSED, STATUS_SHARING_VIOLATION, STATUS_SUCCESS};

contract! {
    "CONN-82" conn_82, "a connector holds its address and port until its close";
    "CONN-83" conn_83, "disconnecting does not free the address";
    "CONN-84" conn_84, "a failed connect frees the address at once";
    "CONN-85" conn_85, "ND ports are a space of their own";
    "CONN-86" conn_86, "ports of other addresses and families do not collide";
}

/// Expects how all three uses of the port end.
#[track_caller]
fn uses(ends: &Ends, port: u16, what: &'static str) -> Result {
    let at = ends.from.with_port(port);
    let taken: NTSTATUS = STATUS_SHARING_VIOLATION;
    ends.listen_gives(&at, taken, what)?;
    ends.active.create_endpoint(&at)?.fails(taken, what)?;
    let (_listener, to) = ends.listen(0)?;
    ends.connect_gives(&at, &to, taken, what)
}

/// Expects that the port can be used again.
#[track_caller]
fn is_free(ends: &Ends, port: u16, what: &'static str) -> Result {
    let at = ends.from.with_port(port);
    ends.listen_gives(&at, STATUS_SUCCESS, what)?;
    ends.active.endpoint(&at)?.close()?;
    let (listener, to) = ends.listen(0)?;
    listener.close()?;
    ends.connect_gives(&at, &to, STATUS_CONNECTION_REFUSED, what)
}

#[track_caller]
fn met_from<'a>(ends: &Ends<'a>, port: u16) -> Result<Meeting<'a>> {
    let mut meeting = ends.meet_with(port, Limits::default(), &[])?;
    meeting.accept()?;
    meeting.complete()?;
    Ok(meeting)
}

fn conn_82(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = met_from(ends, PORT)?;
        uses(ends, PORT, "CONN-82 the address is held")?;
        let Meeting { active, passive, .. } = meeting;
        active.close()?;
        is_free(ends, PORT, "CONN-82 the address is free after the close")?;
        passive.close().map(drop)
    })
}

fn conn_83(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = met_from(ends, PORT)?;
        meeting.disconnect()?;
        uses(ends, PORT, "CONN-83 the address is still held")?;
        let Meeting { active, .. } = meeting;
        active.close()?;
        is_free(ends, PORT, "CONN-82 the address is free after the close")
    })
}

fn conn_84(job: &Job) -> Result {
    each(job, |ends| {
        let side = Side::new(&ends.active)?;
        let (listener, to) = ends.listen(0)?;
        listener.close()?;
        let connector = ends.active.connector()?;
        let from = ends.from.with_port(PORT);
        let answer = connector.connect(&side.qp, &from, &to, Limits::default(), &[])?.wait()?;
        answer.is(ends.run, STATUS_CONNECTION_REFUSED, "CONN-11 nobody listens")?;
        is_free(ends, PORT, "CONN-84 the address is free while the connector is open")
    })
}

fn conn_85(job: &Job) -> Result {
    each(job, |ends| {
        // Ports that TCP listeners of the system have, and one that needs privilege elsewhere.
        for port in [445, 135, 1] {
            let (listener, to) = ends.listen(port)?;
            ends.run.equal(to.port(), port, "CONN-85 the very port")?;
            let (active, passive) = (Side::new(&ends.active)?, Side::new(&ends.passive)?);
            let (connector, connecting) = ends.connect(&active, &to)?;
            let delivered = listener.next()?;
            let accepting = delivered.accept(&passive.qp, Limits::default(), &[])?;
            connecting.ok("CONN-85 a connect to the port")?;
            connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
            accepting.ok("CONN-32 NdkAccept")?;
            message(ends.run, &active, &passive)?;
            delivered.close()?;
            connector.close()?;
        }
        Ok(())
    })
}

fn conn_86(job: &Job) -> Result {
    each(job, |ends| {
        let mut held = 0u32;
        let (_first, _) = listening(&ends.passive, &ends.to.with_port(PORT))?;
        let other = match ends.family {
            Family::V4 => Family::V6,
            Family::V6 => Family::V4,
        };
        let mut _second = None;
        if let Some(address) = ends.passive.address(other, PORT) {
            _second = Some(listening(&ends.passive, &address)?);
            held += 1;
        }
        let mut _third = None;
        if ends.place == Place::Across {
            _third = Some(listening(&ends.active, &ends.from.with_port(PORT))?);
            held += 1;
        }
        ends.run.check(held != 0, "another address or family of the adapter")
    })
}
