//! `VER-*`: which versions are spoken, and how several opens live side by side.

use crate::{ndk::Adapter, run::Result, workload::Job};
use ndkpi_sys::{NDIS_STATUS_BAD_VERSION, NDK_VERSION};

contract! {
    "VER-01" ver_01, "a supported version is opened and an adapter stored";
    "VER-02" ver_02, "an unsupported major is refused whatever the minor";
    "VER-03" ver_03, "a minor above the highest of its major is refused";
    "VER-04" ver_04, "a lower minor is answered with the highest of the major";
    "VER-05" ver_05, "the answered version stands in adapter, info and every object";
    "VER-06" ver_06, "majors 1 and 2 are open side by side, each with its own version";
    "VER-11" ver_11, "a failed open stores NULL and harms no later open";
    "VER-12" ver_12, "several opens of one miniport are different adapters";
}

const fn version(major: u16, minor: u16) -> NDK_VERSION {
    NDK_VERSION { Major: major, Minor: minor }
}

fn open(job: &Job, asked: NDK_VERSION) -> Result<(i32, Option<Adapter>)> {
    let [target, _] = &job.run.request.adapters;
    Adapter::try_open(job.run, job.provider, target, asked)
}

fn opened(job: &Job, asked: NDK_VERSION) -> Result<Adapter> {
    let (status, adapter) = open(job, asked)?;
    job.run.ok(status, "an open with a supported version succeeds")?;
    adapter.ok_or_else(|| crate::run::Failure::new("a successful open stores an adapter", status))
}

fn refused(job: &Job, asked: NDK_VERSION) -> Result {
    let (status, adapter) = open(job, asked)?;
    job.run.status(status, NDIS_STATUS_BAD_VERSION, "the version is refused")?;
    job.run.check(adapter.is_none(), "no adapter is stored")
}

fn ver_01(job: &Job) -> Result {
    for asked in [version(1, 0), version(1, 1), version(1, 2), version(2, 0), version(2, 1)] {
        opened(job, asked)?;
    }
    Ok(())
}

fn ver_02(job: &Job) -> Result {
    for major in [0, 3, 4, 0x7FFF, 0xFFFF] {
        for minor in [0, 1, 2, 0xFFFF] {
            refused(job, version(major, minor))?;
        }
    }
    Ok(())
}

fn ver_03(job: &Job) -> Result {
    for asked in [version(1, 3), version(1, 0xFFFF), version(2, 2), version(2, 0xFFFF)] {
        refused(job, asked)?;
    }
    Ok(())
}

fn ver_04(job: &Job) -> Result {
    for (asked, answer) in [
        (version(1, 0), version(1, 2)),
        (version(1, 1), version(1, 2)),
        (version(1, 2), version(1, 2)),
        (version(2, 0), version(2, 1)),
        (version(2, 1), version(2, 1)),
    ] {
        job.run.check(opened(job, asked)?.version() == answer, "the highest minor is answered")?;
    }
    Ok(())
}

fn ver_05(job: &Job) -> Result {
    for (asked, answer) in [(version(1, 0), version(1, 2)), (version(2, 0), version(2, 1))] {
        let adapter = opened(job, asked)?;
        job.run.check(adapter.info()?.Version == answer, "the info has the version answered")?;
        let pd = adapter.pd()?;
        let cq = adapter.cq(4)?;
        let qp = pd.qp(&cq)?;
        let connector = adapter.connector()?;
        let listener = adapter.listener()?;
        // SAFETY: each object is open; every one of them begins with a header.
        let versions = unsafe {
            [
                (*pd.raw()).Header.Version,
                (*cq.raw()).Header.Version,
                (*qp.raw()).Header.Version,
                (*connector.raw()).Header.Version,
                (*listener.raw()).Header.Version,
            ]
        };
        for found in versions {
            job.run.check(found == answer, "every object has the version of its adapter")?;
        }
    }
    Ok(())
}

fn ver_06(job: &Job) -> Result {
    let one = opened(job, version(1, 0))?;
    let two = opened(job, version(2, 0))?;
    job.run.check(one.version() == version(1, 2), "major 1 keeps its version")?;
    job.run.check(two.version() == version(2, 1), "major 2 keeps its version")?;
    job.run.check(one.pd().is_ok() && two.pd().is_ok(), "both work")
}

fn ver_11(job: &Job) -> Result {
    let [target, _] = &job.run.request.adapters;
    let mut raw = core::ptr::without_provenance_mut(0x10);
    let status = job.provider.open(target.interface, version(9, 9), &mut raw);
    job.run.status(status, NDIS_STATUS_BAD_VERSION, "the version is refused")?;
    job.run.check(raw.is_null(), "the place for the adapter is NULL")?;
    opened(job, version(2, 1)).map(|_| ())
}

fn ver_12(job: &Job) -> Result {
    let one = opened(job, version(2, 1))?;
    let two = opened(job, version(2, 1))?;
    job.run.check(one.raw() != two.raw(), "each open is an adapter of its own")?;
    let pd = two.pd()?;
    drop(one);
    // The other open goes on working.
    pd.qp(&two.cq(4)?).map(|_| ())
}
