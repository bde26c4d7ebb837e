//! `CMP-10` to `CMP-19`: what may happen inside completion callbacks, and that every request ends.

use super::{
    bed::{Any, Bed, Half, KINDS, Link, accept, call, close_raw, complete, disconnect, done, each_place, foreign},
    probe::{LULL, Probe, Seen, hooked, linger, probe},
};
use crate::{
    kernel::{Buffer, time},
    ndk::{Limits, Region},
    run::Result,
    workload::Job,
};
use core::{
    ptr,
    sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering::SeqCst},
};
use ndkpi_sys::*;

contract! {
    "CMP-10" cmp_10, "an object may be closed in the completion of its request";
    "CMP-11" cmp_11, "a close inside a completion callback neither hangs nor fails";
    "CMP-12" cmp_12, "no lock is held while a callback runs";
    "CMP-13" cmp_13, "a new object is usable, and can be closed, in its create completion";
    "CMP-14" cmp_14, "several requests are out on one object";
    "CMP-15" cmp_15, "callbacks that were left NULL are not called";
    "CMP-16" cmp_16, "inputs may be reused when the function has returned";
    "CMP-17" cmp_17, "outputs of a request are written before it completes";
    "CMP-18" cmp_18, "a failed request leaves the object usable";
    "CMP-19" cmp_19, "every pending request ends when its counterpart goes away";
}

fn cmp_10(job: &Job) -> Result {
    each_place(job, |passive, active| {
        for _ in 0..8 {
            let (came, closed, inline) = (probe()?, probe()?, AtomicI32::new(-1));
            let connector = AtomicPtr::new(ptr::null_mut());
            let connecting = hooked(|_| {
                let status = close_raw(connector.load(SeqCst), closed.close(), closed.context());
                inline.store(status, SeqCst);
            })?;
            // The connector is closed by its callback alone, after a reject.
            let half = Half::new((passive, active), &came, &connecting)?;
            connector.store(half.active.header(), SeqCst);
            half.active.disown();
            half.passive.start_close()?.ok("LIFE-01 a close")?;
            connecting.wait(passive.run(), "CMP-19 the connect ends")?;
            done(passive.run(), inline.load(SeqCst), &closed, "the close in the callback")?;
        }
        Ok(())
    })
}

fn cmp_11(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        for which in 0..3 {
            let (came, gone, never, connecting) = (probe()?, probe()?, probe()?, probe()?);
            let (closed, inline) = (probe()?, AtomicI32::new(-1));
            let object = AtomicPtr::new(ptr::null_mut());
            let closing = hooked(|_| {
                let status = close_raw(object.load(SeqCst), closed.close(), closed.context());
                inline.store(status, SeqCst);
            })?;
            let plain = probe()?;
            let half = Half::new((passive, active), &came, &connecting)?;
            // Accept, complete-connect and disconnect take turns in closing their connector.
            let (p, a) = (half.passive.raw(), half.active.raw());
            let last = if which == 0 { &half.passive } else { &half.active };
            object.store(last.header(), SeqCst);
            let accepted = match which {
                0 => {
                    half.passive.disown();
                    accept(p, &half.passive_qp, &gone, &closing)
                }
                _ => accept(p, &half.passive_qp, &gone, &plain),
            };
            run.status(accepted, STATUS_PENDING, "CONN-32 the accept waits")?;
            connecting.wait(run, "CMP-19 the connect ends")?;
            let finish = probe()?;
            if which == 1 {
                half.active.disown();
            }
            let completed = match which {
                1 => complete(a, &never, &closing),
                _ => complete(a, &never, &finish),
            };
            if which == 1 && completed != STATUS_PENDING {
                // Done at once, so there is no callback to close in.
                run.ok(completed, "CONN-21 NdkCompleteConnect")?;
                run.ok(half.active.start_close()?.wait()?.status, "LIFE-01 a close")?;
                continue;
            }
            if which != 1 {
                done(run, completed, &finish, "CONN-21 NdkCompleteConnect")?;
            }
            if which == 2 {
                plain.wait(run, "CONN-32 the accept ends")?;
                half.active.disown();
                let left = disconnect(a, &closing);
                run.status(left, STATUS_PENDING, "CONN-61 the disconnect waits for the peer")?;
                gone.wait(run, "CONN-72 the peer's disconnect event")?;
                half.passive.start_close()?.ok("LIFE-01 a close")?;
            }
            closing.wait(run, "CMP-19 the request ends")?;
            done(run, inline.load(SeqCst), &closed, "the close in the callback")?;
        }
        Ok(())
    })
}

/// Creates and closes what takes the provider's locks; true if all went well.
fn busy(bed: &Bed, spare: &Probe<fn(&Seen)>) -> bool {
    for kind in KINDS {
        let mut object = ptr::null_mut();
        let status = bed.create_raw(kind, spare.create(), spare.context(), &mut object);
        if status != STATUS_SUCCESS {
            return false;
        }
        let status = close_raw(object, spare.close(), spare.context());
        if status != STATUS_SUCCESS && status != STATUS_PENDING {
            return false;
        }
    }
    true
}

fn cmp_12(job: &Job) -> Result {
    let spare = probe()?;
    each_place(job, |passive, active| {
        let run = passive.run();
        let good = AtomicU32::new(0);
        let work = || {
            good.fetch_add(u32::from(busy(passive, &spare) && busy(active, &spare)), SeqCst);
        };
        let hook = |_: &Seen| work();
        let (came, gone, never) = (hooked(hook)?, hooked(hook)?, probe()?);
        let requests = [hooked(hook)?, hooked(hook)?, hooked(hook)?];
        let link = Link::with((passive, active), &came, &gone, &never, &requests)?;
        let leaving = hooked(hook)?;
        let status = disconnect(link.active.raw(), &leaving);
        gone.wait(run, "CONN-72 the peer's disconnect event")?;
        link.passive.start_close()?.ok("LIFE-01 a close")?;
        if status == STATUS_PENDING {
            leaving.wait(run, "CMP-19 the disconnect ends")?;
        }
        let pended = link.inline.iter().filter(|status| **status == STATUS_PENDING).count();
        let wanted = 2 + pended + usize::from(status == STATUS_PENDING);
        run.equal(good.load(SeqCst), wanted as u64, "every callback could use both adapters")
    })
}

fn cmp_13(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    for kind in KINDS {
        let (closed, inline) = (probe()?, AtomicI32::new(-1));
        let created = hooked(|seen| {
            inline.store(close_raw(seen.object(), closed.close(), closed.context()), SeqCst);
        })?;
        let mut object = ptr::null_mut();
        let status = bed.create_raw(kind, created.create(), created.context(), &mut object);
        if status == STATUS_PENDING {
            created.wait(job.run, "CMP-19 a pending create ends")?;
        } else {
            // The same moment for a create that does not pend.
            job.run.ok(status, "the create succeeds")?;
            inline.store(close_raw(object, closed.close(), closed.context()), SeqCst);
        }
        done(job.run, inline.load(SeqCst), &closed, "the object is closed at once")?;
    }
    Ok(())
}

fn cmp_14(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, gone, never) = (probe()?, probe()?, probe()?);
        let (closed, leaving) = (probe()?, hooked(|_| linger(200))?);
        let link = Link::new((passive, active), &came, &gone, &never)?;
        let first = disconnect(link.active.raw(), &leaving);
        run.status(first, STATUS_PENDING, "CONN-61 the disconnect waits for the peer")?;
        // The second request on the connector, without waiting for the first.
        let second = link.active.close_with(&closed);
        run.status(second, STATUS_PENDING, "LIFE-07 the close waits for the disconnect")?;
        closed.wait(run, "CMP-19 the close ends")?;
        run.equal(leaving.calls(), 1u32, "the disconnect has ended too")?;
        run.check(leaving.ended() < closed.began(), "LIFE-07 before the close")
    })
}

fn cmp_15(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, connecting, accepting, completing) = (probe()?, probe()?, probe()?, probe()?);
        let half = Half::new((passive, active), &came, &connecting)?;
        let none = ptr::null_mut();
        let odd = ptr::without_provenance_mut(0x77);
        let status = call!(
            half.passive.raw::<NDK_CONNECTOR>(),
            NdkAccept,
            half.passive_qp.raw(),
            1,
            1,
            none,
            0,
            None,
            odd,
            accepting.request(),
            accepting.context()
        );
        connecting.wait(run, "CONN-04 NdkConnect")?;
        let completed = call!(
            half.active.raw::<NDK_CONNECTOR>(),
            NdkCompleteConnect,
            None,
            odd,
            completing.request(),
            completing.context()
        );
        done(run, completed, &completing, "CONN-26 NdkCompleteConnect without an event")?;
        done(run, status, &accepting, "CONN-38 NdkAccept without an event")?;
        half.active.start_close()?.ok("LIFE-01 a close")?;
        let (created, mut srq) = (probe()?, ptr::null_mut());
        let status = call!(
            passive.pd.raw(),
            NdkCreateSrq,
            8,
            1,
            4,
            None,
            odd,
            ptr::null_mut(),
            created.create(),
            created.context(),
            &mut srq
        );
        done(run, status, &created, "SRQ-06 an SRQ without a notification")?;
        let srq = Any::adopt(run, if status == STATUS_SUCCESS { srq } else { created.object() })?;
        let modified = probe()?;
        let status = call!(srq.raw::<NDK_SRQ>(), NdkModifySrq, 0, 4, modified.request(), modified.context());
        done(run, status, &modified, "SRQ-24 NdkModifySrq")?;
        // What would be called by mistake faults.
        time::sleep(LULL);
        srq.close()
    })
}

fn cmp_16(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, connecting) = (probe()?, probe()?);
        let (_listener, address) = passive.listener(&came)?;
        let (connector, qp) = (active.create(NdkObjectTypeConnector)?, active.qp()?);
        let (mut from, mut to, mut private) = (active.address, address, [7u8, 8, 9]);
        let (source, destination) = (from.length(), to.length());
        let status = call!(
            connector.raw::<NDK_CONNECTOR>(),
            NdkConnect,
            qp.raw(),
            from.as_ptr(),
            source,
            to.as_ptr(),
            destination,
            1,
            1,
            private.as_mut_ptr().cast(),
            3,
            connecting.request(),
            connecting.context()
        );
        (from, to, private) = (foreign(), foreign(), [0xEE; 3]);
        core::hint::black_box((&from, &to, &private));
        run.status(status, STATUS_PENDING, "CONN-04 the connect waits")?;
        came.wait(run, "LSN-11 the request arrives")?;
        let delivered = Any::adopt(run, came.object::<NDK_CONNECTOR>())?;
        let (mut data, mut length) = ([0u8; 64], 64);
        let status = call!(
            delivered.raw::<NDK_CONNECTOR>(),
            NdkGetConnectionData,
            ptr::null_mut(),
            ptr::null_mut(),
            data.as_mut_ptr().cast(),
            &mut length
        );
        run.ok(status, "CONN-49 NdkGetConnectionData")?;
        run.check(data.starts_with(&[7, 8, 9]), "the data as it was at the call")?;
        delivered.close()?;
        connecting.wait(run, "CMP-19 the connect ends")?;
        // A list of entries, overwritten while its receive waits.
        let (gone, never) = (probe()?, probe()?);
        let link = Link::new((passive, active), &came, &gone, &never)?;
        let flags = NDK_MR_FLAG_ALLOW_LOCAL_WRITE;
        let (local, sink) = (Region::new(&active.pd, 8, flags)?, Region::new(&passive.pd, 8, flags)?);
        local.buffer().fill(0, 8, 0x3C);
        let mut list = [sink.sge(0, 8)];
        run.ok(link.passive_qp.receive(1, &list), "NdkReceive")?;
        list = [sink.sge(4, 1)];
        core::hint::black_box(&list);
        run.ok(link.active_qp.send(2, &[local.sge(0, 8)], 0), "NdkSend")?;
        active.cq.expect(2, STATUS_SUCCESS, "the send")?;
        let result = passive.cq.expect(1, STATUS_SUCCESS, "the receive")?;
        run.equal(result.BytesTransferred, 8u32, "the list as it was at the call")
    })
}

fn cmp_17(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    let buffer = Buffer::new(3 * PAGE_SIZE as usize)?;
    let (mut room, mut size, mut offset) = ([0u64; 8], 64, ULONG::MAX);
    let built = probe()?;
    let mapping: *mut NDK_LOGICAL_ADDRESS_MAPPING = room.as_mut_ptr().cast();
    let status = call!(
        bed.adapter.raw(),
        NdkBuildLAM,
        buffer.mdl(),
        buffer.len(),
        built.request(),
        built.context(),
        mapping,
        &mut size,
        &mut offset
    );
    done(job.run, status, &built, "LAM-01 NdkBuildLAM")?;
    // SAFETY: the mapping was built into the room, which has place for it.
    let pages = unsafe { (*mapping).AdapterPageCount };
    let start = buffer.address().addr().get() % PAGE_SIZE as usize;
    let wanted = (start + buffer.len()).div_ceil(PAGE_SIZE as usize);
    let outputs = [(u64::from(pages), wanted as u64), (u64::from(size), 16 + 8 * wanted as u64)];
    // SAFETY: the adapter is open and the mapping is its own.
    let released = unsafe { (*(*bed.adapter.raw()).Dispatch).NdkReleaseLAM }.map(|release| unsafe {
        release(bed.adapter.raw(), mapping);
    });
    job.run.check(released.is_some(), "VER-08 no entry of a table is NULL")?;
    for (seen, wanted) in outputs {
        job.run.equal(seen, wanted, "the output is written")?;
    }
    job.run.equal(offset, start as u64, "the offset is written")
}

fn cmp_18(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    let run = job.run;
    let asked = probe()?;
    let (request, context) = (asked.request(), asked.context());
    let resized = call!(bed.cq.raw(), NdkResizeCq, 0, request, context);
    run.status(resized, STATUS_INVALID_PARAMETER, "CQ-53 depth 0")?;
    let resized = call!(bed.cq.raw(), NdkResizeCq, 100, request, context);
    done(run, resized, &asked, "NdkResizeCq after a failure")?;
    let listener = bed.adapter.listener()?;
    listener.listen(&foreign())?.wait()?.is(run, STATUS_INVALID_ADDRESS, "LSN-04 a foreign address")?;
    listener.listen(&bed.address)?.ok("NdkListen after a failure")?;
    let buffer = Buffer::new(64)?;
    let region = bed.pd.mr()?;
    // SAFETY: the buffer is declared before the region, so it drops after it.
    let failed = unsafe { region.register(buffer.mdl(), 65, 0) }?.wait()?;
    failed.is(run, STATUS_INVALID_PARAMETER, "MR-12 more than the chain holds")?;
    // SAFETY: as above.
    unsafe { region.register(buffer.mdl(), 64, 0) }?.ok("NdkRegisterMr after a failure")?;
    let qp = bed.qp()?;
    run.status(qp.send(1, &[], 0), STATUS_CONNECTION_INVALID, "WR-10 not connected")?;
    run.ok(qp.receive(2, &[]), "NdkReceive after a failure")?;
    let (_, destination) = listener.local_address();
    let connector = bed.adapter.connector()?;
    connector.connect(&qp, &foreign(), &destination, Limits::default(), &[])?.wait()?.is(
        run,
        STATUS_INVALID_ADDRESS,
        "CONN-06 a foreign address",
    )?;
    let again = connector.connect(&qp, &bed.address, &destination, Limits::default(), &[])?;
    run.status(again.inline(), STATUS_PENDING, "NdkConnect after a failure")?;
    listener.next()?.close()?;
    again.wait()?.is(run, STATUS_CONNECTION_REFUSED, "CONN-45 refused by a close")
}

fn cmp_19(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, connecting, accepting, gone) = (probe()?, probe()?, probe()?, probe()?);
        // A connect, when the passive connector goes.
        let half = Half::new((passive, active), &came, &connecting)?;
        half.passive.start_close()?.ok("LIFE-01 a close")?;
        connecting.wait(run, "the connect ends")?;
        drop(half);
        // An accept, when the active connector goes.
        let half = Half::new((passive, active), &came, &connecting)?;
        let status = accept(half.passive.raw(), &half.passive_qp, &gone, &accepting);
        run.status(status, STATUS_PENDING, "CONN-32 the accept waits")?;
        half.active.start_close()?.ok("LIFE-01 a close")?;
        accepting.wait(run, "the accept ends")?;
        drop(half);
        // A disconnect, when the peer's connector goes.
        let (came, gone, never, leaving) = (probe()?, probe()?, probe()?, probe()?);
        let link = Link::new((passive, active), &came, &gone, &never)?;
        let status = disconnect(link.active.raw(), &leaving);
        link.passive.start_close()?.ok("LIFE-01 a close")?;
        if status == STATUS_PENDING {
            leaving.wait(run, "the disconnect ends")?;
        }
        run.check(leaving.calls() <= 1, "CMP-01 once")
    })
}
