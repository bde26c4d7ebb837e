//! `info`: the limits of an adapter at every version, and its size rules.

use crate::{
    ndk::Adapter,
    run::Result,
    workload::{Job, Workload},
};
use ndkpi_sys::{
    NDIS_STATUS_BAD_VERSION, NDK_ADAPTER_FLAG_RDMA_READ_SINK_NOT_REQUIRED, NDK_ADAPTER_INFO, NDK_VERSION,
    STATUS_BUFFER_TOO_SMALL, ULONG,
};
use ndktest_api as api;

pub static WORKLOAD: Workload = Workload {
    name: "info",
    description: "query the limits at 1.0, 1.2, 2.0 and 2.1; refused versions; buffer sizes",
    adapters: 1,
    file: file!(),
    run,
};

// Asked for, answered (VER-04), bytes of the information (ADP-05).
const VERSIONS: [(NDK_VERSION, NDK_VERSION, ULONG); 5] = [
    (version(1, 0), version(1, 2), 96),
    (version(1, 1), version(1, 2), 96),
    (version(1, 2), version(1, 2), 96),
    (version(2, 0), version(2, 1), 104),
    (version(2, 1), version(2, 1), 104),
];

const REFUSED: [NDK_VERSION; 5] =
    [version(0, 0), version(1, 3), version(2, 2), version(3, 0), version(u16::MAX, u16::MAX)];

const fn version(major: u16, minor: u16) -> NDK_VERSION {
    NDK_VERSION { Major: major, Minor: minor }
}

fn run(job: &Job, outcome: &mut api::Outcome) -> Result {
    let [target, _] = &job.run.request.adapters;
    for (asked, answered, size) in VERSIONS {
        let (status, adapter) = Adapter::try_open(job.run, job.provider, target, asked)?;
        job.run.ok(status, "VER-01 an open with a supported version succeeds")?;
        let Some(adapter) = adapter else { continue };
        job.run.check(adapter.version() == answered, "VER-04 the highest minor of the major is answered")?;
        (outcome.major, outcome.minor) = (answered.Major, answered.Minor);
        sizes(job, &adapter, size)?;
        let info = adapter.info()?;
        job.run.check(info.Version == answered, "VER-05 the information has the version answered")?;
        limits(job, &info)?;
    }
    for asked in REFUSED {
        let (status, adapter) = Adapter::try_open(job.run, job.provider, target, asked)?;
        job.run.status(status, NDIS_STATUS_BAD_VERSION, "VER-02, VER-03 an unsupported version is refused")?;
        job.run.check(adapter.is_none(), "VER-11 a failed open stores no adapter")?;
    }
    Ok(())
}

fn sizes(job: &Job, adapter: &Adapter, size: ULONG) -> Result {
    let mut length = 0;
    // SAFETY: null with no room.
    let status = unsafe { adapter.query_info(core::ptr::null_mut(), &mut length) };
    job.run.status(status, STATUS_BUFFER_TOO_SMALL, "ADP-04 the size query")?;
    job.run.equal(length, size, "ADP-05 the size by major version")?;

    let mut info = NDK_ADAPTER_INFO::default();
    length = size - 1;
    // SAFETY: the structure is larger than what is told.
    let status = unsafe { adapter.query_info(&mut info, &mut length) };
    job.run.status(status, STATUS_BUFFER_TOO_SMALL, "ADP-03 too small a buffer")?;
    job.run.equal(length, size, "ADP-03 the size required")?;
    job.run.equal(info.MaxCqDepth, 0u32, "ADP-03 too small a buffer is untouched")?;

    length = size;
    // SAFETY: the structure has at least 104 bytes.
    let status = unsafe { adapter.query_info(&mut info, &mut length) };
    job.run.ok(status, "ADP-02 a large enough buffer is filled")?;
    job.run.equal(length, size, "ADP-02 the bytes written")
}

fn limits(job: &Job, info: &NDK_ADAPTER_INFO) -> Result {
    let sink = NDK_ADAPTER_FLAG_RDMA_READ_SINK_NOT_REQUIRED;
    job.run.equal(info.AdapterFlags & sink, sink, "ADP-18 read sinks need no flag")?;
    for limit in [info.MaxInitiatorRequestSge, info.MaxReceiveRequestSge, info.MaxReadRequestSge] {
        job.run.check(limit >= 16, "ADP-27 at least 16 entries in a request")?;
    }
    for depth in [info.MaxReceiveQueueDepth, info.MaxInitiatorQueueDepth] {
        job.run.check(depth >= 1024, "ADP-27 queues of at least 1,024 requests")?;
    }
    let both = u64::from(info.MaxReceiveQueueDepth) + u64::from(info.MaxInitiatorQueueDepth);
    job.run.check(u64::from(info.MaxCqDepth) >= both, "ADP-27 a CQ for both queues")?;
    job.run.check(info.FRMRPageCount >= 511, "ADP-27 at least 511 pages in a fast registration")?;
    job.run.check(info.MaxInboundReadLimit >= 16, "ADP-27 at least 16 inbound reads")?;
    job.run.check(info.MaxCallerData >= 56 && info.MaxCalleeData >= 56, "ADP-27 at least 56 bytes of private data")?;
    job.run.check((1..=4).contains(&info.RdmaTechnology), "ADP-24 one of the four technologies")
}
