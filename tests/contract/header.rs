//! `HDR-*`: what stands in front of every object, and that the provider needs none of it afterwards.

use super::{
    bed::{Any, Bed, KINDS, Link, call, connect, done, each_place},
    probe::{hooked, probe},
};
use crate::{
    kernel::irql,
    ndk::{Adapter, Pair, PairOptions, Region},
    run::{Failure, Result, Run},
    workload::Job,
};
use core::{
    ffi::c_void,
    mem::{offset_of, size_of},
    ptr,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst},
};
use ndkpi_sys::*;

contract! {
    "HDR-01" hdr_01, "an object is 48 bytes: the header at 0, the dispatch pointer at 40";
    "HDR-02" hdr_02, "the object type matches the object";
    "HDR-03" hdr_03, "the version is that of the adapter when the object is handed out";
    "HDR-05" hdr_05, "NdkReserved stays as it was through every operation and the pending close";
    "HDR-07" hdr_07, "Dispatch is set before a create completion and a connect event";
    "HDR-08" hdr_08, "after the object was handed out the provider does not follow Dispatch";
    "HDR-09" hdr_09, "all objects of a type share one table, which does not change";
    "HDR-10" hdr_10, "objects are aligned and readable at DISPATCH_LEVEL until the close completes";
    "HDR-11" hdr_11, "the object pointer alone leads to the provider's state";
    "HDR-12" hdr_12, "tables begin with close and NdkQueryExtension, the adapter's with the latter";
    "HDR-13" hdr_13, "an unknown extension is refused by all ten types";
}

/// An object as a consumer sees it, without the names of its kind.
#[repr(C)]
struct Face {
    header: NDK_OBJECT_HEADER,
    dispatch: *const c_void,
}

const NOWHERE: usize = 0xFFFF_FFFF_FFFF_FF01;

fn face(header: *mut NDK_OBJECT_HEADER) -> Face {
    // SAFETY: every object is 48 bytes and open.
    unsafe { header.cast::<Face>().read() }
}

fn reserved(header: *mut NDK_OBJECT_HEADER) -> [usize; 4] {
    face(header).header.NdkReserved.rf.map(|pointer| pointer.addr())
}

fn redirect(header: *mut NDK_OBJECT_HEADER, table: *const c_void) {
    // SAFETY: the pointer is the consumer's to replace.
    unsafe { (*header.cast::<Face>()).dispatch = table };
}

/// Hands every kind of object to a test: the adapter, nine that are created, and a delivered connector.
fn each_object(job: &Job, test: impl Fn(&Bed, NDK_OBJECT_TYPE, *mut NDK_OBJECT_HEADER) -> Result) -> Result {
    let bed = Bed::new(job)?;
    test(&bed, NdkObjectTypeAdapter, bed.adapter.raw().cast())?;
    for kind in KINDS {
        let object = bed.create(kind)?;
        test(&bed, kind, object.header())?;
    }
    with_delivered(&bed, |connector| test(&bed, NdkObjectTypeConnector, connector.header()))
}

/// Lets a connect event deliver a connector, which is closed again.
fn with_delivered(bed: &Bed, test: impl FnOnce(&Any) -> Result) -> Result {
    let (came, connecting) = (probe()?, probe()?);
    let (_listener, address) = bed.listener(&came)?;
    let qp = bed.qp()?;
    let active = bed.create(NdkObjectTypeConnector)?;
    let status = connect(active.raw(), &qp, &bed.address, &address, &connecting);
    came.wait(bed.run(), "LSN-11 a connect event")?;
    let delivered = Any::adopt(bed.run(), came.object::<NDK_CONNECTOR>())?;
    let tested = test(&delivered);
    delivered.close()?;
    if status == STATUS_PENDING {
        connecting.wait(bed.run(), "CMP-19 a pending request ends")?;
    }
    tested
}

fn hdr_01(job: &Job) -> Result {
    job.run.equal(size_of::<NDK_CQ>(), 48usize, "an object has 48 bytes")?;
    job.run.equal(offset_of!(NDK_CQ, Dispatch), 40usize, "the table is at 40")?;
    each_object(job, |bed, kind, header| {
        let words = header.cast::<u64>();
        // SAFETY: 48 bytes of the open object.
        let (first, last) = unsafe { (words.read(), words.add(5).read()) };
        bed.run().equal(first >> 32, kind.cast_unsigned(), "the type is at 4")?;
        bed.run().equal(last, face(header).dispatch.addr(), "the table is at 40")?;
        bed.run().check(last != 0, "there is a table")
    })
}

fn hdr_02(job: &Job) -> Result {
    each_object(job, |bed, kind, header| {
        bed.run().equal(face(header).header.ObjectType.cast_unsigned(), kind.cast_unsigned(), "the type of the object")
    })
}

fn hdr_03(job: &Job) -> Result {
    let [target, _] = &job.run.request.adapters;
    for (major, highest) in [(1, 2), (2, 1)] {
        let asked = NDK_VERSION { Major: major, Minor: 0 };
        let (status, adapter) = Adapter::try_open(job.run, job.provider, target, asked)?;
        let bed = Bed::on(adapter.ok_or_else(|| Failure::new("VER-01 an open", status))?, target)?;
        let right = |header| {
            let found = face(header).header.Version;
            job.run.check(found.Major == major && found.Minor == highest, "the version of the adapter")
        };
        right(bed.adapter.raw().cast())?;
        for kind in KINDS {
            right(bed.create(kind)?.header())?;
        }
        with_delivered(&bed, |connector| right(connector.header()))?;
    }
    Ok(())
}

fn objects_of(pair: &Pair) -> [*mut NDK_OBJECT_HEADER; 7] {
    [
        pair.active.connector.header(),
        pair.active.qp.header(),
        pair.active.initiated.header(),
        pair.active.pd.header(),
        pair.passive.connector.header(),
        pair.passive.qp.header(),
        pair.listener.header(),
    ]
}

fn traffic(run: &Run, pair: &Pair) -> Result {
    let flags = NDK_MR_FLAG_ALLOW_LOCAL_WRITE | NDK_MR_FLAG_ALLOW_REMOTE_READ;
    let (from, to) = (Region::new(&pair.active.pd, 64, flags)?, Region::new(&pair.passive.pd, 64, flags)?);
    from.buffer().fill(0, 64, 0x5A);
    run.ok(pair.passive.qp.receive(1, &[to.sge(0, 64)]), "NdkReceive")?;
    run.ok(pair.active.qp.send(2, &[from.sge(0, 64)], 0), "NdkSend")?;
    pair.passive.received.expect(1, STATUS_SUCCESS, "the receive")?;
    pair.active.initiated.expect(2, STATUS_SUCCESS, "the send")?;
    let status = pair.active.qp.read(3, &[from.sge(0, 64)], to.remote(0), to.remote_token(), 0);
    run.ok(status, "NdkRead")?;
    pair.active.initiated.expect(3, STATUS_SUCCESS, "the read").map(|_| ())
}

fn hdr_05(job: &Job) -> Result {
    let Some(pair) = Pair::connect(job.run, job.provider, &PairOptions::default())? else {
        return Err(Failure::new("an adapter with an address", 0));
    };
    // The block is the system's, which may stand between consumer and provider: it is looked at only.
    let objects = objects_of(&pair);
    let before = objects.map(reserved);
    traffic(job.run, &pair)?;
    let leaving = pair.active.connector.disconnect()?;
    pair.passive.connector.wait_for_disconnect()?;
    pair.passive.connector.disconnect()?.ok("CONN-68 the second disconnect")?;
    leaving.ok("CONN-61 NdkDisconnect")?;
    // The closes are pending, since connector and QP stand above.
    let closing = [pair.active.qp.start_close()?, pair.active.pd.start_close()?];
    job.run.check(closing.iter().all(|close| !close.is_complete()), "LIFE-10 the closes pend")?;
    job.run.check(objects.map(reserved) == before, "the block is as it was")?;
    drop(pair);
    for close in closing {
        close.ok("LIFE-10 the closes end")?;
    }
    Ok(())
}

fn hdr_07(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    for kind in KINDS {
        let table = AtomicUsize::new(0);
        let created = hooked(|seen| {
            let object: *mut NDK_OBJECT_HEADER = seen.object();
            if !object.is_null() {
                table.store(face(object).dispatch.addr(), SeqCst);
            }
        })?;
        let mut inline = ptr::null_mut();
        let status = bed.create_raw(kind, created.create(), created.context(), &mut inline);
        if status == STATUS_SUCCESS {
            job.run.check(!inline.is_null(), "CMP-06 an object")?;
            table.store(face(inline).dispatch.addr(), SeqCst);
        } else {
            done(job.run, status, &created, "the create")?;
            inline = created.object();
        }
        let _object = Any::adopt(job.run, inline)?;
        job.run.check(table.load(SeqCst) != 0, "the table is there when the object is")?;
    }
    let (table, kind) = (AtomicUsize::new(0), AtomicU32::new(0));
    let (came, connecting) = (
        hooked(|seen| {
            let found = face(seen.object());
            table.store(found.dispatch.addr(), SeqCst);
            kind.store(found.header.ObjectType.cast_unsigned(), SeqCst);
        })?,
        probe()?,
    );
    let (_listener, address) = bed.listener(&came)?;
    let qp = bed.qp()?;
    let active = bed.create(NdkObjectTypeConnector)?;
    let status = connect(active.raw(), &qp, &bed.address, &address, &connecting);
    came.wait(job.run, "LSN-11 a connect event")?;
    drop(Any::adopt(job.run, came.object::<NDK_CONNECTOR>())?);
    if status == STATUS_PENDING {
        connecting.wait(job.run, "CMP-19 a pending request ends")?;
    }
    job.run.check(table.load(SeqCst) != 0, "the table is there in the connect event")?;
    job.run.equal(kind.load(SeqCst), NdkObjectTypeConnector.cast_unsigned(), "and it is a connector")
}

fn hdr_08(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, gone, leaving, closing) = (probe()?, probe()?, probe()?, probe()?);
        let link = Link::new((passive, active), &came, &gone, &gone)?;
        let qp_table = *link.active_qp.dispatch();
        let cq_table = *active.cq.dispatch();
        // SAFETY: the connector is open.
        let connector_table = unsafe { *(*link.active.raw::<NDK_CONNECTOR>()).Dispatch };
        let objects = [
            link.active.header(),
            link.passive.header(),
            link.active_qp.header(),
            link.passive_qp.header(),
            link.listener.header(),
            active.cq.header(),
            active.pd.header(),
            passive.cq.header(),
            passive.pd.header(),
            active.adapter.raw().cast(),
        ];
        let tables = objects.map(|header| face(header).dispatch);
        objects.into_iter().for_each(|header| redirect(header, ptr::without_provenance(NOWHERE)));
        let tried = (|| {
            let (Some(receive), Some(arm), Some(fetch), Some(flush), Some(disconnect), Some(data)) = (
                qp_table.NdkReceive,
                cq_table.NdkArmCq,
                cq_table.NdkGetCqResults,
                qp_table.NdkFlush,
                connector_table.NdkDisconnect,
                connector_table.NdkGetLocalAddress,
            ) else {
                return Err(Failure::new("VER-08 no entry of a table is NULL", 0));
            };
            let mut length = 0;
            let mut results = [NDK_RESULT::default(); 4];
            // SAFETY: saved entries with open objects of their kinds; the outputs are locals.
            unsafe {
                let status = data(link.active.raw(), ptr::null_mut(), &mut length);
                run.status(status, STATUS_BUFFER_TOO_SMALL, "ADR-04 the size of the address")?;
                arm(active.cq.raw(), NDK_CQ_NOTIFY_ANY);
                for qp in [&link.active_qp, &link.passive_qp] {
                    run.ok(receive(qp.raw(), ptr::null_mut(), ptr::null(), 0), "NdkReceive")?;
                }
                let first = disconnect(link.active.raw(), leaving.request(), leaving.context());
                gone.wait(run, "CONN-72 the peer's disconnect event")?;
                let last = disconnect(link.passive.raw(), closing.request(), closing.context());
                done(run, last, &closing, "CONN-68 the second disconnect")?;
                done(run, first, &leaving, "CONN-61 NdkDisconnect")?;
                active.cq.wait_for_notification()?;
                run.equal(fetch(active.cq.raw(), results.as_mut_ptr(), 4), 1u32, "the receive is there")?;
                flush(link.passive_qp.raw());
            }
            Ok(())
        })();
        for (header, table) in objects.into_iter().zip(tables) {
            redirect(header, table);
        }
        tried
    })
}

fn hdr_09(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    let other = Bed::new(job)?;
    for kind in KINDS {
        let (one, two, three) = (bed.create(kind)?, bed.create(kind)?, other.create(kind)?);
        let table = face(one.header()).dispatch;
        job.run.check(
            [two.header(), three.header()].iter().all(|header| face(*header).dispatch == table),
            "one table for all objects of the type",
        )?;
        // Close, NdkQueryExtension, and one more are in every table.
        // SAFETY: the table has at least three entries.
        let look = || unsafe { table.cast::<[usize; 3]>().read() };
        let before = irql::at_dispatch(look);
        two.close()?;
        let again = bed.create(kind)?;
        job.run.check(irql::at_dispatch(look) == before, "the table does not change")?;
        job.run.check(before.iter().all(|entry| *entry != 0), "VER-08 no entry is NULL")?;
        drop(again);
    }
    Ok(())
}

fn hdr_10(job: &Job) -> Result {
    each_object(job, |bed, kind, header| {
        bed.run().equal(header.addr() % 8, 0usize, "an object is 8-byte aligned")?;
        let found = irql::at_dispatch(|| face(header).header.ObjectType);
        bed.run().check(found == kind, "readable at DISPATCH_LEVEL")
    })?;
    let bed = Bed::new(job)?;
    let qp = bed.qp()?;
    let closing = [bed.pd.start_close()?, bed.cq.start_close()?];
    for (header, kind) in [(bed.pd.header(), NdkObjectTypePd), (bed.cq.header(), NdkObjectTypeCq)] {
        let found = irql::at_dispatch(|| face(header).header.ObjectType);
        job.run.check(found == kind, "readable while the close is pending")?;
    }
    drop(qp);
    for close in closing {
        close.ok("LIFE-10 the closes end")?;
    }
    Ok(())
}

fn hdr_11(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    for kind in KINDS {
        let (closed, object) = (probe()?, bed.create(kind)?);
        let (header, raw) = (object.header(), object.raw::<NDK_CQ>());
        // SAFETY: the object is open; close and NdkQueryExtension stand in front in every table (HDR-12).
        let (close, query) = unsafe { ((*(*raw).Dispatch).NdkCloseCq, (*(*raw).Dispatch).NdkQueryExtension) };
        let (Some(close), Some(query)) = (close, query) else {
            return Err(Failure::new("VER-08 no entry of a table is NULL", 0));
        };
        redirect(header, ptr::without_provenance(NOWHERE));
        let (mut id, mut extension) = (unknown(), NDK_EXTENSION_INTERFACE::default());
        object.disown();
        // SAFETY: saved entries with their object, which is not used after the close.
        let (status, ended) = unsafe {
            (
                query(header, &mut id, NDK_VERSION { Major: 1, Minor: 0 }, &mut extension),
                close(header, closed.close(), closed.context()),
            )
        };
        job.run.status(status, STATUS_NOT_SUPPORTED, "HDR-13 an unknown extension")?;
        done(job.run, ended, &closed, "LIFE-01 the close")?;
    }
    Ok(())
}

fn unknown() -> GUID {
    GUID { Data1: 0x9C3A_51E0, Data2: 0x7B1D, Data3: 0x4E22, Data4: [0xA1, 0x5F, 0x33, 0x08, 0xC4, 0x7E, 0x61, 0xD9] }
}

/// Asks for an unknown extension through the entry at a place in the table.
fn refuses(run: &Run, header: *mut NDK_OBJECT_HEADER, place: usize) -> Result {
    let table = face(header).dispatch.cast::<NDK_FN_QUERY_EXTENSION_INTERFACE>();
    // SAFETY: the entry at the place is NdkQueryExtension (HDR-12).
    let Some(query) = (unsafe { table.add(place).read() }) else {
        return Err(Failure::new("VER-08 no entry of a table is NULL", 0));
    };
    let mark: *const c_void = ptr::without_provenance(0x5150);
    for ask in [false, true] {
        for (major, minor) in [(0, 0), (1, 0), (0xFFFF, 0xFFFF)] {
            let mut id = unknown();
            let mut extension = NDK_EXTENSION_INTERFACE { Dispatch: mark };
            let version = NDK_VERSION { Major: major, Minor: minor };
            // SAFETY: the object is open; identifier and output are locals.
            let mut call = || unsafe { query(header, &mut id, version, &mut extension) };
            let status = if ask { irql::at_dispatch(call) } else { call() };
            run.status(status, STATUS_NOT_SUPPORTED, "an unknown extension is refused")?;
            run.check(extension.Dispatch == mark, "the output is unchanged")?;
            run.check(id == unknown(), "the identifier is unchanged")?;
        }
    }
    Ok(())
}

fn hdr_12(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    refuses(job.run, bed.adapter.raw().cast(), 0)?;
    for kind in KINDS {
        let object = bed.create(kind)?;
        refuses(job.run, object.header(), 1)?;
        // Through the first entry, see `Any::close_raw`.
        object.close()?;
    }
    let raw = bed.adapter.raw();
    let mut id = unknown();
    let mut extension = NDK_EXTENSION_INTERFACE::default();
    let version = NDK_VERSION { Major: 1, Minor: 0 };
    job.run.status(
        call!(raw, NdkQueryExtension, &mut id, version, &mut extension),
        STATUS_NOT_SUPPORTED,
        "the adapter's first entry",
    )
}

fn hdr_13(job: &Job) -> Result {
    each_object(job, |bed, kind, header| refuses(bed.run(), header, usize::from(kind != NdkObjectTypeAdapter)))
}
