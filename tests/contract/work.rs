//! `WR-01` to `WR-06` and `WR-16` to `WR-25`: what a post takes and what it refuses. The others are in
//! `work_order.rs` (results, order, failures) and `work_state.rs` (connection states and races).

use super::work_help::{
    Fast, Lam, REMOTE, Window, done, drain, each, each_with, holds, nothing_in, only, pattern, receive, received,
    release, send, shared, sink, source, stall,
};
use crate::{
    kernel::{Buffer, time},
    ndk::{Pair, PairOptions, QpOptions, Region, nothing, sge},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    NDK_CQ_NOTIFY_ANY, NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_DEFER,
    NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE, NDK_OP_FLAG_RDMA_READ_SINK, NDK_OP_FLAG_SILENT_SUCCESS, NDK_SGE, NTSTATUS,
    STATUS_BUFFER_OVERFLOW, STATUS_DATA_OVERRUN, STATUS_INVALID_PARAMETER, STATUS_NO_MORE_ENTRIES, STATUS_SUCCESS,
    ULONG,
};

contract! {
    "WR-01" wr_01, "a request that is posted returns STATUS_SUCCESS, else a failing status";
    "WR-02" wr_02, "one completion in the right CQ, but none for a silent success";
    "WR-03" wr_03, "what fails inline completes nothing and takes no slot";
    "WR-04" wr_04, "results carry both contexts unchanged";
    "WR-16" wr_16, "exactly the depth of each queue fits";
    "WR-17" wr_17, "a slot is free at the completion, not at the fetch";
    "WR-18" wr_18, "more entries than the limit are refused";
    "WR-19" wr_19, "more bytes than MaxTransferLength are refused, without overflow";
    "WR-20" wr_20, "undefined flag bits are refused, three stray ones tolerated";
    "WR-21" wr_21, "no entries is a request of zero bytes";
    "WR-22" wr_22, "entries of length 0 are skipped but counted";
    "WR-23" wr_23, "the privileged token takes logical addresses, others virtual ones";
    "WR-24" wr_24, "a virtual address is an index into its region";
    "WR-25" wr_25, "entries are judged when the request runs";
}

const BAD_FLAG: ULONG = 0x8000_0000;

/// All seven initiator requests of zero bytes with contexts 0 to 6, for which receives 0 and 1 are posted.
fn seven(pair: &Pair, objects: &Objects, flags: ULONG) -> [NTSTATUS; 7] {
    let qp = &pair.active.qp;
    let read = NDK_OP_FLAG_ALLOW_REMOTE_READ;
    [
        qp.send(0, &[], flags),
        qp.send_and_invalidate(1, &[], flags, objects.theirs.remote_token()),
        objects.window.bind(qp, 2, &objects.region, flags | read),
        objects.fast.register(qp, 3, flags | read),
        objects.fast.invalidate(qp, 4, flags),
        qp.read(5, &nothing(), 0, 0, flags),
        qp.write(6, &nothing(), 0, 0, flags),
    ]
}

/// What [`seven`] needs.
struct Objects {
    // The window goes before its region.
    window: Window,
    region: Region,
    fast: Fast,
    theirs: Fast,
}

impl Objects {
    fn new(pair: &Pair) -> Result<Self> {
        let theirs = Fast::new(&pair.passive.pd, 64)?;
        theirs.ready(&pair.passive, NDK_OP_FLAG_ALLOW_REMOTE_READ)?;
        Ok(Self {
            window: Window::new(&pair.active.pd)?,
            region: shared(&pair.active.pd, 64, 1)?,
            fast: Fast::new(&pair.active.pd, 64)?,
            theirs,
        })
    }
}

fn wr_01(job: &Job) -> Result {
    each(job, |run, pair| {
        let objects = Objects::new(&pair)?;
        for status in seven(&pair, &objects, BAD_FLAG) {
            run.check(status < 0, "WR-01 a refusal is a failing status")?;
        }
        receive(&pair.passive, 0, &[])?;
        receive(&pair.passive, 1, &[])?;
        for status in seven(&pair, &objects, 0) {
            run.status(status, STATUS_SUCCESS, "WR-01 posted")?;
        }
        for context in 0..7 {
            done(&pair.active, context)?;
        }
        Ok(())
    })
}

fn wr_02(job: &Job) -> Result {
    each(job, |run, pair| {
        let objects = Objects::new(&pair)?;
        receive(&pair.passive, 0, &[])?;
        receive(&pair.passive, 1, &[])?;
        for status in seven(&pair, &objects, 0) {
            run.ok(status, "WR-01 posted")?;
        }
        drain(&pair.active.initiated, 7, |_, result| run.ok(result.Status, "WR-02 success"))?;
        drain(&pair.passive.received, 2, |_, result| run.ok(result.Status, "WR-02 success"))?;
        nothing_in(&pair.active.received, "WR-02 no initiator request in the receive CQ")?;
        nothing_in(&pair.passive.initiated, "WR-02 no receive in the initiator CQ")
    })?;
    each(job, |run, pair| {
        let objects = Objects::new(&pair)?;
        receive(&pair.passive, 0, &[])?;
        receive(&pair.passive, 1, &[])?;
        for status in seven(&pair, &objects, NDK_OP_FLAG_SILENT_SUCCESS) {
            run.ok(status, "WR-01 posted")?;
        }
        drain(&pair.passive.received, 2, |_, result| run.ok(result.Status, "WR-02 success"))?;
        nothing_in(&pair.active.initiated, "WR-02 nothing for silent successes")
    })
}

fn small(receive_depth: ULONG, initiator_depth: ULONG) -> PairOptions<'static> {
    PairOptions { qp: QpOptions { receive_depth, initiator_depth, ..QpOptions::default() }, ..PairOptions::default() }
}

fn wr_03(job: &Job) -> Result {
    each_with(job, &small(2, 3), |run, pair| {
        let objects = Objects::new(&pair)?;
        let many = [pair_entry(); 5];
        stall(&pair.active)?;
        for _ in 0..10 {
            for status in seven(&pair, &objects, BAD_FLAG) {
                run.check(status < 0, "WR-03 refused")?;
            }
            let status = pair.active.qp.receive(1, &many);
            run.status(status, STATUS_DATA_OVERRUN, "WR-03 refused")?;
        }
        // The two slots of either queue are still there.
        for context in 0..2 {
            receive(&pair.active, context, &[])?;
            send(&pair.active, context, &[], 0)?;
        }
        release(&pair.active, &pair.passive)?;
        for context in 0..2 {
            receive(&pair.passive, context, &[])?;
            send(&pair.passive, context, &[], 0)?;
        }
        for context in 0..2 {
            done(&pair.active, context)?;
            received(&pair.active, context, 0)?;
        }
        nothing_in(&pair.active.initiated, "WR-03 no completion")?;
        nothing_in(&pair.active.received, "WR-03 no completion")?;
        run.equal(pair.passive.connector.disconnects(), 0u32, "WR-03 the connection stays")
    })
}

fn pair_entry() -> NDK_SGE {
    sge(0x1000, 0, 0)
}

fn wr_04(job: &Job) -> Result {
    for context in [0, 1, 0xFFFF_8000_1234_5678, usize::MAX] {
        let mut options = PairOptions::default();
        options.qp.context = context;
        each_with(job, &options, |run, pair| {
            for request in [0, 1, 0x8000_0000, usize::MAX] {
                receive(&pair.passive, request, &[])?;
                send(&pair.active, request, &[], 0)?;
                let results = [done(&pair.active, request)?, received(&pair.passive, request, 0)?];
                for result in results {
                    let seen = result.QPContext.addr();
                    run.equal(seen as u64, context as u64, "WR-04 the QP's context")?;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn wr_16(job: &Job) -> Result {
    super::work_shared::depth(job)?;
    for depth in [1u32, 3, 4, 64] {
        each_with(job, &small(depth, depth), |run, pair| {
            let depth = depth as usize;
            for context in 0..depth {
                receive(&pair.active, context, &[])?;
            }
            let status = pair.active.qp.receive(99, &[]);
            run.status(status, STATUS_NO_MORE_ENTRIES, "WR-16 one receive too many")?;
            stall(&pair.active)?;
            for context in 1..depth {
                send(&pair.active, context, &[], 0)?;
            }
            let fast = Fast::new(&pair.active.pd, 64)?;
            let qp = &pair.active.qp;
            for status in [
                qp.send(99, &[], 0),
                qp.send_and_invalidate(99, &[], 0, 1),
                qp.read(99, &nothing(), 0, 0, 0),
                qp.write(99, &nothing(), 0, 0, 0),
                fast.register(qp, 99, 0),
                fast.invalidate(qp, 99, 0),
            ] {
                run.status(status, STATUS_NO_MORE_ENTRIES, "WR-16 one request too many")?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn wr_17(job: &Job) -> Result {
    each_with(job, &small(1, 1), |run, pair| {
        for context in 0..10 {
            // Nobody fetches, but the notification tells that the completion is placed.
            pair.active.initiated.arm(NDK_CQ_NOTIFY_ANY);
            receive(&pair.passive, context, &[])?;
            send(&pair.active, context, &[], 0)?;
            pair.active.initiated.wait_for_notification()?;
        }
        for context in 0..10 {
            done(&pair.active, context)?;
            received(&pair.passive, context, 0)?;
        }
        // A silent one gives its slot back as well, soon after its message has arrived.
        for context in 0..10 {
            receive(&pair.passive, context, &[])?;
            let mut status = STATUS_NO_MORE_ENTRIES;
            for _ in 0..1000 {
                status = pair.active.qp.send(context, &[], NDK_OP_FLAG_SILENT_SUCCESS);
                if status != STATUS_NO_MORE_ENTRIES {
                    break;
                }
                time::sleep(1);
            }
            run.ok(status, "WR-17 the slot of a silent success is free")?;
            received(&pair.passive, context, 0)?;
        }
        nothing_in(&pair.active.initiated, "FLAG-02 no entry for silent successes")
    })
}

fn wr_18(job: &Job) -> Result {
    super::work_shared::entries(job)?;
    let mut options = PairOptions::default();
    options.qp.initiator_sge = 2;
    options.qp.receive_sge = 3;
    each_with(job, &options, |run, pair| {
        let local = sink(&pair.active.pd, 64)?;
        let remote = shared(&pair.passive.pd, 64, 1)?;
        let (at, token) = (remote.remote(0), remote.remote_token());
        let most_read = pair.active.adapter.info()?.MaxReadRequestSge as usize;
        let entries = [local.sge(0, 1); 64];
        let first = |count: usize| entries.get(..count).unwrap_or(&entries);
        run.check(most_read > 2 && most_read < 64, "the read limit differs from the QP's")?;
        let qp = &pair.active.qp;
        for status in [
            qp.send(1, first(3), 0),
            qp.send_and_invalidate(1, first(3), 0, 1),
            qp.write(1, first(3), at, token, 0),
            qp.receive(1, first(4)),
            qp.read(1, first(most_read + 1), at, token, 0),
        ] {
            run.status(status, STATUS_DATA_OVERRUN, "WR-18 one entry too many")?;
        }
        receive(&pair.passive, 2, &[remote.sge(0, 1), remote.sge(1, 1), remote.sge(2, 1)])?;
        send(&pair.active, 2, first(2), 0)?;
        run.ok(qp.write(3, first(2), at, token, 0), "WR-18 exactly the limit")?;
        run.ok(qp.read(4, first(most_read), at, token, 0), "WR-18 exactly the adapter's limit")?;
        for context in 2..=4 {
            done(&pair.active, context)?;
        }
        Ok(())
    })
}

fn wr_19(job: &Job) -> Result {
    each(job, |run, pair| {
        let most = pair.active.adapter.info()?.MaxTransferLength as usize;
        let entry = |length: usize| sge(0x1000, length, 1);
        let huge = 0xFFFF_FFFF;
        let qp = &pair.active.qp;
        // The last two have a sum that is small in 32 bits.
        for entries in [
            [entry(most), entry(1), entry(0)],
            [entry(most / 2), entry(most / 2), entry(1 + most % 2)],
            [entry(huge), entry(1), entry(0)],
            [entry(huge), entry(huge), entry(2)],
        ] {
            for status in [
                qp.send(1, &entries, 0),
                qp.send_and_invalidate(1, &entries, 0, 1),
                qp.write(1, &entries, 0, 1, 0),
                qp.read(1, &entries, 0, 1, 0),
                qp.receive(1, &entries),
            ] {
                run.status(status, STATUS_BUFFER_OVERFLOW, "WR-19 too many bytes")?;
            }
        }
        // Exactly the limit is taken; nothing runs, since the queue waits until the connection ends.
        stall(&pair.active)?;
        let exact = [entry(most - 5), entry(5)];
        for status in [
            qp.send(1, &exact, 0),
            qp.send_and_invalidate(2, &exact, 0, 1),
            qp.write(3, &exact, 0, 1, 0),
            qp.read(4, &exact, 0, 1, 0),
            qp.receive(5, &exact),
        ] {
            run.ok(status, "WR-19 exactly the limit")?;
        }
        Ok(())
    })
}

/// Flag bits that are defined or tolerated for each of [`seven`].
const DEFINED: [ULONG; 7] = [
    0x001 | 0x002 | 0x004 | 0x040 | 0x200,
    0x001 | 0x002 | 0x004 | 0x040 | 0x200,
    0x001 | 0x002 | 0x008 | 0x030 | 0x200,
    0x001 | 0x002 | 0x008 | 0x030 | 0x080 | 0x200,
    0x001 | 0x002 | 0x200,
    0x001 | 0x002 | 0x100 | 0x200,
    0x001 | 0x002 | 0x040 | 0x200,
];

fn wr_20(job: &Job) -> Result {
    each(job, |run, pair| {
        let objects = Objects::new(&pair)?;
        for bit in 0..32 {
            let flag = 1u32 << bit;
            // Only requests that do not know the bit are posted with it.
            for (number, defined) in DEFINED.into_iter().enumerate() {
                if defined & flag == 0 {
                    let status = one_of(&pair, &objects, number, flag);
                    run.status(status, STATUS_INVALID_PARAMETER, "WR-20 an undefined bit")?;
                }
            }
        }
        // What must be tolerated.
        receive(&pair.passive, 0, &[])?;
        receive(&pair.passive, 1, &[])?;
        for status in seven(&pair, &objects, NDK_OP_FLAG_DEFER) {
            run.ok(status, "WR-20 DEFER on every request")?;
        }
        let fast = Fast::new(&pair.active.pd, 64)?;
        let write = NDK_OP_FLAG_ALLOW_LOCAL_WRITE;
        let status = fast.register(&pair.active.qp, 7, write | NDK_OP_FLAG_RDMA_READ_SINK);
        run.ok(status, "WR-20 RDMA_READ_SINK on FastRegister")?;
        let remote = shared(&pair.passive.pd, 64, 1)?;
        let (at, token) = (remote.remote(0), remote.remote_token());
        let kill = NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE;
        let status = pair.active.qp.read(8, &[fast.sge(0, 64)], at, token, kill);
        run.ok(status, "WR-20 RDMA_READ_LOCAL_INVALIDATE on Read")?;
        for context in 0..=8 {
            done(&pair.active, context)?;
        }
        nothing_in(&pair.active.initiated, "WR-03 what was refused completes nothing")
    })
}

/// One of [`seven`].
fn one_of(pair: &Pair, objects: &Objects, number: usize, flags: ULONG) -> NTSTATUS {
    let qp = &pair.active.qp;
    let read = NDK_OP_FLAG_ALLOW_REMOTE_READ;
    match number {
        0 => qp.send(0, &[], flags),
        1 => qp.send_and_invalidate(1, &[], flags, objects.theirs.remote_token()),
        2 => objects.window.bind(qp, 2, &objects.region, flags | read),
        3 => objects.fast.register(qp, 3, flags | read),
        4 => objects.fast.invalidate(qp, 4, flags),
        5 => qp.read(5, &nothing(), 0, 0, flags),
        _ => qp.write(6, &nothing(), 0, 0, flags),
    }
}

fn wr_21(job: &Job) -> Result {
    each(job, |run, pair| {
        let fast = Fast::new(&pair.passive.pd, 64)?;
        fast.ready(&pair.passive, NDK_OP_FLAG_ALLOW_REMOTE_READ)?;
        receive(&pair.passive, 0, &[])?;
        receive(&pair.passive, 1, &[])?;
        let qp = &pair.active.qp;
        for status in [
            qp.send(0, &nothing(), 0),
            qp.send_and_invalidate(1, &nothing(), 0, fast.remote_token()),
            qp.read(2, &nothing(), 0, 0, 0),
            qp.write(3, &nothing(), 0, 0, 0),
        ] {
            run.ok(status, "WR-21 zero bytes")?;
        }
        for context in 0..4 {
            done(&pair.active, context)?;
        }
        received(&pair.passive, 0, 0)?;
        received(&pair.passive, 1, 0)?;
        Ok(())
    })
}

fn wr_22(job: &Job) -> Result {
    each(job, |run, pair| {
        let from = source(&pair.active.pd, 64, 1)?;
        let into = sink(&pair.passive.pd, 64)?;
        let to = Region::new(&pair.passive.pd, 64, REMOTE)?;
        let back = sink(&pair.active.pd, 64)?;
        let around = |region: &Region| {
            let empty = region.sge(60, 0);
            [empty, region.sge(0, 20), empty, region.sge(20, 10)]
        };
        let (qp, at, token) = (&pair.active.qp, to.remote(0), to.remote_token());
        receive(&pair.passive, 1, &around(&into))?;
        send(&pair.active, 1, &around(&from), 0)?;
        run.ok(qp.write(2, &around(&from), at, token, 0), "WR-22 NdkWrite")?;
        run.ok(qp.read(3, &around(&back), at, token, 0), "WR-22 NdkRead")?;
        for context in 1..=3 {
            done(&pair.active, context)?;
        }
        received(&pair.passive, 1, 30)?;
        for region in [&into, &to, &back] {
            holds(run, region.buffer(), 0, 30, (1, 0), "WR-22 empty entries are skipped")?;
            only(run, region.buffer(), 30, 34, 0, "WR-22 and write nothing")?;
        }
        let empty = [from.sge(0, 0); 5];
        for status in [qp.send(4, &empty, 0), qp.write(4, &empty, at, token, 0), qp.receive(4, &empty)] {
            run.status(status, STATUS_DATA_OVERRUN, "WR-22 empty entries count")?;
        }
        Ok(())
    })
}

fn wr_23(job: &Job) -> Result {
    each(job, |run, pair| {
        let (out, into) = (Buffer::new(4096)?, Buffer::new(4096)?);
        pattern(&out, 0, 4096, 1);
        let from = Lam::new(&pair.active.adapter, &out)?;
        let to = Lam::new(&pair.passive.adapter, &into)?;
        let plain = sink(&pair.passive.pd, 100)?;
        let (ours, theirs) = (pair.active.pd.privileged_token(), pair.passive.pd.privileged_token());
        receive(&pair.passive, 1, &[plain.sge(0, 100), sge(to.address(7), 50, theirs)])?;
        send(&pair.active, 1, &[sge(from.address(3), 150, ours)], 0)?;
        done(&pair.active, 1)?;
        received(&pair.passive, 1, 150)?;
        holds(run, plain.buffer(), 0, 100, (1, 3), "WR-23 a virtual address")?;
        holds(run, &into, 7, 50, (1, 103), "WR-23 a logical address")?;
        only(run, &into, 57, 4000, 0, "WR-23 nothing behind it")
    })
}

fn wr_24(job: &Job) -> Result {
    each(job, |run, pair| {
        let into = sink(&pair.passive.pd, 64)?;
        let offset = |fast: &Fast| fast.base() % 4096;
        // Addresses at which there is nothing, all congruent to the first byte's place in its page.
        for high in [0x1000, 0x7000_0000_0000, 0xFFFF_FFFF_FFF0_0000usize] {
            let fast = Fast::new(&pair.active.pd, 4096)?;
            pattern(fast.buffer(), 0, 4096, 1);
            let base = high + offset(&fast);
            let status = fast.register_at(&pair.active.qp, 1, base, 0);
            run.ok(status, "FRG-05 NdkFastRegister")?;
            done(&pair.active, 1)?;
            receive(&pair.passive, 2, &[into.sge(0, 64)])?;
            let token = fast.sge(0, 1).MemoryRegionToken;
            send(&pair.active, 2, &[sge(base + 1000, 64, token)], 0)?;
            done(&pair.active, 2)?;
            received(&pair.passive, 2, 64)?;
            holds(run, into.buffer(), 0, 64, (1, 1000), "WR-24 byte 1000 of the region")?;
        }
        Ok(())
    })
}

fn wr_25(job: &Job) -> Result {
    each(job, |run, pair| {
        let fast = Fast::new(&pair.active.pd, 64)?;
        pattern(fast.buffer(), 0, 64, 1);
        let into = sink(&pair.passive.pd, 64)?;
        // Nothing has run when the send is posted, since the queue waits.
        stall(&pair.active)?;
        run.ok(fast.register(&pair.active.qp, 1, 0), "FRG-01 NdkFastRegister")?;
        send(&pair.active, 2, &[fast.sge(0, 64)], 0)?;
        release(&pair.active, &pair.passive)?;
        receive(&pair.passive, 2, &[into.sge(0, 64)])?;
        done(&pair.active, 1)?;
        done(&pair.active, 2)?;
        received(&pair.passive, 2, 64)?;
        holds(run, into.buffer(), 0, 64, (1, 0), "WR-25 the region of the chain works")?;
        // A bad entry is taken, too.
        send(&pair.active, 3, &[sge(0x1000, 64, 0xBAD_BAD)], 0)
    })
}
