//! What the consumer sees of an address that goes away (`PNP-09`), and of two miniports of one driver (`VER-20`).

use super::ends::{Ends, Side, listening};
use crate::{
    kernel::time,
    ndk::{Adapter, Address, Family, Limits},
    run::{Failure, Result},
    workload::Job,
};
use ndkpi_sys::{STATUS_INVALID_ADDRESS, STATUS_INVALID_PARAMETER, STATUS_IO_TIMEOUT};

contract! {
    "staged-address" address, "connections and a listener whose address goes away";
    "staged-apart" apart, "two miniports: each has its own ports, and answers at its own address";
}

fn address(job: &Job) -> Result {
    let run = job.run;
    let lost = Ends::of(job, Family::V4)?;
    let kept = Ends::of(job, Family::V6)?;
    let (Some(lost), Some(kept)) = (lost, kept) else {
        return Err(Failure::new("adapters with both families", STATUS_INVALID_PARAMETER));
    };
    let (broken, whole) = (lost.met()?, kept.met()?);
    let (listener, to) = lost.listen(0)?;
    run.stage()?;
    // The address of the passive side has gone. The stack tells of it in its own time.
    gone(job, &lost)?;
    broken.passive.wait_for_disconnect()?;
    broken.active.wait_for_disconnect()?;
    let side = Side::new(&lost.active)?;
    let (_connector, connecting) = lost.connect(&side, &to)?;
    run.check(connecting.wait()?.status < 0, "PNP-09 a connect to it fails")?;
    run.equal(listener.events(), 0u32, "PNP-09 the listener accepts nothing")?;
    listener.close()?;
    whole.works()?;
    run.stage()?;
    run.equal(whole.passive.disconnects(), 0u32, "PNP-09 connections at other addresses stay")?;
    whole.disconnect()
}

/// Waits until the adapter knows that its address has gone.
fn gone(job: &Job, ends: &Ends) -> Result {
    for _ in 0..job.run.patience() {
        let answer = ends.passive.listener()?.listen(&ends.to)?.wait()?;
        if answer.status < 0 {
            return answer.is(job.run, STATUS_INVALID_ADDRESS, "PNP-09 nobody listens there any more");
        }
        job.run.go_on()?;
        time::sleep(1);
    }
    Err(Failure::new("PNP-09 the adapter learns that its address has gone", STATUS_IO_TIMEOUT))
}

fn apart(job: &Job) -> Result {
    let run = job.run;
    let [one, two] = &job.run.request.adapters;
    let port = u16::try_from(run.request.port).unwrap_or(0);
    let (first, second) = (Adapter::open(run, job.provider, one)?, Adapter::open(run, job.provider, two)?);
    let at = |target, port| {
        Address::of(target, Family::V4, port)
            .ok_or_else(|| Failure::new("two adapters with addresses", STATUS_INVALID_PARAMETER))
    };
    // One port at each, and neither at the other's address.
    let (here, here_at) = listening(&first, &at(one, port)?)?;
    let (there, there_at) = listening(&second, &at(two, port)?)?;
    for (adapter, foreign) in [(&first, two), (&second, one)] {
        let answer = adapter.listener()?.listen(&at(foreign, port + 1)?)?.wait()?;
        answer.is(run, STATUS_INVALID_ADDRESS, "VER-20 an address belongs to one miniport")?;
    }
    run.stage()?;
    for (from, own, to, other) in [(&first, one, there_at, &there), (&second, two, here_at, &here)] {
        let side = Side::new(from)?;
        let connector = from.connector()?;
        let connecting = connector.connect(&side.qp, &at(own, 0)?, &to, Limits::default(), &[])?;
        run.ok(other.next()?.reject(&[]), "VER-20 the request comes to the listener of that miniport")?;
        run.check(connecting.wait()?.status < 0, "CONN-11 the peer rejects")?;
    }
    run.equal(here.events() + there.events(), 2u32, "VER-20 and to no other")?;
    run.stage()
}
