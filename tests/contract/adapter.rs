//! `ADP-01` to `ADP-12`: the adapter's table, its query and its limits. See docs/contract/ndkpi.md; what its
//! flags and data promise is in `adapter_info.rs`.

use super::{
    mapped::{Mapped, fast_region, invalidate},
    stage::{adapter, pair, take},
};
use crate::{
    ndk::{Adapter, Limits, Notify, PairOptions, QpOptions, Region},
    run::Result,
    workload::Job,
};
use core::{mem::offset_of, ptr};
use ndkpi_sys::{
    NDK_ADAPTER_DISPATCH, NDK_ADAPTER_INFO, NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_VERSION,
    STATUS_BUFFER_TOO_SMALL, STATUS_DATA_OVERRUN, STATUS_INVALID_PARAMETER, ULONG,
};

contract! {
    "ADP-01" adp_01, "the table has its nine functions in the documented order";
    "ADP-02" adp_02, "a large enough buffer is filled, and the bytes written are told";
    "ADP-03" adp_03, "a buffer that is too small is untouched, and the required size is told";
    "ADP-04" adp_04, "NULL with size 0 asks for the size";
    "ADP-05" adp_05, "96 bytes are required at major 1, 104 at major 2";
    "ADP-06" adp_06, "the answer is the same at every call and open, but for the version";
    "ADP-07" adp_07, "vendor and device are constant numbers";
    "ADP-08" adp_08, "a region of FRMRPageCount pages can be initialised and registered";
    "ADP-09" adp_09, "each limit is exact at its object";
    "ADP-10" adp_10, "reads are limited by MaxReadRequestSge";
    "ADP-12" adp_12, "the read limits are per QP";
}

/// An open of the first adapter at a major version.
pub fn at_major(job: &Job, major: u16) -> Result<Adapter> {
    let [first, _] = &job.run.request.adapters;
    let (status, adapter) = Adapter::try_open(job.run, job.provider, first, NDK_VERSION { Major: major, Minor: 0 })?;
    job.run.ok(status, "VER-01 the major is supported")?;
    adapter.ok_or_else(|| crate::run::Failure::new("VER-01 an adapter", status))
}

fn adp_01(job: &Job) -> Result {
    let order = [
        offset_of!(NDK_ADAPTER_DISPATCH, NdkQueryExtension),
        offset_of!(NDK_ADAPTER_DISPATCH, NdkQueryAdapterInfo),
        offset_of!(NDK_ADAPTER_DISPATCH, NdkCreateCq),
        offset_of!(NDK_ADAPTER_DISPATCH, NdkCreatePd),
        offset_of!(NDK_ADAPTER_DISPATCH, NdkCreateSharedEndpoint),
        offset_of!(NDK_ADAPTER_DISPATCH, NdkCreateConnector),
        offset_of!(NDK_ADAPTER_DISPATCH, NdkCreateListener),
        offset_of!(NDK_ADAPTER_DISPATCH, NdkBuildLAM),
        offset_of!(NDK_ADAPTER_DISPATCH, NdkReleaseLAM),
    ];
    for (place, offset) in order.into_iter().enumerate() {
        job.run.equal(offset, 8 * place, "ADP-01 the order of the header")?;
    }
    let adapter = adapter(job)?;
    // SAFETY: the adapter is open; its table has these functions.
    let table = unsafe { ptr::from_ref(adapter.dispatch()).cast::<[usize; 9]>().read() };
    for (place, entry) in table.into_iter().enumerate() {
        let twice = table.into_iter().skip(place + 1).any(|other| other == entry);
        job.run.check(entry != 0 && !twice, "ADP-01 nine functions, each another one")?;
    }
    let (cq, pd) = (adapter.cq(4)?, adapter.pd()?);
    let (connector, listener) = (adapter.connector()?, adapter.listener()?);
    // SAFETY: all four are open.
    let kinds = unsafe {
        [
            (*cq.raw()).Header.ObjectType,
            (*pd.raw()).Header.ObjectType,
            (*connector.raw()).Header.ObjectType,
            (*listener.raw()).Header.ObjectType,
        ]
    };
    job.run.check(kinds == [3, 6, 8, 9], "ADP-01 each makes what its name says")?;
    Mapped::new(&adapter, 64).map(drop)
}

/// Room for an answer, with a pattern before the call.
type Room = [u64; 32];
const PATTERN: u64 = 0xA5A5_A5A5_A5A5_A5A5;

/// The query with a size; gives the status, the size afterwards, and the bytes.
fn query(adapter: &Adapter, size: ULONG) -> (i32, ULONG, [u8; 256]) {
    let mut room: Room = [PATTERN; 32];
    let mut told = size;
    // SAFETY: the room has 256 bytes, which no size of this file exceeds, and is aligned as the structure.
    let status = unsafe { adapter.query_info(room.as_mut_ptr().cast::<NDK_ADAPTER_INFO>(), &mut told) };
    let mut bytes = [0u8; 256];
    for (target, word) in bytes.chunks_exact_mut(8).zip(room) {
        target.copy_from_slice(&word.to_ne_bytes());
    }
    (status, told, bytes)
}

fn untouched(bytes: &[u8], from: usize) -> bool {
    bytes.iter().skip(from).all(|byte| *byte == 0xA5)
}

fn adp_02(job: &Job) -> Result {
    for major in [1, 2] {
        let adapter = at_major(job, major)?;
        for size in [104, 105, 200, 256] {
            let (status, told, bytes) = query(&adapter, size);
            job.run.ok(status, "ADP-02 a large enough buffer")?;
            job.run.equal(told, 104u32, "ADP-02 the bytes written")?;
            job.run.check(!untouched(&bytes, 0) && untouched(&bytes, 104), "ADP-02 no more and no less")?;
        }
    }
    Ok(())
}

fn adp_03(job: &Job) -> Result {
    for (major, required) in [(1, 96), (2, 104)] {
        let adapter = at_major(job, major)?;
        for size in 0..required {
            let (status, told, bytes) = query(&adapter, size);
            job.run.status(status, STATUS_BUFFER_TOO_SMALL, "ADP-03 too small a buffer")?;
            job.run.equal(told, required, "ADP-03 the size required")?;
            job.run.check(untouched(&bytes, 0), "ADP-03 nothing is written")?;
        }
    }
    Ok(())
}

fn adp_04(job: &Job) -> Result {
    for (major, required) in [(1, 96u32), (2, 104)] {
        let adapter = at_major(job, major)?;
        let mut size = 0;
        // SAFETY: the pointer is null and there is no room.
        let status = unsafe { adapter.query_info(ptr::null_mut(), &mut size) };
        job.run.status(status, STATUS_BUFFER_TOO_SMALL, "ADP-04 the size query")?;
        job.run.equal(size, required, "ADP-04 the size required")?;
    }
    Ok(())
}

fn adp_05(job: &Job) -> Result {
    let technology = offset_of!(NDK_ADAPTER_INFO, RdmaTechnology);
    job.run.equal(technology, 96usize, "ADP-05 the place of RdmaTechnology")?;
    let (one, two) = (at_major(job, 1)?, at_major(job, 2)?);
    for (adapter, size, written) in [(&one, 96, 96), (&one, 103, 96), (&one, 104, 104), (&two, 104, 104)] {
        let (status, told, bytes) = query(adapter, size);
        job.run.ok(status, "ADP-05 large enough for the major")?;
        job.run.equal(told, written, "ADP-05 the bytes written")?;
        job.run.check(untouched(&bytes, written as usize), "ADP-05 bytes beyond are not written")?;
        let filled = bytes.get(technology).is_some_and(|byte| (1..=4).contains(byte));
        job.run.check(filled == (written == 104), "ADP-05 RdmaTechnology where there is room for it")?;
    }
    let (status, _, _) = query(&two, 96);
    job.run.status(status, STATUS_BUFFER_TOO_SMALL, "ADP-05 major 2 needs 104")
}

fn adp_06(job: &Job) -> Result {
    let (one, two) = (at_major(job, 1)?, at_major(job, 2)?);
    let (_, _, first) = query(&two, 104);
    for adapter in [&one, &two, &adapter(job)?] {
        for _ in 0..3 {
            let (status, _, bytes) = query(adapter, 104);
            job.run.ok(status, "ADP-02 a large enough buffer")?;
            // The version is the first four bytes.
            let same = bytes.iter().zip(first.iter()).skip(4).all(|(one, other)| one == other);
            job.run.check(same, "ADP-06 the same answer")?;
        }
    }
    Ok(())
}

fn adp_07(job: &Job) -> Result {
    let [first, second] = [at_major(job, 1)?.info()?, at_major(job, 2)?.info()?];
    job.run.check(first.VendorId != 0 && first.VendorId < 1 << 24, "ADP-07 an OUI has 24 bits")?;
    job.run.equal(first.VendorId, second.VendorId, "ADP-07 the vendor is constant")?;
    job.run.equal(first.DeviceId, second.DeviceId, "ADP-07 the device is constant")
}

fn adp_08(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let end = &pair.active;
    let pages = end.adapter.info()?.FRMRPageCount;
    job.run.check(pages >= 16, "ADP-08 at least 16 pages")?;
    let mr = fast_region(&end.pd, pages)?;
    let memory = Mapped::new(&end.adapter, pages as usize * 4096)?;
    job.run.ok(memory.fast_register(&end.qp, 1, &mr, 0), "ADP-08 NdkFastRegister of all pages")?;
    job.run.ok(take(job.run, &end.initiated)?.Status, "ADP-08 NdkFastRegister of all pages")?;
    job.run.ok(invalidate(&end.qp, 2, &mr, 0), "INV-01 NdkInvalidate")?;
    job.run.ok(take(job.run, &end.initiated)?.Status, "INV-01 NdkInvalidate")
}

fn adp_09(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let info = adapter.info()?;
    let pd = adapter.pd()?;
    adapter.create_cq(info.MaxCqDepth, Notify::Signal)?.ok("ADP-09 MaxCqDepth")?;
    adapter.create_cq(info.MaxCqDepth + 1, Notify::Signal)?.fails(STATUS_INVALID_PARAMETER, "ADP-09 MaxCqDepth")?;
    let cq = adapter.cq(64)?;
    let base = QpOptions::default();
    // All maxima at once, then each with one more.
    let most = QpOptions {
        receive_depth: info.MaxReceiveQueueDepth,
        initiator_depth: info.MaxInitiatorQueueDepth,
        receive_sge: info.MaxReceiveRequestSge,
        initiator_sge: info.MaxInitiatorRequestSge,
        inline: info.MaxInlineDataSize,
        context: 0,
    };
    pd.create_qp(&cq, &cq, &most)?.ok("ADP-09 all maxima of a QP")?;
    for beyond in [
        QpOptions { receive_depth: most.receive_depth + 1, ..base },
        QpOptions { initiator_depth: most.initiator_depth + 1, ..base },
        QpOptions { receive_sge: most.receive_sge + 1, ..base },
        QpOptions { initiator_sge: most.initiator_sge + 1, ..base },
        QpOptions { inline: most.inline + 1, ..base },
    ] {
        pd.create_qp(&cq, &cq, &beyond)?.fails(STATUS_INVALID_PARAMETER, "ADP-09 a maximum of a QP")?;
    }
    Ok(())
}

fn adp_10(job: &Job) -> Result {
    let qp = QpOptions { initiator_sge: 1, ..QpOptions::default() };
    let pair = pair(job, PairOptions { qp, ..PairOptions::default() })?;
    let most = pair.active.adapter.info()?.MaxReadRequestSge as usize;
    job.run.check((1..64).contains(&most), "ADP-10 a limit that this test has entries for")?;
    let local = Region::new(&pair.active.pd, 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    let remote = Region::new(&pair.passive.pd, 64, NDK_MR_FLAG_ALLOW_REMOTE_READ)?;
    let entries = [local.sge(0, 1); 64];
    let read = |count: usize| {
        let entries = entries.get(..count).unwrap_or(&[]);
        pair.active.qp.read(1, entries, remote.remote(0), remote.remote_token(), 0)
    };
    job.run.ok(read(most), "ADP-10 as many entries as reads may have")?;
    job.run.ok(take(job.run, &pair.active.initiated)?.Status, "ADP-10 the read succeeds")?;
    job.run.status(read(most + 1), STATUS_DATA_OVERRUN, "ADP-10 one entry too many")
}

fn adp_12(job: &Job) -> Result {
    let info = adapter(job)?.info()?;
    let limits = Limits { inbound: info.MaxInboundReadLimit, outbound: info.MaxOutboundReadLimit };
    let options = PairOptions { limits, ..PairOptions::default() };
    // Each connection has all of them, however many there are.
    let pairs = [pair(job, options)?, pair(job, options)?, pair(job, options)?];
    for pair in &pairs {
        for connector in [&pair.active.connector, &pair.passive.connector] {
            let seen = connector.connection_data(&mut []).ok(job.run, "CONN-54 the size query")?.limits;
            let least = limits.inbound.min(limits.outbound);
            job.run.equal(seen.inbound, least, "ADP-12 the inbound limit of each QP")?;
            job.run.equal(seen.outbound, least, "ADP-12 the outbound limit of each QP")?;
        }
    }
    Ok(())
}
