//! `WR-05`, `WR-26` to `WR-36`: order, visibility and failures.

use super::work_help::{
    Fast, LOCAL, REMOTE, STALL, done, drain, each, ended, holds, nothing_in, only, pattern, receive, received, release,
    send, shared, sink, source, stall,
};
use crate::{
    kernel::time,
    ndk::{Cq, End, Pair, Region, nothing, sge},
    run::{Failure, Result},
    workload::Job,
};
use ndkpi_sys::{
    NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_RESULT_EX, NDK_SGE, NTSTATUS, STATUS_ACCESS_VIOLATION, STATUS_BUFFER_OVERFLOW,
    STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, STATUS_IO_TIMEOUT,
    STATUS_REMOTE_RESOURCES, STATUS_SUCCESS, UINT64,
};

contract! {
    "WR-05" wr_05, "the completions of a queue come in posting order";
    "WR-26" wr_26, "a bad local entry fails the request and ends the connection";
    "WR-27" wr_27, "sources need no right, sinks need local write access";
    "WR-28" wr_28, "a region of another domain is a violation";
    "WR-29" wr_29, "one failed request ends the QP, and the rest is cancelled";
    "WR-30" wr_30, "at most one completion of a side tells the cause";
    "WR-31" wr_31, "a write is in memory before the send behind it is received";
    "WR-32" wr_32, "bytes are there when the completion is fetched";
    "WR-33" wr_33, "buffers are left alone from the completion on";
    "WR-34" wr_34, "requests take effect in posting order";
    "WR-35" wr_35, "numbers that wrap around lead to the documented failure";
    "WR-36" wr_36, "completion statuses keep to the table";
}

fn wr_05(job: &Job) -> Result {
    each(job, |run, pair| {
        const LONG: usize = 400_000;
        let local = sink(&pair.active.pd, LONG)?;
        let remote = shared(&pair.passive.pd, LONG, 1)?;
        let mut random = run.random(5);
        let mut sends = 0;
        for context in 0..48 {
            let length = random.below(LONG as u64) as usize;
            let (entry, at, token) = ([local.sge(0, length)], remote.remote(0), remote.remote_token());
            let status = match random.below(3) {
                0 => {
                    receive(&pair.passive, sends, &[remote.sge(0, LONG)])?;
                    sends += 1;
                    pair.active.qp.send(context, &entry, 0)
                }
                1 => pair.active.qp.read(context, &entry, at, token, 0),
                _ => pair.active.qp.write(context, &entry, at, token, 0),
            };
            run.ok(status, "WR-01 posted")?;
        }
        for context in 0..48 {
            done(&pair.active, context)?;
        }
        for context in 0..sends {
            let what = "WR-05 receives in posting order";
            pair.passive.received.expect(context, STATUS_SUCCESS, what)?;
        }
        Ok(())
    })
}

/// Posts a request of type `number` with one entry; the peer has a receive and a region for it.
fn one(pair: &Pair, number: usize, remote: &Region, entry: NDK_SGE) -> NTSTATUS {
    let (qp, at, token) = (&pair.active.qp, remote.remote(0), remote.remote_token());
    match number {
        0 => qp.send(1, &[entry], 0),
        1 => qp.write(1, &[entry], at, token, 0),
        _ => qp.read(1, &[entry], at, token, 0),
    }
}

/// Expects a local violation with each type of request that may use the entry wrongly.
fn violates(
    job: &Job,
    numbers: core::ops::Range<usize>,
    entry: impl Fn(&End, &Region) -> Result<(NDK_SGE, Option<Region>)>,
) -> Result {
    for number in numbers {
        each(job, |run, pair| {
            let local = sink(&pair.active.pd, 4096)?;
            let remote = Region::new(&pair.passive.pd, 4096, REMOTE)?;
            receive(&pair.passive, 1, &[remote.sge(0, 4096)])?;
            let (entry, _keep) = entry(&pair.active, &local)?;
            run.ok(one(&pair, number, &remote, entry), "WR-25 judged when it runs")?;
            let what = "WR-26 a local violation";
            pair.active.initiated.expect(1, STATUS_ACCESS_VIOLATION, what)?;
            ended(&pair.active)?;
            ended(&pair.passive)?;
            only(run, local.buffer(), 0, 4096, 0, "WR-26 nothing is written")
        })?;
    }
    Ok(())
}

fn wr_26(job: &Job) -> Result {
    violates(job, 0..3, |_, local| Ok((sge(0x1000, 64, local.local_token() ^ 0x0100_0000), None)))?;
    violates(job, 0..3, |_, local| Ok((local.sge(4033, 64), None)))?;
    violates(job, 0..3, |_, local| {
        let before = local.sge(0, 0);
        // SAFETY: both members of the union are 64 bits of address.
        let address = unsafe { before.__bindgen_anon_1.VirtualAddress }.addr();
        Ok((sge(address - 1, 64, local.local_token()), None))
    })?;
    violates(job, 2..3, |end, _| {
        let poor = Region::new(&end.pd, 64, 0)?;
        Ok((poor.sge(0, 64), Some(poor)))
    })
}

fn wr_27(job: &Job) -> Result {
    each(job, |run, pair| {
        let from = source(&pair.active.pd, 64, 1)?;
        let into = sink(&pair.passive.pd, 64)?;
        let to = Region::new(&pair.passive.pd, 64, REMOTE)?;
        receive(&pair.passive, 1, &[into.sge(0, 64)])?;
        run.ok(one(&pair, 0, &to, from.sge(0, 64)), "WR-27 a send without rights")?;
        run.ok(one(&pair, 1, &to, from.sge(0, 64)), "WR-27 a write without rights")?;
        done(&pair.active, 1)?;
        done(&pair.active, 1)?;
        received(&pair.passive, 1, 64)?;
        holds(run, into.buffer(), 0, 64, (1, 0), "WR-27 the bytes arrive")?;
        let back = sink(&pair.active.pd, 64)?;
        run.ok(one(&pair, 2, &to, back.sge(0, 64)), "WR-27 a read with local write")?;
        done(&pair.active, 1)?;
        holds(run, back.buffer(), 0, 64, (1, 0), "WR-27 the bytes arrive")?;
        let poor = Region::new(&pair.passive.pd, 64, 0)?;
        receive(&pair.passive, 2, &[poor.sge(0, 64)])?;
        send(&pair.active, 2, &[from.sge(0, 64)], 0)?;
        let what = "WR-27 a receive without local write";
        pair.passive.received.expect(2, STATUS_ACCESS_VIOLATION, what)?;
        only(run, poor.buffer(), 0, 64, 0, "WR-27 no byte is written")
    })?;
    violates(job, 2..3, |end, _| {
        let poor = Region::new(&end.pd, 64, ndkpi_sys::NDK_MR_FLAG_ALLOW_REMOTE_READ)?;
        Ok((poor.sge(0, 64), Some(poor)))
    })
}

fn wr_28(job: &Job) -> Result {
    violates(job, 0..3, |end, _| {
        let other = Region::new(&end.adapter.pd()?, 64, LOCAL)?;
        Ok((other.sge(0, 64), Some(other)))
    })?;
    each(job, |_, pair| {
        let other = Region::new(&pair.passive.adapter.pd()?, 64, LOCAL)?;
        let from = source(&pair.active.pd, 64, 1)?;
        receive(&pair.passive, 1, &[other.sge(0, 64)])?;
        send(&pair.active, 1, &[from.sge(0, 64)], 0)?;
        let what = "WR-28 a receive into another domain";
        pair.passive.received.expect(1, STATUS_ACCESS_VIOLATION, what)?;
        ended(&pair.passive)
    })
}

fn wr_29(job: &Job) -> Result {
    each(job, |run, pair| {
        for context in 0..3 {
            receive(&pair.active, context, &[])?;
        }
        stall(&pair.active)?;
        let qp = &pair.active.qp;
        run.ok(qp.write(1, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
        send(&pair.active, 2, &[sge(0x1000, 64, 0xBAD_BAD)], 0)?;
        run.ok(qp.write(3, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
        run.ok(qp.read(4, &nothing(), 0, 0, 0), "RD-03 NdkRead")?;
        receive(&pair.passive, 7, &[])?;
        let theirs = sink(&pair.passive.pd, 64)?;
        receive(&pair.passive, 8, &[theirs.sge(0, 64)])?;
        receive(&pair.passive, 9, &[])?;
        done(&pair.active, STALL)?;
        done(&pair.active, 1)?;
        let (cause, rest) = ("WR-29 the real status", "WR-29 every later request");
        pair.active.initiated.expect(2, STATUS_ACCESS_VIOLATION, cause)?;
        pair.active.initiated.expect(3, STATUS_CANCELLED, rest)?;
        pair.active.initiated.expect(4, STATUS_CANCELLED, rest)?;
        for context in 0..3 {
            pair.active.received.expect(context, STATUS_CANCELLED, rest)?;
        }
        received(&pair.passive, 7, 0)?;
        ended(&pair.passive)?;
        for context in [8, 9] {
            pair.passive.received.expect(context, STATUS_CANCELLED, rest)?;
        }
        run.equal(pair.passive.connector.disconnects(), 1u32, "WR-29 the connection ends")
    })
}

/// Counts the results of a CQ that are neither success nor cancelled.
fn causes(cq: &Cq, count: usize) -> Result<usize> {
    let mut causes = 0;
    drain(cq, count, |_, result| {
        causes += usize::from(![STATUS_SUCCESS, STATUS_CANCELLED].contains(&result.Status));
        Ok(())
    })?;
    Ok(causes)
}

fn wr_30(job: &Job) -> Result {
    // A message that is too long, a local violation, and a read that the peer does not serve.
    for case in 0..3 {
        each(job, |run, pair| {
            let from = source(&pair.active.pd, 64, 1)?;
            let back = sink(&pair.active.pd, 64)?;
            for end in [&pair.active, &pair.passive] {
                stall(end)?;
                for context in 0..3 {
                    run.ok(end.qp.write(context, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
                }
            }
            for _ in 0..3 {
                let status = match case {
                    0 => pair.active.qp.send(5, &[from.sge(0, 64)], 0),
                    1 => pair.active.qp.send(5, &[sge(0x1000, 0x1000, 0xBAD_BAD)], 0),
                    _ => pair.active.qp.read(5, &[back.sge(0, 64)], 0, 0xBAD_BAD, 0),
                };
                run.ok(status, "WR-25 judged when it runs")?;
            }
            for _ in 0..8 {
                receive(&pair.passive, 6, &[])?;
                // The first one starts it all, and may be followed by the end at any time.
                if pair.passive.connector.disconnects() != 0 {
                    break;
                }
            }
            pair.passive.connector.wait_for_disconnect()?;
            let mut all = [NDK_RESULT_EX::default(); 32];
            let active = causes(&pair.active.initiated, 7)?;
            let passive = causes(&pair.passive.initiated, 4)?;
            let mut received = 0;
            let count = pair.passive.received.poll_ex(&mut all);
            for result in all.iter().take(count) {
                received += usize::from(![STATUS_SUCCESS, STATUS_CANCELLED].contains(&result.Status));
            }
            run.check(active <= 1, "WR-30 the active side has one cause")?;
            run.check(passive + received <= 1, "WR-30 the passive side has one cause")
        })?;
    }
    Ok(())
}

fn wr_31(job: &Job) -> Result {
    each(job, |run, pair| {
        const LONG: usize = 500_000;
        let from = source(&pair.active.pd, LONG, 0)?;
        let to = Region::new(&pair.passive.pd, LONG, REMOTE)?;
        for (seed, length) in [(1, 1), (2, 100), (3, 4096), (4, 200_000), (5, LONG), (6, LONG)] {
            pattern(from.buffer(), 0, length, seed);
            receive(&pair.passive, seed, &[])?;
            let (at, token) = (to.remote(0), to.remote_token());
            let status = pair.active.qp.write(1, &[from.sge(0, length)], at, token, 0);
            run.ok(status, "WRT-01 NdkWrite")?;
            send(&pair.active, 2, &[], 0)?;
            at_once(&pair.passive.received)?;
            holds(run, to.buffer(), 0, length, (seed, 0), "WR-31 the write is there")?;
            done(&pair.active, 1)?;
            done(&pair.active, 2)?;
        }
        Ok(())
    })
}

/// Fetches a result as soon as there is one, without waiting for a notification.
fn at_once(cq: &Cq) -> Result {
    let begin = time::now();
    let mut result = [NDK_RESULT_EX::default()];
    while cq.poll_ex(&mut result) == 0 {
        if time::now() - begin > 20_000_000_000 {
            return Err(Failure::new("CMP-19 a request ends", STATUS_IO_TIMEOUT));
        }
        core::hint::spin_loop();
    }
    cq.run().ok(result[0].Status, "the request succeeds")
}

fn wr_32(job: &Job) -> Result {
    each(job, |run, pair| {
        const LONG: usize = 1 << 20;
        let remote = shared(&pair.passive.pd, LONG, 0)?;
        let into = sink(&pair.active.pd, LONG)?;
        for seed in 1..8 {
            pattern(remote.buffer(), 0, LONG, seed);
            let (at, token) = (remote.remote(0), remote.remote_token());
            let status = pair.active.qp.read(1, &[into.sge(0, LONG)], at, token, 0);
            run.ok(status, "RD-01 NdkRead")?;
            at_once(&pair.active.initiated)?;
            holds(run, into.buffer(), 0, LONG, (seed, 0), "WR-32 the bytes of a read")?;
            into.buffer().fill(0, LONG, 0);
            receive(&pair.active, 1, &[into.sge(0, LONG)])?;
            send(&pair.passive, 1, &[remote.sge(0, LONG)], 0)?;
            at_once(&pair.active.received)?;
            holds(run, into.buffer(), 0, LONG, (seed, 0), "WR-32 the bytes of a receive")?;
            done(&pair.passive, 1)?;
        }
        Ok(())
    })
}

fn wr_33(job: &Job) -> Result {
    each(job, |run, pair| {
        const LONG: usize = 500_000;
        let from = source(&pair.active.pd, LONG, 1)?;
        let to = Region::new(&pair.passive.pd, LONG, REMOTE)?;
        let (at, token) = (to.remote(0), to.remote_token());
        // Not read after the completion of a write, a send, and after what follows a silent one.
        for (round, flags) in [(0, 0), (1, ndkpi_sys::NDK_OP_FLAG_SILENT_SUCCESS)] {
            pattern(from.buffer(), 0, LONG, round);
            let status = pair.active.qp.write(1, &[from.sge(0, LONG)], at, token, flags);
            run.ok(status, "WRT-01 NdkWrite")?;
            if flags != 0 {
                run.ok(pair.active.qp.write(1, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
            }
            done(&pair.active, 1)?;
            from.buffer().fill(0, LONG, 0xFF);
            receive(&pair.passive, 2, &[])?;
            send(&pair.active, 2, &[], 0)?;
            received(&pair.passive, 2, 0)?;
            done(&pair.active, 2)?;
            holds(run, to.buffer(), 0, LONG, (round, 0), "WR-33 no longer read")?;
        }
        // Not written after a cancelled receive.
        let into = sink(&pair.passive.pd, 64)?;
        receive(&pair.passive, 3, &[into.sge(0, 64)])?;
        pair.passive.qp.flush();
        pair.passive.received.expect(3, STATUS_CANCELLED, "FLUSH-01 cancelled")?;
        into.buffer().fill(0, 64, 0x33);
        send(&pair.active, 3, &[from.sge(0, 64)], 0)?;
        nothing_in(&pair.active.initiated, "RCV-08 no receive is left")?;
        only(run, into.buffer(), 0, 64, 0x33, "WR-33 no longer written")
    })
}

fn wr_34(job: &Job) -> Result {
    each(job, |run, pair| {
        let qp = &pair.active.qp;
        let (one, two) = (source(&pair.active.pd, 64, 1)?, source(&pair.active.pd, 64, 2)?);
        let to = Region::new(&pair.passive.pd, 64, REMOTE)?;
        let into = sink(&pair.passive.pd, 192)?;
        let fast = Fast::new(&pair.active.pd, 64)?;
        pattern(fast.buffer(), 0, 64, 3);
        let (at, token) = (to.remote(0), to.remote_token());
        stall(&pair.active)?;
        for status in [
            qp.write(0, &[one.sge(0, 64)], at, token, 0),
            qp.write(1, &[two.sge(0, 64)], at, token, 0),
            qp.send(2, &[one.sge(0, 64)], 0),
            fast.register(qp, 3, 0),
            qp.send(4, &[fast.sge(0, 64)], 0),
            fast.invalidate(qp, 5, 0),
            fast.register(qp, 6, NDK_OP_FLAG_ALLOW_REMOTE_READ),
            qp.send(7, &[two.sge(0, 64)], 0),
        ] {
            run.ok(status, "WR-25 the chain is taken")?;
        }
        release(&pair.active, &pair.passive)?;
        for (context, seed) in [(0, 1), (1, 3), (2, 2)] {
            receive(&pair.passive, context, &[into.sge(64 * context, 64)])?;
            received(&pair.passive, context, 64)?;
            let what = "WR-34 sends in posting order";
            holds(run, into.buffer(), 64 * context, 64, (seed, 0), what)?;
        }
        for context in 0..8 {
            done(&pair.active, context)?;
        }
        holds(run, to.buffer(), 0, 64, (2, 0), "WR-34 the later write stays")
    })
}

fn wr_35(job: &Job) -> Result {
    // A local entry whose end wraps around.
    for address in [usize::MAX, usize::MAX - 63, usize::MAX - 10] {
        violates(job, 0..3, |_, local| Ok((sge(address, 64, local.local_token()), None)))?;
    }
    // A remote range that wraps around.
    for address in [UINT64::MAX, UINT64::MAX - 63, UINT64::MAX - 10] {
        each(job, |run, pair| {
            let into = sink(&pair.active.pd, 64)?;
            let remote = shared(&pair.passive.pd, 64, 1)?;
            let status = pair.active.qp.read(1, &[into.sge(0, 64)], address, remote.remote_token(), 0);
            run.ok(status, "RD-11 NdkRead")?;
            let what = "WR-35 a remote range that wraps";
            pair.active.initiated.expect(1, STATUS_REMOTE_RESOURCES, what)?;
            only(run, into.buffer(), 0, 64, 0, "WR-35 no byte moves")
        })?;
    }
    each(job, |run, pair| {
        let huge = sge(0, 0xFFFF_FFFF, 1);
        let tiny = sge(0, 2, 1);
        let what = "WR-35 a sum that wraps in 32 bits";
        let status = pair.active.qp.send(1, &[huge, tiny], 0);
        run.status(status, STATUS_BUFFER_OVERFLOW, what)?;
        let status = pair.active.qp.receive(1, &[huge, tiny, huge, tiny]);
        run.status(status, STATUS_BUFFER_OVERFLOW, what)?;
        let fast = Fast::new(&pair.active.pd, 64)?;
        for pages in [0, 65, 0x8000_0000, u32::MAX] {
            let status = fast.register_pages(&pair.active.qp, 1, (fast.base(), pages), 0);
            run.status(status, STATUS_INVALID_PARAMETER, "WR-35 a page count")?;
        }
        nothing_in(&pair.active.initiated, "WR-03 what was refused completes nothing")
    })
}

fn wr_36(job: &Job) -> Result {
    // What the peer's receive has, and what the request of this side has.
    let cases: [(NTSTATUS, NTSTATUS); 5] = [
        (STATUS_BUFFER_OVERFLOW, STATUS_REMOTE_RESOURCES),
        (STATUS_CANCELLED, STATUS_ACCESS_VIOLATION),
        (STATUS_CANCELLED, STATUS_REMOTE_RESOURCES),
        (STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST),
        (STATUS_ACCESS_VIOLATION, STATUS_REMOTE_RESOURCES),
    ];
    for (case, (theirs, ours)) in cases.into_iter().enumerate() {
        each(job, |run, pair| {
            let from = source(&pair.active.pd, 64, 1)?;
            let back = sink(&pair.active.pd, 64)?;
            let into = sink(&pair.passive.pd, 64)?;
            let fast = Fast::new(&pair.active.pd, 64)?;
            let entry = match case {
                0 => into.sge(0, 63),
                4 => into.sge(1, 64),
                _ => into.sge(0, 64),
            };
            receive(&pair.passive, 1, &[entry])?;
            let qp = &pair.active.qp;
            let status = match case {
                0 | 4 => qp.send(1, &[from.sge(0, 64)], 0),
                1 => qp.write(1, &[sge(0x1000, 64, 0xBAD_BAD)], 0, 1, 0),
                2 => qp.read(1, &[back.sge(0, 64)], 0, 0xBAD_BAD, 0),
                _ => fast.invalidate(qp, 1, 0),
            };
            run.ok(status, "WR-25 judged when it runs")?;
            pair.active.initiated.expect(1, ours, "WR-36 the status of the request")?;
            pair.passive.received.expect(1, theirs, "WR-36 the status of the receive")?;
            Ok(())
        })?;
    }
    Ok(())
}
