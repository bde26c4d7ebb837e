//! `NEG-11` to `NEG-17`: lengths, queues and messages that do not fit.

use super::{
    bed::call,
    witness::{Witness, beside, beside_with, untouched},
    work_help::{LOCAL, REMOTE, done, each, ended, nothing_in, only, receive, received, send},
};
use crate::{
    kernel::{Buffer, time},
    ndk::{Pair, PairOptions, QpOptions, Region, nothing, sge},
    run::{Result, Run},
    workload::Job,
};
use ndkpi_sys::*;

contract! {
    "NEG-11" neg_11, "requests of no bytes, in every shape, whatever token and address";
    "NEG-12" neg_12, "lengths whose sum overflows, or is above the greatest transfer";
    "NEG-13" neg_13, "addresses that wrap around, local and remote";
    "NEG-14" neg_14, "lengths of 4 GiB - 1 wherever there is a length";
    "NEG-15" neg_15, "messages that are longer than their receive";
    "NEG-16" neg_16, "a message without a receive keeps nobody else waiting";
    "NEG-17" neg_17, "queues that are full take again what fits";
    "NEG-18" neg_18, "a completion queue that overflows takes its QPs with it, and no others";
}

const PAGE: usize = 4096;

fn neg_11(job: &Job) -> Result {
    beside(job, |run, pair| {
        let (active, passive) = (&pair.active, &pair.passive);
        // No entry, and entries of length 0 with nothing valid about them.
        let bad = [sge(usize::MAX, 0, 0xBAD_BAD), sge(0, 0, 0), sge(1, 0, UINT32::MAX)];
        for entries in [&bad[..0], &bad[..1], &bad[..]] {
            for (remote, token) in [(0, 0), (UINT64::MAX, UINT32::MAX), (1, 0xBAD_BAD)] {
                receive(passive, 1, entries)?;
                send(active, 2, entries, 0)?;
                run.ok(active.qp.read(3, entries, remote, token, 0), "RD-03 a read of zero bytes")?;
                run.ok(active.qp.write(4, entries, remote, token, 0), "WRT-03 a write of zero bytes")?;
                for context in 2..5 {
                    let result = done(active, context)?;
                    run.equal(result.BytesTransferred, 0u32, "WR-22 no bytes")?;
                }
                received(passive, 1, 0)?;
            }
        }
        Ok(())
    })
}

/// Posts an SGL to each of the four functions and expects one inline status, and nothing more.
fn refused(run: &Run, pair: &Pair, entries: &[NDK_SGE], wanted: NTSTATUS, what: &'static str) -> Result {
    let qp = &pair.active.qp;
    run.status(qp.send(1, entries, 0), wanted, what)?;
    run.status(qp.send_and_invalidate(1, entries, 0, 1), wanted, what)?;
    run.status(qp.receive(1, entries), wanted, what)?;
    run.status(qp.read(1, entries, 0, 1, 0), wanted, what)?;
    run.status(qp.write(1, entries, 0, 1, 0), wanted, what)
}

fn neg_12(job: &Job) -> Result {
    let options = PairOptions {
        qp: QpOptions { receive_sge: 16, initiator_sge: 16, ..QpOptions::default() },
        ..PairOptions::default()
    };
    beside_with(job, &options, |run, pair| {
        let most = pair.active.adapter.info()?.MaxTransferLength as usize;
        let entry = |length| sge(PAGE, length, 1);
        let what = "WR-19 the sum is above the limit";
        // Sums of 0, 1 and 2^32 - 1 in 32 bits, a sum just above the limit, and the greatest of all.
        let quarter = [entry(1 << 30), entry(1 << 30), entry(1 << 30), entry(1 << 30)];
        let one = [entry(0x8000_0000), entry(0x8000_0001)];
        let both = [entry(0xFFFF_FFFF), entry(0xFFFF_FFFF), entry(1)];
        refused(run, pair, &quarter, STATUS_BUFFER_OVERFLOW, what)?;
        refused(run, pair, &one, STATUS_BUFFER_OVERFLOW, what)?;
        refused(run, pair, &both, STATUS_BUFFER_OVERFLOW, what)?;
        refused(run, pair, &[entry(most), entry(1)], STATUS_BUFFER_OVERFLOW, what)?;
        refused(run, pair, &[entry(0xFFFF_FFFF); 16], STATUS_BUFFER_OVERFLOW, what)?;
        nothing_in(&pair.active.initiated, "WR-03 what was refused completes nothing")?;
        nothing_in(&pair.active.received, "WR-03 what was refused completes nothing")?;
        // The connection is as it was.
        receive(&pair.passive, 1, &[])?;
        send(&pair.active, 2, &[], 0)?;
        done(&pair.active, 2)?;
        received(&pair.passive, 1, 0).map(drop)
    })
}

fn neg_13(job: &Job) -> Result {
    for (address, length) in [(usize::MAX, 1), (usize::MAX, 2), (usize::MAX - 62, 64), (usize::MAX - 62, 63)] {
        for number in 0..5 {
            beside(job, |run, pair| wraps(run, pair, (address, length), number))?;
        }
    }
    Ok(())
}

/// 0 send, 1 write, 2 read with such an entry; 3 read, 4 write to such an address.
fn wraps(run: &Run, pair: &Pair, (address, length): (usize, usize), number: u32) -> Result {
    let local = Region::new(&pair.active.pd, PAGE, LOCAL)?;
    let far = Region::new(&pair.passive.pd, PAGE, REMOTE)?;
    let bad = [sge(address, length, local.local_token())];
    let (remote, token) = (far.remote(0), far.remote_token());
    let qp = &pair.active.qp;
    receive(&pair.passive, 9, &[far.sge(0, 64)])?;
    let (status, wanted) = match number {
        0 => (qp.send(1, &bad, 0), STATUS_ACCESS_VIOLATION),
        1 => (qp.write(1, &bad, remote, token, 0), STATUS_ACCESS_VIOLATION),
        2 => (qp.read(1, &bad, remote, token, 0), STATUS_ACCESS_VIOLATION),
        3 => (qp.read(1, &[local.sge(0, length)], address as u64, token, 0), STATUS_REMOTE_RESOURCES),
        _ => (qp.write(1, &[local.sge(0, length)], address as u64, token, 0), STATUS_REMOTE_RESOURCES),
    };
    run.ok(status, "WR-25 judged when it runs")?;
    let result = pair.active.initiated.next()?;
    if number != 4 || result.Status != STATUS_SUCCESS {
        run.status(result.Status, wanted, "WR-35 an address that wraps around")?;
    }
    ended(&pair.active)?;
    ended(&pair.passive)?;
    untouched(run, &local, 0)?;
    untouched(run, &far, 0)
}

fn neg_14(job: &Job) -> Result {
    const LONG: usize = 0xFFFF_FFFF;
    // One entry: above the limit of a transfer.
    beside(job, |run, pair| {
        let local = Region::new(&pair.active.pd, PAGE, LOCAL)?;
        refused(run, pair, &[local.sge(0, LONG)], STATUS_BUFFER_OVERFLOW, "WR-19 4 GiB - 1")
    })?;
    // As much as a transfer may have, of a region that has a page.
    for number in 0..3 {
        beside(job, |run, pair| {
            let local = Region::new(&pair.active.pd, PAGE, LOCAL)?;
            let far = Region::new(&pair.passive.pd, PAGE, REMOTE)?;
            let most = pair.active.adapter.info()?.MaxTransferLength as usize;
            let entry = [local.sge(0, most)];
            receive(&pair.passive, 9, &[far.sge(0, 64)])?;
            let status = match number {
                0 => pair.active.qp.send(1, &entry, 0),
                1 => pair.active.qp.write(1, &entry, far.remote(0), far.remote_token(), 0),
                _ => pair.active.qp.read(1, &entry, far.remote(0), far.remote_token(), 0),
            };
            run.ok(status, "WR-25 judged when it runs")?;
            let result = pair.active.initiated.next()?;
            let known = [STATUS_ACCESS_VIOLATION, STATUS_REMOTE_RESOURCES].contains(&result.Status);
            run.check(known, "WR-26 beyond the region")?;
            ended(&pair.active)?;
            ended(&pair.passive)?;
            untouched(run, &local, 0)
        })?;
    }
    // Registrations.
    each(job, |run, pair| {
        let end = &pair.active;
        let witness = Witness::new(job, &pair)?;
        let (mr, buffer) = (end.pd.mr()?, Buffer::new(PAGE)?);
        for length in [PAGE + 1, LONG, LONG + 1, usize::MAX, usize::MAX - 1] {
            // SAFETY: a registration that fails keeps nothing.
            let answer = unsafe { mr.register(buffer.mdl(), length, LOCAL) }?.wait()?;
            run.check(answer.status < 0, "MR-12, MR-13 more than the chain holds, or than a region may have")?;
            run.equal(mr.local_token(), 0u32, "MR-35 still no token")?;
        }
        let mut size = 64;
        let mut first_byte = 0;
        let list = Buffer::new(64)?;
        let lam: *mut NDK_LOGICAL_ADDRESS_MAPPING = list.address().as_ptr().cast();
        for length in [PAGE + 1, LONG, usize::MAX] {
            let status = call!(
                end.adapter.raw(),
                NdkBuildLAM,
                buffer.mdl(),
                length as SIZE_T,
                Some(crate::ndk::request::on_request),
                core::ptr::null_mut(),
                lam,
                &mut size,
                &mut first_byte
            );
            run.check(status < 0, "LAM more than the chain holds")?;
        }
        witness.well()
    })
}

fn neg_15(job: &Job) -> Result {
    for (room, length) in [(0, 1), (63, 64), (1, PAGE), (PAGE - 1, PAGE), (100, 64 * PAGE)] {
        beside(job, |run, pair| {
            let from = Region::new(&pair.active.pd, length, 0)?;
            from.buffer().fill(0, length, 0x77);
            let into = Region::new(&pair.passive.pd, length + PAGE, LOCAL)?;
            let halves = [into.sge(0, room / 2), into.sge(room / 2, room - room / 2)];
            receive(&pair.passive, 1, &halves)?;
            receive(&pair.passive, 2, &[])?;
            // Deferred, so that the second is in the queue when the first fails.
            send(&pair.active, 3, &[from.sge(0, length)], NDK_OP_FLAG_DEFER)?;
            send(&pair.active, 4, &[], 0)?;
            pair.passive.received.expect(1, STATUS_BUFFER_OVERFLOW, "SND-04 the receive is too short")?;
            pair.passive.received.expect(2, STATUS_CANCELLED, "WR-29 the next is cancelled")?;
            let result = pair.active.initiated.next()?;
            let known = [STATUS_REMOTE_RESOURCES, STATUS_CANCELLED].contains(&result.Status);
            run.check(known, "SND-04 the send fails or is cancelled")?;
            pair.active.initiated.expect(4, STATUS_CANCELLED, "WR-29 the next is cancelled")?;
            ended(&pair.active)?;
            ended(&pair.passive)?;
            only(run, into.buffer(), room, length + PAGE - room, 0, "SND-04 no byte beyond the receive")
        })?;
    }
    Ok(())
}

fn neg_16(job: &Job) -> Result {
    each(job, |run, pair| {
        let witness = Witness::new(job, &pair)?;
        let from = Region::new(&pair.active.pd, PAGE, 0)?;
        for context in 0..8 {
            send(&pair.active, context, &[from.sge(0, PAGE)], 0)?;
        }
        for _ in 0..8 {
            witness.well()?;
            time::sleep(2);
        }
        nothing_in(&pair.active.initiated, "RCV-08 they wait")?;
        // Half of them get a receive; the rest is given up by the sender.
        let into = Region::new(&pair.passive.pd, PAGE, LOCAL)?;
        for context in 0..4 {
            receive(&pair.passive, context, &[into.sge(0, PAGE)])?;
        }
        for context in 0..4 {
            received(&pair.passive, context, PAGE)?;
            done(&pair.active, context)?;
        }
        pair.active.qp.flush();
        for context in 4..8 {
            pair.active.initiated.expect(context, STATUS_CANCELLED, "FLUSH-01 the rest is cancelled")?;
        }
        run.check(true, "RCV-08 held back")?;
        witness.well()
    })
}

fn neg_17(job: &Job) -> Result {
    let options = PairOptions {
        qp: QpOptions { receive_depth: 5, initiator_depth: 3, ..QpOptions::default() },
        ..PairOptions::default()
    };
    beside_with(job, &options, |run, pair| {
        let (active, passive) = (&pair.active, &pair.passive);
        let what = "WR-16 more than the depth is refused";
        for _ in 0..4 {
            // No receive waits: the sends stay in their queue.
            for context in 0..3 {
                send(active, context, &[], 0)?;
            }
            for _ in 0..3 {
                run.status(active.qp.send(9, &[], 0), STATUS_NO_MORE_ENTRIES, what)?;
                run.status(active.qp.write(9, &nothing(), 0, 0, 0), STATUS_NO_MORE_ENTRIES, what)?;
                run.status(active.qp.read(9, &nothing(), 0, 0, 0), STATUS_NO_MORE_ENTRIES, what)?;
            }
            for context in 0..3 {
                receive(passive, context, &[])?;
            }
            for context in 0..3 {
                done(active, context)?;
                received(passive, context, 0)?;
            }
            for context in 0..5 {
                receive(passive, context, &[])?;
            }
            for _ in 0..3 {
                run.status(passive.qp.receive(9, &[]), STATUS_NO_MORE_ENTRIES, what)?;
            }
            for context in 0..5 {
                send(active, context, &[], 0)?;
                done(active, context)?;
                received(passive, context, 0)?;
            }
        }
        nothing_in(&active.initiated, "WR-03 what was refused completes nothing")?;
        nothing_in(&passive.received, "WR-03 what was refused completes nothing")
    })
}

fn neg_18(job: &Job) -> Result {
    const DEPTH: u32 = 4;
    each(job, |run, pair| {
        let witness = Witness::new(job, &pair)?;
        let (near, far) = (&pair.active, &pair.passive);
        // Two QPs share the queue that overflows.
        let shared = near.adapter.cq(DEPTH)?;
        let cqs = [near.adapter.cq(64)?, far.adapter.cq(64)?];
        let [receives, theirs] = &cqs;
        let options = QpOptions::default();
        let one = near.pd.create_qp(receives, &shared, &options)?.ok("QP-01 NdkCreateQp")?;
        let two = near.pd.create_qp(receives, &shared, &options)?.ok("QP-01 NdkCreateQp")?;
        let (peer_one, peer_two) = (far.pd.qp(theirs)?, far.pd.qp(theirs)?);
        let links = [
            super::stage::join(job, (&near.adapter, &one), (&far.adapter, &peer_one))?,
            super::stage::join(job, (&near.adapter, &two), (&far.adapter, &peer_two))?,
        ];
        for context in 0..=DEPTH as usize {
            run.ok(one.write(context, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
        }
        for link in &links {
            link.active.wait_for_disconnect()?;
            link.passive.wait_for_disconnect()?;
        }
        for qp in [&one, &two] {
            run.status(qp.send(1, &[], 0), STATUS_CONNECTION_INVALID, "CQ-35 both QPs are unusable")?;
        }
        let mut results = [NDK_RESULT_EX::default(); 2];
        run.equal(shared.poll_ex(&mut results), 0usize, "CQ-33 nothing is reported any more")?;
        shared.arm(NDK_CQ_NOTIFY_ANY);
        shared.wait_for_notification()?;
        run.status(shared.notified_status(), STATUS_BUFFER_OVERFLOW, "CQ-33 the failure is told")?;
        witness.well()
    })
}
