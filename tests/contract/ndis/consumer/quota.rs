//! `CAP-05`: as many objects of a kind as the capabilities count, over two opens of one adapter.

use super::bed::{Any, Bed};
use crate::{
    kernel::List,
    run::{Failure, Result},
    workload::Job,
};
use core::ptr;
use ndkpi_sys::{
    NDK_OBJECT_HEADER, NdkObjectTypeCq, NdkObjectTypePd, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
};

contract! {
    "staged-quota" quota, "as many objects of a kind as the request says, over two opens, and one more";
}

fn quota(job: &Job) -> Result {
    let kind = job.run.request.window.cast_signed();
    let beds = [Bed::new(job)?, Bed::new(job)?];
    // Each bed has a CQ and a PD of its own.
    let taken = if kind == NdkObjectTypeCq || kind == NdkObjectTypePd { 2 } else { 0 };
    let room = job.run.request.rounds.checked_sub(taken);
    let room = room.ok_or_else(|| Failure::new("a count above that of the beds", STATUS_INVALID_PARAMETER))?;
    let mut objects: List<Any> = List::new();
    for number in 0..room {
        job.run.go_on()?;
        let [first, second] = &beds;
        let bed = if number % 2 == 0 { first } else { second };
        let mut raw: *mut NDK_OBJECT_HEADER = ptr::null_mut();
        let status = bed.create_raw(kind, None, ptr::null_mut(), &mut raw);
        if status != STATUS_SUCCESS {
            return Err(Failure {
                values: Some((number.into(), room.into())),
                ..Failure::new("CAP-05 as many objects as counted", status)
            });
        }
        objects.try_push(Any::adopt(job.run, raw)?)?;
    }
    job.run.equal(objects.len(), room, "CAP-05 as many objects as counted exist")?;
    for bed in &beds {
        let mut raw: *mut NDK_OBJECT_HEADER = ptr::null_mut();
        let status = bed.create_raw(kind, None, ptr::null_mut(), &mut raw);
        job.run.status(status, STATUS_INSUFFICIENT_RESOURCES, "CAP-05 one more is refused")?;
        job.run.check(raw.is_null(), "CAP-05 and not delivered")?;
    }
    objects.clear();
    for bed in &beds {
        bed.create(kind)?.close()?;
    }
    Ok(())
}
