//! `SRQ-01` to `SRQ-09`: shared receive queues and their limits.

use super::{
    ends::{Ends, numbered, once},
    lines::{Queue, calls},
    probe::probe,
};
use crate::{
    kernel::{Buffer, List},
    ndk::{Srq, SrqOptions, sge},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    GROUP_AFFINITY, GUID, NDK_EXTENSION_INTERFACE, NDK_SGE, NDK_SRQ_DISPATCH, NDK_VERSION, NTSTATUS, NdkObjectTypeSrq,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_NO_MORE_ENTRIES, STATUS_NOT_SUPPORTED,
    STATUS_PENDING, STATUS_SUCCESS,
};

contract! {
    "SRQ-01" srq_01, "an SRQ has its type, and takes its depth of receives of its entries";
    "SRQ-02" srq_02, "a depth of 0 or above MaxSrqDepth is refused";
    "SRQ-03" srq_03, "more entries than the adapter's are refused";
    "SRQ-04" srq_04, "more SRQs than the adapter has are refused";
    "SRQ-05" srq_05, "the table has its four entries in order";
    "SRQ-06" srq_06, "an SRQ without a notification works";
    "SRQ-07" srq_07, "no affinity fails the create";
    "SRQ-08" srq_08, "a threshold at creation notifies when the count falls below it, not at the start";
    "SRQ-09" srq_09, "a threshold of 0 at creation leaves it unarmed";
}

fn srq_01(job: &Job) -> Result {
    once(job, |ends| {
        let info = ends.passive.info()?;
        let pd = ends.passive.pd()?;
        for (depth, entries) in [(1, 1), (3, 2), (info.MaxSrqDepth, info.MaxReceiveRequestSge)] {
            let created = pd.create_srq(&SrqOptions { depth, sge: entries, ..SrqOptions::default() })?;
            let inline = created.answer.inline;
            ends.run
                .check(inline == STATUS_SUCCESS || inline == STATUS_PENDING, "SRQ-01 a create succeeds or pends")?;
            let srq = created.ok("SRQ-01 NdkCreateSrq")?;
            // SAFETY: the SRQ is open and begins with a header.
            let kind = unsafe { (*srq.header()).ObjectType };
            ends.run.check(kind == NdkObjectTypeSrq && kind == 10, "SRQ-01 type 10")?;
            full(&srq, depth, entries as usize)?;
        }
        spread(ends)
    })
}

/// Expects that exactly `depth` receives of `entries` entries fit.
fn full(srq: &Srq, depth: u32, entries: usize) -> Result {
    let mut list = List::new();
    for _ in 0..entries {
        // Looked at when a message comes (RCV-07), and none does.
        list.try_push(sge(0x1000, 8, 0xBAD))?;
    }
    for context in 0..depth as usize {
        srq.run().ok(srq.receive(context, &list), "SRQ-01 a receive of all its entries")?;
    }
    srq.run().status(srq.receive(0, &list), STATUS_NO_MORE_ENTRIES, "SRQ-01 the depth, exactly")
}

/// A message goes into all entries of its receive.
fn spread(ends: &Ends) -> Result {
    let queue = Queue::with(ends, &SrqOptions { sge: 3, ..SrqOptions::default() })?;
    let line = queue.line(ends, 0)?;
    let into = super::work_help::sink(&queue.pd, 100)?;
    let from = line.peer.region(30)?;
    let sent: [u8; 30] = numbered(1);
    from.buffer().write(0, &sent);
    let entries: [NDK_SGE; 3] = [into.sge(80, 10), into.sge(0, 15), into.sge(40, 10)];
    ends.run.ok(queue.srq.receive(5, &entries), "SRQ-10 NdkSrqReceive")?;
    let result = line.message(&[from.sge(0, 30)])?;
    ends.run.equal(result.BytesTransferred, 30u32, "RCV-02 the length of the message")?;
    let pieces = [(80, 0, 10), (0, 10, 15), (40, 25, 5)];
    for (at, first, length) in pieces {
        same(ends, into.buffer(), at, sent.get(first..first + length).unwrap_or(&[]))?;
    }
    Ok(())
}

fn same(ends: &Ends, buffer: &Buffer, at: usize, wanted: &[u8]) -> Result {
    let mut seen = [0u8; 30];
    let seen = seen.get_mut(..wanted.len()).unwrap_or(&mut []);
    buffer.read(at, seen);
    ends.run.check(seen == wanted, "SRQ-01 the bytes of each entry")
}

fn srq_02(job: &Job) -> Result {
    once(job, |ends| {
        let pd = ends.passive.pd()?;
        let most = ends.passive.info()?.MaxSrqDepth;
        for depth in [0, most.wrapping_add(1), 0x8000_0000, u32::MAX] {
            let created = pd.create_srq(&SrqOptions { depth, ..SrqOptions::default() })?;
            created.fails(STATUS_INVALID_PARAMETER, "SRQ-02 the depth is refused")?;
        }
        for depth in [1, most] {
            pd.srq(&SrqOptions { depth, ..SrqOptions::default() })?;
        }
        Ok(())
    })
}

fn srq_03(job: &Job) -> Result {
    once(job, |ends| {
        let pd = ends.passive.pd()?;
        let most = ends.passive.info()?.MaxReceiveRequestSge;
        for entries in [most.wrapping_add(1), 0x1_0000, u32::MAX] {
            let created = pd.create_srq(&SrqOptions { sge: entries, ..SrqOptions::default() })?;
            created.fails(STATUS_INVALID_PARAMETER, "SRQ-03 the entries are refused")?;
        }
        pd.srq(&SrqOptions { sge: most, ..SrqOptions::default() }).map(drop)
    })
}

/// More objects than any adapter of this kind is expected to allow.
const MANY: usize = 100_000;

fn srq_04(job: &Job) -> Result {
    once(job, |ends| {
        let pd = ends.passive.pd()?;
        let options = SrqOptions { depth: 1, ..SrqOptions::default() };
        if ends.passive.info()?.MaxSrqDepth == 0 {
            let created = pd.create_srq(&options)?;
            return created.fails(STATUS_INVALID_PARAMETER, "SRQ-04 an adapter without SRQs");
        }
        let mut all = List::new();
        let refused = loop {
            job.run.go_on()?;
            let created = pd.create_srq(&options)?;
            match created.answer.status {
                STATUS_SUCCESS => all.try_push(created.ok("SRQ-01 NdkCreateSrq")?)?,
                _ => break created,
            }
            ends.run.check(all.len() < MANY, "SRQ-04 there is an end")?;
        };
        let what = "SRQ-04 more SRQs than there can be";
        refused.fails(STATUS_INSUFFICIENT_RESOURCES, what)?;
        // The limit is the adapter's, not the domain's.
        ends.passive.pd()?.create_srq(&options)?.fails(STATUS_INSUFFICIENT_RESOURCES, what)?;
        let one = all.first().cloned();
        all.clear();
        drop(one);
        pd.srq(&options).map(drop)
    })
}

fn srq_05(job: &Job) -> Result {
    once(job, |ends| {
        let queue = Queue::new(ends, 4)?;
        let table = queue.srq.dispatch();
        ends.run.equal(size_of::<NDK_SRQ_DISPATCH>(), 32usize, "SRQ-05 four entries")?;
        // SAFETY: the table is made of four function pointers.
        let words: [usize; 4] = unsafe { core::mem::transmute_copy(table) };
        let named = [
            table.NdkCloseSrq.map(|f| f as usize),
            table.NdkQueryExtension.map(|f| f as usize),
            table.NdkModifySrq.map(|f| f as usize),
            table.NdkSrqReceive.map(|f| f as usize),
        ];
        ends.run.check(named.into_iter().eq(words.into_iter().map(Some)), "SRQ-05 the order, and none is NULL")?;
        let mut guid = GUID::default();
        let mut extension = NDK_EXTENSION_INTERFACE::default();
        let version = NDK_VERSION { Major: 1, Minor: 0 };
        let status: NTSTATUS = match table.NdkQueryExtension {
            // SAFETY: the SRQ is open; GUID and target are locals.
            Some(query) => unsafe { query(queue.srq.header(), &mut guid, version, &mut extension) },
            None => STATUS_SUCCESS,
        };
        ends.run.status(status, STATUS_NOT_SUPPORTED, "SRQ-05 the second entry asks for extensions")?;
        queue.modify(8, 0)?;
        queue.fits(8, "SRQ-05 the third modifies, the fourth receives")?;
        queue.srq.close().map(drop)
    })
}

fn srq_06(job: &Job) -> Result {
    once(job, |ends| {
        let queue = Queue::with(ends, &SrqOptions { threshold: 2, ..SrqOptions::default() })?;
        let line = queue.line(ends, 0)?;
        queue.post(0..3)?;
        line.takes(0..3, "SRQ-06 receives are taken")?;
        // Due at once, with nobody to tell.
        queue.modify(0, 4)?;
        queue.post(3..8)?;
        line.takes(3..8, "SRQ-06 receives are taken after the threshold, too")
    })
}

fn srq_07(job: &Job) -> Result {
    once(job, |ends| {
        let probe = probe()?;
        let one = GROUP_AFFINITY { Mask: 1, ..GROUP_AFFINITY::default() };
        let none = GROUP_AFFINITY { Mask: 0, ..one };
        let all = GROUP_AFFINITY { Mask: !0, ..one };
        let elsewhere = GROUP_AFFINITY { Group: 0x7FFF, ..one };
        let far = GROUP_AFFINITY { Mask: 1 << 63, ..one };
        for (count, affinity) in [None, Some(one), Some(none), Some(all), Some(elsewhere), Some(far)].iter().enumerate()
        {
            let (notify, context) = (probe.srq(), probe.context());
            let options = SrqOptions { notify, context, affinity: *affinity, ..SrqOptions::default() };
            let queue = Queue::with(ends, &options)?;
            queue.modify(0, 2)?;
            probe.wait(ends.run, "SRQ-07 the notification comes all the same")?;
            ends.run.equal(probe.calls(), count + 1, "SRQ-27 once")?;
        }
        Ok(())
    })
}

fn srq_08(job: &Job) -> Result {
    once(job, |ends| {
        let probe = probe()?;
        {
            let queue = Queue::notifying(ends, &probe, 3)?;
            let line = queue.line(ends, 0)?;
            calls(ends.run, &probe, 0, "SRQ-08 not at the empty start")?;
            queue.post(0..2)?;
            line.takes(0..1, "SRQ-11 the oldest")?;
            calls(ends.run, &probe, 0, "SRQ-08 not before the threshold was reached")?;
            queue.post(2..4)?;
            calls(ends.run, &probe, 0, "SRQ-08 not at the threshold")?;
            line.takes(1..2, "SRQ-11 the oldest")?;
            probe.wait(ends.run, "SRQ-08 when the count falls from the threshold")?;
            line.takes(2..4, "SRQ-11 the oldest")?;
            calls(ends.run, &probe, 1, "SRQ-27 one notification for one arm")?;
        }
        // From above the threshold, likewise.
        let queue = Queue::notifying(ends, &probe, 1)?;
        let line = queue.line(ends, 0)?;
        queue.post(0..2)?;
        line.takes(0..1, "SRQ-11 the oldest")?;
        calls(ends.run, &probe, 1, "SRQ-08 one is not below one")?;
        line.takes(1..2, "SRQ-11 the oldest")?;
        probe.wait(ends.run, "SRQ-08 when the last one is taken")
    })
}

fn srq_09(job: &Job) -> Result {
    once(job, |ends| {
        let probe = probe()?;
        let queue = Queue::notifying(ends, &probe, 0)?;
        let line = queue.line(ends, 0)?;
        queue.post(0..16)?;
        line.takes(0..16, "SRQ-11 the oldest")?;
        calls(ends.run, &probe, 0, "SRQ-09 unarmed")?;
        queue.modify(0, 1)?;
        probe.wait(ends.run, "SRQ-24 until it is armed")
    })
}
