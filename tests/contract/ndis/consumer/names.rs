//! What the consumer does while the host looks at local endpoints (`OID-33`, `OID-36`).

use super::ends::{Side, listening, once};
use crate::{
    ndk::{Address, Family, Limits},
    run::{Failure, Result},
    workload::Job,
};
use ndkpi_sys::{STATUS_INVALID_PARAMETER, STATUS_PENDING};

contract! {
    "staged-names" names, "listeners and a shared endpoint, open, closing and closed";
}

fn names(job: &Job) -> Result {
    let [first, _] = &job.run.request.adapters;
    let port = u16::try_from(job.run.request.port).unwrap_or(0);
    once(job, |ends| {
        let address = |family, port| {
            Address::of(first, family, port)
                .ok_or_else(|| Failure::new("an adapter with both families", STATUS_INVALID_PARAMETER))
        };
        // One that does not listen is at no address.
        let idle = ends.passive.listener()?;
        job.run.stage()?;
        let (four, to) = listening(&ends.passive, &address(Family::V4, port)?)?;
        let (six, _) = listening(&ends.passive, &address(Family::V6, port + 1)?)?;
        let endpoint = ends.passive.endpoint(&address(Family::V4, port + 2)?)?;
        job.run.stage()?;
        // A request that waits for its accept holds the listener; one made from the endpoint holds that.
        let (active, passive) = (Side::new(&ends.active)?, Side::new(&ends.passive)?);
        let asking = ends.active.connector()?;
        let asked = asking.connect(&active.qp, &ends.from, &to, Limits::default(), &[])?;
        let delivered = four.next()?;
        let leaving = ends.passive.connector()?;
        let left = leaving.connect_from(&passive.qp, &endpoint, &to, Limits::default(), &[])?;
        let also_delivered = four.next()?;
        let closing_listener = four.start_close()?;
        let closing_endpoint = endpoint.start_close()?;
        job.run.status(closing_listener.inline(), STATUS_PENDING, "LSN-21 the close pends")?;
        job.run.status(closing_endpoint.inline(), STATUS_PENDING, "SEP-10 the close pends")?;
        six.close()?;
        job.run.stage()?;
        let started = (asking.start_close()?, leaving.start_close()?, delivered.start_close()?);
        also_delivered.start_close()?.ok("LIFE-01 closing cannot fail")?;
        started.0.ok("LIFE-01 closing cannot fail")?;
        started.1.ok("LIFE-01 closing cannot fail")?;
        started.2.ok("LIFE-01 closing cannot fail")?;
        closing_listener.ok("LSN-21 the listener closes")?;
        closing_endpoint.ok("SEP-10 the endpoint closes")?;
        asked.wait()?;
        left.wait()?;
        idle.close()?;
        job.run.stage()
    })
}
