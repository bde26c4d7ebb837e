//! `objects`: create and close every object, from the leaves up and from the root down.

use crate::{
    ndk::{Adapter, Kind, Object, QpOptions, Submitted},
    run::{Result, Run},
    workload::{Job, Workload},
};
use ndkpi_sys::{
    GUID, NDK_EXTENSION_INTERFACE, NDK_OBJECT_HEADER, STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_SUCCESS,
};
use ndktest_api as api;

pub static WORKLOAD: Workload = Workload {
    name: "objects",
    description: "create CQ, PD, MR, QP, connector and listener; close them in both orders",
    adapters: 1,
    file: file!(),
    run,
};

fn run(job: &Job, outcome: &mut api::Outcome) -> Result {
    let [target, _] = &job.run.request.adapters;
    let rounds = job.run.request.rounds.max(1);
    for _ in 0..rounds {
        job.run.go_on()?;
        let adapter = Adapter::open(job.run, job.provider, target)?;
        let version = adapter.version();
        (outcome.major, outcome.minor) = (version.Major, version.Minor);
        leaves_first(job.run, &adapter)?;
        root_first(job.run, &adapter)?;
    }
    Ok(())
}

/// Each close succeeds at once, since nothing depends on the object any more.
fn leaves_first(run: &Run, adapter: &Adapter) -> Result {
    let cq = adapter.cq(16)?;
    let pd = adapter.pd()?;
    let mr = pd.mr()?;
    let fast = pd.create_mr(true)?.ok("MR-01 NdkCreateMr for fast registration")?;
    let qp = pd.create_qp(&cq, &cq, &QpOptions::default())?.ok("QP-09 one CQ for both queues")?;
    let connector = adapter.connector()?;
    let listener = adapter.listener()?;
    header(run, &cq)?;
    header(run, &pd)?;
    header(run, &mr)?;
    header(run, &fast)?;
    header(run, &qp)?;
    header(run, &connector)?;
    header(run, &listener)?;
    run.equal(mr.local_token(), 0u32, "MR-35 no token before the first registration")?;

    listener.close()?;
    connector.close()?;
    qp.close()?;
    fast.close()?;
    mr.close()?;
    pd.close()?;
    cq.close()?;
    Ok(())
}

/// Antecedents pend until their last successor is closed (LIFE-10, LIFE-29).
fn root_first(run: &Run, adapter: &Adapter) -> Result {
    let cq = adapter.cq(16)?;
    let pd = adapter.pd()?;
    let mr = pd.mr()?;
    let qp = pd.qp(&cq)?;

    let closing_pd = pending(run, pd.start_close()?)?;
    let closing_cq = pending(run, cq.start_close()?)?;
    mr.start_close()?.ok("LIFE-01 a leaf closes")?;
    run.check(!closing_pd.is_complete(), "LIFE-10 the PD waits for its QP")?;
    run.check(!closing_cq.is_complete(), "LIFE-23 the CQ waits for its QP")?;
    qp.start_close()?.ok("LIFE-01 a leaf closes")?;
    closing_pd.ok("LIFE-29 the PD closes after its leaves")?;
    closing_cq.ok("LIFE-29 the CQ closes after its leaves")?;
    Ok(())
}

fn pending(run: &Run, closing: Submitted) -> Result<Submitted> {
    run.status(closing.inline(), STATUS_PENDING, "LIFE-10 closing an antecedent pends")?;
    run.check(!closing.is_complete(), "LIFE-10 and is not complete while successors are open")?;
    Ok(closing)
}

fn header<K: Kind>(run: &Run, object: &Object<K>) -> Result {
    // SAFETY: the object is open, and every NDK object starts with the header.
    let header = unsafe { &*object.header() };
    run.equal(header.ObjectType.cast_unsigned(), K::TYPE.cast_unsigned(), "HDR-02 the header names the type")?;
    extension(run, object.header(), object)
}

// No object has an extension (HDR-13). Every table but the adapter's has the query at its second place.
fn extension<K: Kind>(run: &Run, header: *mut NDK_OBJECT_HEADER, object: &Object<K>) -> Result {
    type Table = [ndkpi_sys::NDK_FN_QUERY_EXTENSION_INTERFACE; 2];
    let table = core::ptr::from_ref(object.dispatch()).cast::<Table>();
    // SAFETY: HDR-12: close, then query extension; both are nullable function pointers of one word.
    let [_, query] = unsafe { *table };
    run.check(query.is_some(), "VER-08 no entry of a table is NULL")?;
    let Some(query) = query else { return Ok(()) };
    let mut unknown = GUID { Data1: 0x6e64_6b74, Data2: 0x6573, Data3: 0x7421, Data4: *b"NOTKNOWN" };
    let mut extension = NDK_EXTENSION_INTERFACE::default();
    // SAFETY: the object is open; all pointers are to locals.
    let (status, version) =
        unsafe { (query(header, &mut unknown, (*header).Version, &mut extension), (*header).Version) };
    run.status(status, STATUS_NOT_SUPPORTED, "HDR-13 an unknown extension")?;
    run.check(extension.Dispatch.is_null(), "HDR-13 leaves the output as it is")?;
    run.check(version.Major != 0, "HDR-03 the header has a version")?;
    run.status(object.created().status, STATUS_SUCCESS, "CMP-06 the object was created")
}
