//! `LIFE-33` to `LIFE-40`: what a close does to connections, requests and memory.

use super::{
    bed::{Bed, Half, Link, accept, call, complete, connect, disconnect, done, each_place, poll},
    probe::{LULL, probe},
};
use crate::{
    kernel::{Buffer, time},
    ndk::{QpOptions, Region, sge},
    run::Result,
    workload::Job,
};
use core::ptr;
use ndkpi_sys::*;

contract! {
    "LIFE-33" life_33, "closing a QP flushes it before the close completes";
    "LIFE-34" life_34, "results of a closed QP stay in the CQ with its context";
    "LIFE-35" life_35, "closing a connected connector ends the connection";
    "LIFE-36" life_36, "a connector can be closed in any state";
    "LIFE-37" life_37, "closing an MR deregisters it, closing an MW invalidates it";
    "LIFE-38" life_38, "after the close of an MR its memory is not touched";
    "LIFE-40" life_40, "closed objects make room for as many new ones";
}

fn life_33(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, gone, never) = (probe()?, probe()?, probe()?);
        let cancelled = |count: usize| {
            for _ in 0..count {
                let result = poll(passive.cq.raw());
                run.check(
                    result.is_some_and(|result| result.Status == STATUS_CANCELLED),
                    "a cancelled receive is in the CQ when the close is complete",
                )?;
            }
            run.check(poll(passive.cq.raw()).is_none(), "and no more")
        };
        let qp = passive.qp()?;
        for _ in 0..5 {
            run.ok(qp.receive(1, &[]), "NdkReceive")?;
        }
        qp.close()?;
        cancelled(5)?;
        let link = Link::new((passive, active), &came, &gone, &never)?;
        for _ in 0..3 {
            run.ok(link.passive_qp.receive(1, &[]), "NdkReceive")?;
        }
        let closing = link.passive_qp.start_close()?;
        link.passive.start_close()?.ok("LIFE-01 a close")?;
        closing.ok("LIFE-25 the QP's close ends")?;
        cancelled(3)
    })
}

fn life_34(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    let options = QpOptions { context: 0xABCD_0123, ..QpOptions::default() };
    for round in 1..=4 {
        let qp = bed.pd.create_qp(&bed.cq, &bed.cq, &options)?.ok("QP-01 NdkCreateQp")?;
        for _ in 0..round {
            job.run.ok(qp.receive(7, &[]), "NdkReceive")?;
        }
        qp.close()?;
        for _ in 0..round {
            let result = bed.cq.expect(7, STATUS_CANCELLED, "a result of the closed QP")?;
            job.run.equal(result.QPContext.addr(), 0xABCD_0123usize, "with the QP's context")?;
        }
    }
    Ok(())
}

fn life_35(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, gone, never) = (probe()?, probe()?, probe()?);
        let link = Link::new((passive, active), &came, &gone, &never)?;
        run.ok(link.active_qp.receive(5, &[]), "NdkReceive")?;
        link.active.start_close()?.ok("LIFE-01 a close")?;
        active.cq.expect(5, STATUS_CANCELLED, "the QP is flushed")?;
        run.status(link.active_qp.send(6, &[], 0), STATUS_CONNECTION_INVALID, "WR-13 no more requests")?;
        gone.wait(run, "CONN-72 the peer sees a disconnect")?;
        time::sleep(LULL);
        run.equal(never.calls(), 0u32, "no local disconnect event")
    })
}

fn life_36(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        active.create(NdkObjectTypeConnector)?.close()?;
        // 0 connecting and pending accept, 1 connect done and accepting, 2 rejected and failed.
        for state in 0..3 {
            for passive_first in [false, true] {
                let (came, gone, connecting, accepting) = (probe()?, probe()?, probe()?, probe()?);
                let half = Half::new((passive, active), &came, &connecting)?;
                let mut owed = false;
                if state == 1 {
                    let status = accept(half.passive.raw(), &half.passive_qp, &gone, &accepting);
                    owed = status == STATUS_PENDING;
                }
                if state == 2 {
                    let status = call!(half.passive.raw::<NDK_CONNECTOR>(), NdkReject, ptr::null_mut(), 0);
                    run.ok(status, "NdkReject")?;
                }
                if state != 0 {
                    connecting.wait(run, "CMP-19 the connect ends")?;
                }
                let order = if passive_first { [&half.passive, &half.active] } else { [&half.active, &half.passive] };
                for connector in order {
                    connector.start_close()?.ok("the close completes")?;
                }
                run.check(!owed || accepting.calls() == 1, "CMP-19 the accept has ended")?;
            }
        }
        // 0 connected, 1 disconnecting and peer gone, 2 completing.
        for state in 0..2 {
            for passive_first in [false, true] {
                let (came, gone, never, leaving) = (probe()?, probe()?, probe()?, probe()?);
                let link = Link::new((passive, active), &came, &gone, &never)?;
                if state == 1 {
                    let status = disconnect(link.active.raw(), &leaving);
                    run.status(status, STATUS_PENDING, "CONN-61 the disconnect waits")?;
                    gone.wait(run, "CONN-72 the disconnect event")?;
                }
                let order = if passive_first { [&link.passive, &link.active] } else { [&link.active, &link.passive] };
                for connector in order {
                    connector.start_close()?.ok("the close completes")?;
                }
                run.equal(leaving.calls(), u32::from(state == 1), "CMP-19 the disconnect has ended")?;
            }
        }
        let (came, gone, never) = (probe()?, probe()?, probe()?);
        let (connecting, accepting, completing) = (probe()?, probe()?, probe()?);
        let half = Half::new((passive, active), &came, &connecting)?;
        let _ = accept(half.passive.raw(), &half.passive_qp, &gone, &accepting);
        connecting.wait(run, "CMP-19 the connect ends")?;
        let status = complete(half.active.raw(), &never, &completing);
        half.active.start_close()?.ok("the close completes")?;
        run.equal(completing.calls(), u32::from(status == STATUS_PENDING), "CMP-01 one callback if it pended")?;
        // A connect that failed at once.
        let (connector, qp) = (active.create(NdkObjectTypeConnector)?, active.qp()?);
        let nowhere = super::bed::foreign();
        let status = connect(connector.raw(), &qp, &nowhere, &nowhere, &connecting);
        run.status(status, STATUS_INVALID_ADDRESS, "CONN-06 a foreign address")?;
        connector.close()
    })
}

fn life_37(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        for windowed in [false, true] {
            let (came, gone, never) = (probe()?, probe()?, probe()?);
            let link = Link::new((passive, active), &came, &gone, &never)?;
            let local = Region::new(&active.pd, 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
            let remote = Region::new(&passive.pd, 64, NDK_MR_FLAG_ALLOW_REMOTE_READ)?;
            let window = passive.create(NdkObjectTypeMw)?;
            let (mut token, at) = (remote.remote_token(), remote.remote(0));
            let raw: *mut NDK_MW = window.raw();
            if windowed {
                let base = remote.buffer().address().as_ptr().cast();
                let right = NDK_OP_FLAG_ALLOW_REMOTE_READ;
                let (mr, none) = (remote.mr().raw(), ptr::null_mut());
                run.ok(call!(link.passive_qp.raw(), NdkBind, none, mr, raw, base, 64, right), "NdkBind")?;
                passive.cq.expect(0, STATUS_SUCCESS, "the bind")?;
                // SAFETY: the window is open.
                let get = unsafe { (*(*raw).Dispatch).NdkGetRemoteTokenFromMw };
                // SAFETY: as above.
                token = get.map_or(0, |get| unsafe { get(raw) });
            }
            let entry = [local.sge(0, 64)];
            run.ok(link.active_qp.read(1, &entry, at, token, 0), "NdkRead")?;
            active.cq.expect(1, STATUS_SUCCESS, "the token is alive")?;
            if windowed {
                window.close()?;
            } else {
                drop(remote);
            }
            run.ok(link.active_qp.read(2, &entry, at, token, 0), "NdkRead")?;
            active.cq.expect(2, STATUS_REMOTE_RESOURCES, "the token is dead")?;
        }
        Ok(())
    })
}

fn life_38(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let memory = Buffer::new(64)?;
        let at = memory.address().addr().get();
        for sends in [false, true] {
            let (came, gone, never) = (probe()?, probe()?, probe()?);
            let link = Link::new((passive, active), &came, &gone, &never)?;
            let local = Region::new(&active.pd, 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
            let region = passive.pd.mr()?;
            // SAFETY: the memory outlives the region.
            unsafe { region.register(memory.mdl(), 64, NDK_MR_FLAG_ALLOW_REMOTE_WRITE) }?.ok("NdkRegisterMr")?;
            let (token, remote) = (region.local_token(), region.remote_token());
            run.ok(link.passive_qp.receive(1, &[sge(at, 64, token)]), "NdkReceive")?;
            region.close()?;
            memory.fill(0, 64, 0x11);
            local.buffer().fill(0, 64, 0xEE);
            let entry = [local.sge(0, 64)];
            if sends {
                run.ok(link.active_qp.send(2, &entry, 0), "NdkSend")?;
                passive.cq.expect(1, STATUS_ACCESS_VIOLATION, "RCV-07 the receive has no region")?;
            } else {
                run.ok(link.active_qp.write(2, &entry, at as u64, remote, 0), "NdkWrite")?;
            }
            gone.wait(run, "WR-29 the connection ends")?;
            let mut bytes = [0; 64];
            memory.read(0, &mut bytes);
            run.check(bytes == [0x11; 64], "no byte is written after the close")?;
            drop(link);
            while poll(passive.cq.raw()).is_some() || poll(active.cq.raw()).is_some() {}
        }
        Ok(())
    })
}

fn life_40(job: &Job) -> Result {
    const MANY: usize = 5000;
    let bed = Bed::new(job)?;
    let mut before = None;
    for _ in 0..2 {
        let mut queues = crate::kernel::List::new();
        while queues.len() < MANY {
            let (created, mut inline) = (probe()?, ptr::null_mut());
            let status = bed.create_raw(NdkObjectTypeSrq, created.create(), created.context(), &mut inline);
            if status == STATUS_INSUFFICIENT_RESOURCES {
                break;
            }
            done(job.run, status, &created, "SRQ-01 NdkCreateSrq")?;
            let object = if status == STATUS_SUCCESS { inline } else { created.object() };
            queues.try_push(super::bed::Any::adopt(job.run, object)?)?;
        }
        let count = queues.len();
        queues.clear();
        job.run.check(count != 0, "there is room")?;
        job.run.equal(count as u64, before.unwrap_or(count) as u64, "as many as before fit again")?;
        before = Some(count);
    }
    Ok(())
}
