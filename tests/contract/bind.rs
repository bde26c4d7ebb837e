//! `BND-*`: binding memory windows.

use super::{
    ends::once,
    lines::Line,
    mapped::{Mapped, Window, fast_region, invalidate},
    windows::{BOTH, LENGTH, Owner, Peer, READ, WRITE, address, region, region_with},
    work_help::{LOCAL, REMOTE, done, each, nothing_in, receive, received, release, send, sink, stall},
};
use crate::{
    ndk::{Pair, Region},
    run::{Result, Run},
    workload::Job,
};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_DEFER, NDK_OP_FLAG_INLINE,
    NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE, NDK_OP_FLAG_RDMA_READ_SINK, NDK_OP_FLAG_READ_FENCE,
    NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT, NDK_OP_FLAG_SILENT_SUCCESS, NTSTATUS, NdkOperationTypeBind,
    STATUS_ACCESS_VIOLATION, STATUS_CONNECTION_INVALID, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, ULONG,
};

contract! {
    "BND-01" bnd_01, "a bind gives its range and rights when it executes";
    "BND-02" bnd_02, "a range outside the region is refused";
    "BND-03" bnd_03, "the address is an index into the region and is not read";
    "BND-04" bnd_04, "remote write needs a region with local write";
    "BND-05" bnd_05, "without a connection a bind is refused";
    "BND-06" bnd_06, "a token sent behind the bind works at the peer";
    "BND-07" bnd_07, "a bind without a remote right is refused";
    "BND-08" bnd_08, "a length of 0 or above MaxWindowSize is refused";
    "BND-09" bnd_09, "binding a bound window fails in the completion";
    "BND-10" bnd_10, "binding to what is not registered fails in the completion";
    "BND-11" bnd_11, "region, window and QP of different domains are refused";
    "BND-12" bnd_12, "the completion has type Bind";
    "BND-13" bnd_13, "exactly the flags of a bind are taken";
}

/// Posts a bind of a part of a region on the passive end.
fn bind(pair: &Pair, window: &Window, region: &Region, (at, length): (usize, usize), flags: ULONG) -> NTSTATUS {
    window.bind(&pair.passive.qp, 1, region.mr(), address(region, at), length, flags)
}

/// Expects a bind to be refused inline, and no token and completion of it.
#[track_caller]
fn refused(pair: &Pair, window: &Window, status: NTSTATUS, wanted: NTSTATUS, what: &'static str) -> Result {
    let run = pair.passive.qp.run();
    run.status(status, wanted, what)?;
    run.equal(window.remote_token(), 0u32, "MW-05 no token")
}

fn bnd_01(job: &Job) -> Result {
    each(job, |run, pair| {
        let memory = region_with(&pair.passive.pd, LOCAL, 1)?;
        let windows = [Window::new(&pair.passive.pd)?, Window::new(&pair.passive.pd)?];
        let [one, two] = &windows;
        let peer = Peer::of(&pair.active);
        let token = Owner::of(&pair.passive).bind(one, &memory, (1000, 500), BOTH)?;
        peer.reads(token, (&memory, 1), (1000, 500))?;
        peer.writes(token, &memory, (1000, 500))?;
        // A bind that has not executed gives nothing yet.
        stall(&pair.passive)?;
        run.ok(bind(&pair, two, &memory, (0, 64), READ), "BND-01 NdkBind")?;
        peer.cannot_read(two.remote_token(), memory.remote(0), 64, "BND-01 not before it executes")
    })
}

fn bnd_02(job: &Job) -> Result {
    each(job, |run, pair| {
        let memory = region(&pair.passive.pd, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        let first = address(&memory, 0);
        let outside = [
            (first - 1, 1),
            (first - 1, 2),
            (first, LENGTH + 1),
            (first + LENGTH, 1),
            (first + LENGTH - 1, 2),
            (first - 1, LENGTH + 2),
            (first, usize::MAX),
            (first + 1, usize::MAX),
            (usize::MAX, 1),
            (usize::MAX - 1, 2),
            (0, LENGTH),
        ];
        for (at, length) in outside {
            let status = window.bind(&pair.passive.qp, 1, memory.mr(), at, length, READ);
            refused(&pair, &window, status, STATUS_INVALID_PARAMETER, "BND-02 outside the region")?;
        }
        nothing_in(&pair.passive.initiated, "WR-03 what was refused completes nothing")?;
        for range in [(0, LENGTH), (0, 1), (LENGTH - 1, 1)] {
            let token = Owner::of(&pair.passive).bind(&window, &memory, range, READ)?;
            Peer::of(&pair.active).reads(token, (&memory, 1), range)?;
            Owner::of(&pair.passive).invalidate(&window)?;
        }
        run.equal(pair.passive.connector.disconnects(), 0u32, "BND-02 the connection stands")
    })
}

fn bnd_03(job: &Job) -> Result {
    each(job, |run, pair| {
        // A region at an address where there is no memory at all.
        const BASE: usize = 0x7000_0000_0000;
        let map = Mapped::new(&pair.passive.adapter, LENGTH)?;
        super::work_help::pattern(&map.buffer, 0, LENGTH, 3);
        let mr = fast_region(&pair.passive.pd, 2)?;
        let status = map.fast_register_at(&pair.passive.qp, 1, &mr, BASE, 0x38);
        run.ok(status, "FRG-01 NdkFastRegister")?;
        done(&pair.passive, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        let bind = |at: usize, length| window.bind(&pair.passive.qp, 2, &mr, at, length, READ);
        let what = "BND-03 not an offset";
        refused(&pair, &window, bind(0, 64), STATUS_INVALID_PARAMETER, what)?;
        refused(&pair, &window, bind(100, 64), STATUS_INVALID_PARAMETER, what)?;
        let memory = map.buffer.address().addr().get();
        refused(&pair, &window, bind(memory, 64), STATUS_INVALID_PARAMETER, "BND-03 not the memory's address")?;
        run.ok(bind(BASE + 100, 300), "BND-03 the region's address")?;
        done(&pair.passive, 2)?;
        let peer = Peer::of(&pair.active);
        peer.reads_at(window.remote_token(), (BASE + 100) as u64, 300, (3, 100))?;
        peer.reads_at(window.remote_token(), (BASE + 399) as u64, 1, (3, 399))?;
        peer.cannot_read(window.remote_token(), 0, 64, "BND-03 nor is the peer's address an offset")
    })
}

fn bnd_04(job: &Job) -> Result {
    each(job, |run, pair| {
        let peer = Peer::of(&pair.active);
        for rights in [0, NDK_MR_FLAG_ALLOW_REMOTE_READ] {
            let memory = region_with(&pair.passive.pd, rights, 1)?;
            let window = Window::new(&pair.passive.pd)?;
            for flags in [WRITE, BOTH] {
                let status = bind(&pair, &window, &memory, (0, 64), flags);
                refused(&pair, &window, status, STATUS_ACCESS_VIOLATION, "BND-04 no local write")?;
            }
            nothing_in(&pair.passive.initiated, "WR-03 what was refused completes nothing")?;
            let token = Owner::of(&pair.passive).bind(&window, &memory, (0, 64), READ)?;
            peer.reads(token, (&memory, 1), (0, 64))?;
        }
        for rights in [LOCAL, REMOTE] {
            let memory = region_with(&pair.passive.pd, rights, 1)?;
            let window = Window::new(&pair.passive.pd)?;
            let token = Owner::of(&pair.passive).bind(&window, &memory, (0, 64), WRITE)?;
            peer.writes(token, &memory, (0, 64))?;
        }
        run.equal(pair.passive.connector.disconnects(), 0u32, "BND-04 the connection stands")
    })
}

fn bnd_05(job: &Job) -> Result {
    once(job, |ends| {
        let pd = ends.passive.pd()?;
        let cq = ends.passive.cq(16)?;
        let qp = pd.qp(&cq)?;
        let memory = region(&pd, 1)?;
        let window = Window::new(&pd)?;
        let status = window.bind(&qp, 1, memory.mr(), address(&memory, 0), 64, READ);
        ends.run.status(status, STATUS_CONNECTION_INVALID, "BND-05 never connected")?;
        ends.run.equal(window.remote_token(), 0u32, "MW-05 no token")?;
        nothing_in(&cq, "WR-03 what was refused completes nothing")?;
        let line = Line::own(ends, &pd)?;
        line.passive.disconnect()?.wait()?;
        let status = window.bind(&line.qp, 1, memory.mr(), address(&memory, 0), 64, READ);
        ends.run.status(status, STATUS_CONNECTION_INVALID, "BND-05 not any more")
    })
}

fn bnd_06(job: &Job) -> Result {
    each(job, |run, pair| {
        let memory = region_with(&pair.passive.pd, LOCAL, 1)?;
        let words = Region::new(&pair.passive.pd, 64, 0)?;
        let into = sink(&pair.active.pd, 64)?;
        let peer = Peer::of(&pair.active);
        for (round, flags) in [0, NDK_OP_FLAG_DEFER, NDK_OP_FLAG_SILENT_SUCCESS | NDK_OP_FLAG_DEFER].iter().enumerate()
        {
            let window = Window::new(&pair.passive.pd)?;
            receive(&pair.active, 3, &[into.sge(0, 4)])?;
            let status = bind(&pair, &window, &memory, (64, 64), READ | flags);
            let token = window.remote_token();
            run.ok(status, "BND-01 NdkBind")?;
            words.buffer().write(0, &token.to_le_bytes());
            send(&pair.passive, 2, &[words.sge(0, 4)], 0)?;
            received(&pair.active, 3, 4)?;
            // The bind's completion has not been fetched.
            let mut sent = [0; 4];
            into.buffer().read(0, &mut sent);
            run.equal(u32::from_le_bytes(sent), token, "RCV-01 the message")?;
            peer.reads(u32::from_le_bytes(sent), (&memory, 1), (64, 64))?;
            if round < 2 {
                done(&pair.passive, 1)?;
            }
            done(&pair.passive, 2)?;
        }
        Ok(())
    })
}

fn bnd_07(job: &Job) -> Result {
    each(job, |run, pair| {
        let memory = region(&pair.passive.pd, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        for flags in [0, NDK_OP_FLAG_SILENT_SUCCESS, NDK_OP_FLAG_DEFER, NDK_OP_FLAG_READ_FENCE] {
            let status = bind(&pair, &window, &memory, (0, 64), flags);
            refused(&pair, &window, status, STATUS_INVALID_PARAMETER, "BND-07 no remote right")?;
        }
        nothing_in(&pair.passive.initiated, "WR-03 what was refused completes nothing")?;
        for flags in [READ, WRITE, BOTH] {
            Owner::of(&pair.passive).bind(&window, &memory, (0, 64), flags)?;
            Owner::of(&pair.passive).invalidate(&window)?;
        }
        run.equal(pair.passive.connector.disconnects(), 0u32, "BND-07 the connection stands")
    })
}

fn bnd_08(job: &Job) -> Result {
    each(job, |_, pair| {
        let most = pair.passive.adapter.info()?.MaxWindowSize;
        const LARGE: usize = 8 << 20;
        let memory = region(&pair.passive.pd, 1)?;
        let large = super::work_help::shared(&pair.passive.pd, LARGE, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        let status = bind(&pair, &window, &memory, (0, 0), READ);
        refused(&pair, &window, status, STATUS_INVALID_PARAMETER, "BND-08 length 0")?;
        nothing_in(&pair.passive.initiated, "WR-03 what was refused completes nothing")?;
        // Without a limit a window may be as large as its region.
        let limit = if most == 0 { LARGE } else { most.min(LARGE) };
        if limit < LARGE {
            let status = bind(&pair, &window, &large, (0, limit + 1), READ);
            refused(&pair, &window, status, STATUS_INVALID_PARAMETER, "BND-08 above MaxWindowSize")?;
        }
        let token = Owner::of(&pair.passive).bind(&window, &large, (0, limit), READ)?;
        Peer::of(&pair.active).reads(token, (&large, 1), (limit - 64, 64))
    })
}

fn bnd_09(job: &Job) -> Result {
    each(job, |run, pair| {
        let (one, two) = (region(&pair.passive.pd, 1)?, region(&pair.passive.pd, 2)?);
        let window = Window::new(&pair.passive.pd)?;
        let token = Owner::of(&pair.passive).bind(&window, &one, (0, 64), READ)?;
        Peer::of(&pair.active).reads(token, (&one, 1), (0, 64))?;
        run.ok(bind(&pair, &window, &two, (0, 64), READ), "BND-09 the completion tells")?;
        let what = "BND-09 still bound";
        pair.passive.initiated.expect(1, STATUS_INVALID_DEVICE_REQUEST, what)?;
        pair.active.connector.wait_for_disconnect()
    })?;
    // The same range again, and both binds in one chain.
    each(job, |run, pair| {
        let memory = region(&pair.passive.pd, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        run.ok(bind(&pair, &window, &memory, (0, 64), READ | NDK_OP_FLAG_DEFER), "BND-01 NdkBind")?;
        run.ok(bind(&pair, &window, &memory, (0, 64), READ), "BND-09 the completion tells")?;
        done(&pair.passive, 1)?;
        let what = "BND-09 still bound";
        pair.passive.initiated.expect(1, STATUS_INVALID_DEVICE_REQUEST, what)?;
        Ok(())
    })
}

fn bnd_10(job: &Job) -> Result {
    // Deregistered between the post and the execution.
    each(job, |run, pair| {
        let memory = region(&pair.passive.pd, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        stall(&pair.passive)?;
        run.ok(bind(&pair, &window, &memory, (0, 64), READ), "BND-10 the completion tells")?;
        memory.mr().deregister()?.ok("MR-21 NdkDeregisterMr")?;
        release(&pair.passive, &pair.active)?;
        let what = "BND-10 not registered when it executes";
        pair.passive.initiated.expect(1, STATUS_ACCESS_VIOLATION, what)?;
        Ok(())
    })?;
    // Invalidated before it in the same queue.
    each(job, |run, pair| {
        let map = Mapped::new(&pair.passive.adapter, LENGTH)?;
        let mr = fast_region(&pair.passive.pd, 2)?;
        let qp = &pair.passive.qp;
        run.ok(map.fast_register(qp, 1, &mr, 0x38), "FRG-01 NdkFastRegister")?;
        done(&pair.passive, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        run.ok(invalidate(qp, 2, &mr, NDK_OP_FLAG_DEFER), "INV-01 NdkInvalidate")?;
        run.ok(window.bind(qp, 3, &mr, map.address(0), 64, READ), "BND-10 the completion tells")?;
        done(&pair.passive, 2)?;
        let what = "BND-10 not registered when it executes";
        pair.passive.initiated.expect(3, STATUS_ACCESS_VIOLATION, what)?;
        Ok(())
    })
}

fn bnd_11(job: &Job) -> Result {
    each(job, |_, pair| {
        let other = pair.passive.adapter.pd()?;
        let (ours, theirs) = (region(&pair.passive.pd, 1)?, region(&other, 1)?);
        let windows = [Window::new(&pair.passive.pd)?, Window::new(&other)?];
        let [window, foreign] = &windows;
        for (window, memory) in [(window, &theirs), (foreign, &ours), (foreign, &theirs)] {
            let status = bind(&pair, window, memory, (0, 64), READ);
            refused(&pair, window, status, STATUS_INVALID_PARAMETER, "BND-11 another domain")?;
        }
        nothing_in(&pair.passive.initiated, "WR-03 what was refused completes nothing")?;
        Owner::of(&pair.passive).bind(window, &ours, (0, 64), READ).map(drop)
    })
}

fn bnd_12(job: &Job) -> Result {
    each(job, |run, pair| {
        let memory = region(&pair.passive.pd, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        run.ok(bind(&pair, &window, &memory, (0, 64), READ), "BND-01 NdkBind")?;
        let result = done(&pair.passive, 1)?;
        let right = result.Type == NdkOperationTypeBind && result.Type == 8;
        run.check(right, "BND-12 type Bind")?;
        run.equal(result.BytesTransferred, 0u32, "CQ-43 no bytes")?;
        // A failed one, too.
        run.ok(bind(&pair, &window, &memory, (0, 64), READ), "BND-09 the completion tells")?;
        let result = pair.passive.initiated.next()?;
        run.status(result.Status, STATUS_INVALID_DEVICE_REQUEST, "BND-09 still bound")?;
        run.check(result.Type == NdkOperationTypeBind, "BND-12 type Bind of a failed one")
    })
}

fn bnd_13(job: &Job) -> Result {
    each(job, |run, pair| {
        let memory = region(&pair.passive.pd, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        let stray = [
            NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT,
            NDK_OP_FLAG_ALLOW_LOCAL_WRITE,
            // The upper half of remote write alone.
            WRITE & !NDK_OP_FLAG_ALLOW_LOCAL_WRITE,
            NDK_OP_FLAG_INLINE,
            NDK_OP_FLAG_RDMA_READ_SINK,
            NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE,
            0x400,
            0x8000_0000,
        ];
        for flags in stray {
            let status = bind(&pair, &window, &memory, (0, 64), READ | flags);
            refused(&pair, &window, status, STATUS_INVALID_PARAMETER, "BND-13 not a flag of a bind")?;
        }
        nothing_in(&pair.passive.initiated, "WR-03 what was refused completes nothing")?;
        taken(run, &pair, &window, &memory)
    })
}

fn taken(run: &Run, pair: &Pair, window: &Window, memory: &Region) -> Result {
    let owner = Owner::of(&pair.passive);
    for flags in [NDK_OP_FLAG_READ_FENCE, NDK_OP_FLAG_READ_FENCE | WRITE] {
        owner.bind(window, memory, (0, 64), READ | flags)?;
        owner.invalidate(window)?;
    }
    run.ok(bind(pair, window, memory, (0, 64), READ | NDK_OP_FLAG_DEFER), "BND-13 DEFER")?;
    // An invalidation behind it starts it.
    run.ok(window.invalidate(&pair.passive.qp, 2), "INV-01 NdkInvalidate")?;
    done(&pair.passive, 1)?;
    done(&pair.passive, 2)?;
    run.ok(bind(pair, window, memory, (0, 64), READ | NDK_OP_FLAG_SILENT_SUCCESS), "BND-13 SILENT_SUCCESS")?;
    nothing_in(&pair.passive.initiated, "FLAG-02 a silent success completes nothing")?;
    Peer::of(&pair.active).reads(window.remote_token(), (memory, 1), (0, 64))?;
    // A failure is told.
    run.ok(bind(pair, window, memory, (0, 64), READ | NDK_OP_FLAG_SILENT_SUCCESS), "BND-09 the completion tells")?;
    let what = "FLAG-03 a silent failure is told";
    pair.passive.initiated.expect(1, STATUS_INVALID_DEVICE_REQUEST, what).map(drop)
}
