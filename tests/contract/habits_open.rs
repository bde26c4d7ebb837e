//! `HAB-01` to `HAB-07`: how real consumers open, size and tear down. See habits.md.

use super::{
    bed::{Bed, KINDS, close_raw},
    ends::{Side, message},
    stage::{adapter, join},
};
use crate::{
    kernel::irql,
    ndk::{Adapter, Notify, Place, QpOptions, targets},
    run::{Failure, Result, Run},
    workload::Job,
};
use core::{
    ptr,
    sync::atomic::{AtomicU32, Ordering::SeqCst},
};
use ndkpi_sys::*;

contract! {
    "HAB-01" hab_01, "a consumer asks for 1.0 or 2.0, and goes by the version that it gets: 96 or 104 bytes";
    "HAB-02" hab_02, "the control code for NDK needs no size pointer, and room for both functions";
    "HAB-03" hab_03, "creating is done at once, a CQ without notification too";
    "HAB-04" hab_04, "an open for each socket: one accepts with a QP of another one";
    "HAB-05" hab_05, "queues are drawn at their greatest depth, and all of it is used";
    "HAB-06" hab_06, "closes with callbacks that do nothing, no wait, then at once the close above them";
    "HAB-07" hab_07, "objects come down in the order in which they were made, in one go";
}

fn hab_01(job: &Job) -> Result {
    for major in [1, 2] {
        let version = NDK_VERSION { Major: major, Minor: 0 };
        let [target, _] = &job.run.request.adapters;
        let (status, adapter) = Adapter::try_open(job.run, job.provider, target, version)?;
        job.run.ok(status, "VER-01 1.0 and 2.0 are opened")?;
        let adapter = adapter.ok_or_else(|| Failure::new("VER-01 an adapter is stored", status))?;
        let mut size: ULONG = if adapter.version().Major < 2 { 96 } else { 104 };
        let mut info = NDK_ADAPTER_INFO::default();
        // SAFETY: the block has 104 bytes.
        let status = unsafe { adapter.query_info(&mut info, &mut size) };
        job.run.ok(status, "ADP-05 the size of the version that was answered is enough")?;
        job.run.equal(info.Version.Major, adapter.version().Major, "VER-05 the version in the info")?;
        job.run.check(info.FRMRPageCount >= 256 && info.MaxCqDepth >= 4096, "ADP-27 limits that consumers can use")?;
    }
    Ok(())
}

fn hab_02(job: &Job) -> Result {
    let both = size_of::<WSK_PROVIDER_NDK_DISPATCH>();
    job.run.equal(both, 16usize, "two pointers")?;
    for room in [0, 8, 15] {
        let status = job.provider.ask(room);
        job.run.status(status, STATUS_INVALID_PARAMETER, "a buffer that is too small for both")?;
    }
    job.run.ok(job.provider.ask(both), "both functions, without a place for the size")
}

fn hab_03(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    for dispatch in [false, true] {
        for kind in KINDS {
            let mut object = ptr::null_mut();
            let mut make = || bed.create_raw(kind, Some(ignore_created), ptr::null_mut(), &mut object);
            let status = if dispatch { irql::at_dispatch(&mut make) } else { make() };
            job.run.ok(status, "a create succeeds at once")?;
            forget(job.run, object)?;
        }
    }
    let silent = bed.adapter.create_cq(16, Notify::Null)?;
    job.run.ok(silent.answer.inline, "a CQ without a notification")
}

fn hab_04(job: &Job) -> Result {
    for place in [Place::Same, Place::Across] {
        let Some((passive, active)) = targets(job.run, place) else { continue };
        let listening = Adapter::open(job.run, job.provider, &passive)?;
        let (one, two) =
            (Adapter::open(job.run, job.provider, &passive)?, Adapter::open(job.run, job.provider, &passive)?);
        let far = Adapter::open(job.run, job.provider, &active)?;
        let (first, second) = (Side::new(&one)?, Side::new(&two)?);
        let (client_one, client_two) = (Side::new(&far)?, Side::new(&far)?);
        let joined = [
            join(job, (&far, &client_one.qp), (&listening, &first.qp))?,
            join(job, (&far, &client_two.qp), (&listening, &second.qp))?,
        ];
        for (client, server) in [(&client_one, &first), (&client_two, &second)] {
            message(job.run, client, server)?;
            message(job.run, server, client)?;
        }
        // A socket goes with its own open; the other one stays.
        let [gone, stays] = joined;
        gone.passive.start_close()?.ok("LIFE-01 closing cannot fail")?;
        drop(gone);
        drop((first, one));
        message(job.run, &client_two, &second)?;
        drop(stays);
    }
    Ok(())
}

fn hab_05(job: &Job) -> Result {
    let (near, far) = (adapter(job)?, adapter(job)?);
    let info = near.info()?;
    let options = QpOptions {
        receive_depth: info.MaxReceiveQueueDepth,
        initiator_depth: info.MaxInitiatorQueueDepth,
        receive_sge: info.MaxReceiveRequestSge,
        initiator_sge: info.MaxInitiatorRequestSge,
        inline: info.MaxInlineDataSize,
        context: 0,
    };
    let (pd, far_pd) = (near.pd()?, far.pd()?);
    let (received, sent) = (near.cq(info.MaxCqDepth)?, far.cq(info.MaxCqDepth)?);
    let qp = pd.create_qp(&received, &received, &options)?.ok("ADP-28 a QP of maximal depths")?;
    let sender = far_pd.create_qp(&sent, &sent, &options)?.ok("ADP-28 a QP of maximal depths")?;
    let _joined = join(job, (&far, &sender), (&near, &qp))?;
    let depth = info.MaxReceiveQueueDepth.min(info.MaxInitiatorQueueDepth) as usize;
    for context in 0..info.MaxReceiveQueueDepth as usize {
        job.run.ok(qp.receive(context, &[]), "WR-16 exactly the depth fits")?;
    }
    for context in 0..depth {
        // The consumer fetches late: the CQ holds them all.
        job.run.ok(sender.send(context, &[], 0), "a queue as deep as reported")?;
    }
    for context in 0..depth {
        sent.expect(context, STATUS_SUCCESS, "each send completes")?;
        received.expect(context, STATUS_SUCCESS, "each receive completes")?;
    }
    Ok(())
}

/// Closes that nobody waits for.
static FORGOTTEN: AtomicU32 = AtomicU32::new(0);

unsafe extern "system" fn ignore_closed(_: PVOID) {
    FORGOTTEN.fetch_add(1, SeqCst);
}

unsafe extern "system" fn ignore_created(_: PVOID, _: NTSTATUS, _: *mut NDK_OBJECT_HEADER) {}

/// Closes and expects nothing but that the close is taken.
fn forget(run: &Run, object: *mut NDK_OBJECT_HEADER) -> Result {
    let status = close_raw(object, Some(ignore_closed), ptr::null_mut());
    run.check(status == STATUS_SUCCESS || status == STATUS_PENDING, "LIFE-01 a close returns success or pending")
}

fn hab_06(job: &Job) -> Result {
    for _ in 0..8 {
        let bed = Bed::new(job)?;
        let mut objects = [ptr::null_mut(); KINDS.len()];
        for (kind, place) in KINDS.into_iter().zip(objects.iter_mut()) {
            let status = bed.create_raw(kind, Some(ignore_created), ptr::null_mut(), place);
            job.run.ok(status, "a create succeeds at once")?;
        }
        // From the leaves up; dropping the bed closes CQ, domain and adapter behind them.
        for object in objects.into_iter().rev() {
            forget(job.run, object)?;
        }
    }
    job.run.check(true, "LIFE-30 the adapter has closed each time")
}

fn hab_07(job: &Job) -> Result {
    for _ in 0..8 {
        let bed = Bed::new(job)?;
        let before = FORGOTTEN.load(SeqCst);
        let mut pending = 0u32;
        let mut objects = [ptr::null_mut(); 4];
        let kinds = [NdkObjectTypeMr, NdkObjectTypeSrq, NdkObjectTypeQp, NdkObjectTypeMw];
        for (kind, place) in kinds.into_iter().zip(objects.iter_mut()) {
            job.run.ok(bed.create_raw(kind, Some(ignore_created), ptr::null_mut(), place), "a create")?;
        }
        // Top down: the domain and the queue pend until their last successor has gone.
        for antecedent in [bed.pd.start_close()?, bed.cq.start_close()?] {
            job.run.status(antecedent.inline(), STATUS_PENDING, "LIFE-10 the antecedents pend")?;
        }
        for object in objects {
            let status = close_raw(object, Some(ignore_closed), ptr::null_mut());
            pending += u32::from(status == STATUS_PENDING);
        }
        drop(bed);
        let called = FORGOTTEN.load(SeqCst).wrapping_sub(before);
        job.run.equal(called, pending, "CMP-01 one callback for each that pended, before the adapter is closed")?;
    }
    Ok(())
}
