//! `MW-*`: memory windows.

use super::{
    ends::once,
    lines::Line,
    mapped::Window,
    windows::{BOTH, LENGTH, Owner, Peer, READ, WRITE, address, region, region_with, reset},
    work_help::{LOCAL, each, ended, nothing_in, receive, received, release, stall},
};
use crate::{kernel::List, ndk::Pd, run::Result, workload::Job};
use ndkpi_sys::{
    GUID, NDK_EXTENSION_INTERFACE, NDK_MW_DISPATCH, NDK_VERSION, NTSTATUS, NdkObjectTypeMw,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED,
    STATUS_PENDING, STATUS_SUCCESS,
};

contract! {
    "MW-01" mw_01, "a new window has its type and is not bound";
    "MW-02" mw_02, "more windows than the adapter has are refused";
    "MW-03" mw_03, "the table has its three entries in order";
    "MW-04" mw_04, "the token is there when NdkBind has returned";
    "MW-05" mw_05, "before the first bind the token is 0";
    "MW-06" mw_06, "the token gives exactly the range and the rights";
    "MW-07" mw_07, "a window serves the peer of one QP";
    "MW-08" mw_08, "windows of one region may overlap and differ in rights";
    "MW-09" mw_09, "after an invalidation the token is dead and the window free";
    "MW-10" mw_10, "an invalidation leaves the region and its tokens alone";
}

fn mw_01(job: &Job) -> Result {
    each(job, |run, pair| {
        let window = Window::new(&pair.passive.pd)?;
        let inline = window.inline();
        run.check(inline == STATUS_SUCCESS || inline == STATUS_PENDING, "MW-01 a create succeeds or pends")?;
        // SAFETY: the window is open and begins with a header.
        let kind = unsafe { (*window.header()).ObjectType };
        run.check(kind == NdkObjectTypeMw && kind == 5, "MW-01 type 5")?;
        // What is not bound cannot be invalidated.
        run.ok(window.invalidate(&pair.passive.qp, 1), "INV-01 NdkInvalidate")?;
        let what = "MW-01 not bound";
        pair.passive.initiated.expect(1, STATUS_INVALID_DEVICE_REQUEST, what)?;
        Ok(())
    })
}

/// More objects than any adapter of this kind is expected to allow.
const MANY: usize = 1_000_000;

fn refused(pd: &Pd) -> Result {
    pd.run().status(Window::try_new(pd)?.0, STATUS_INSUFFICIENT_RESOURCES, "MW-02 more windows than there can be")
}

fn mw_02(job: &Job) -> Result {
    once(job, |ends| {
        let pd = ends.passive.pd()?;
        let mut all = List::new();
        let end = loop {
            job.run.go_on()?;
            match Window::try_new(&pd)? {
                (_, Some(window)) => all.try_push(window)?,
                (status, None) => break status,
            }
            ends.run.check(all.len() < MANY, "MW-02 there is an end")?;
        };
        ends.run.status(end, STATUS_INSUFFICIENT_RESOURCES, "MW-02 more windows than there can be")?;
        // The limit is the adapter's, not the domain's.
        refused(&ends.passive.pd()?)?;
        all.clear();
        Window::new(&pd).map(drop)
    })
}

fn mw_03(job: &Job) -> Result {
    once(job, |ends| {
        let pd = ends.passive.pd()?;
        let window = Window::new(&pd)?;
        let table = window.dispatch();
        ends.run.equal(size_of::<NDK_MW_DISPATCH>(), 24usize, "MW-03 three entries")?;
        // SAFETY: the table is made of three function pointers.
        let words: [usize; 3] = unsafe { core::mem::transmute_copy(table) };
        let named = [
            table.NdkCloseMw.map(|f| f as usize),
            table.NdkQueryExtension.map(|f| f as usize),
            table.NdkGetRemoteTokenFromMw.map(|f| f as usize),
        ];
        ends.run.check(named.into_iter().eq(words.into_iter().map(Some)), "MW-03 the order, and none is NULL")?;
        let mut guid = GUID::default();
        let mut extension = NDK_EXTENSION_INTERFACE::default();
        let version = NDK_VERSION { Major: 1, Minor: 0 };
        let status: NTSTATUS = match table.NdkQueryExtension {
            // SAFETY: the window is open; GUID and target are locals.
            Some(query) => unsafe { query(window.header(), &mut guid, version, &mut extension) },
            None => STATUS_SUCCESS,
        };
        ends.run.status(status, STATUS_NOT_SUPPORTED, "MW-03 the second entry asks for extensions")?;
        ends.run.equal(window.remote_token(), 0u32, "MW-03 the third gives the token")
    })
}

fn mw_04(job: &Job) -> Result {
    each(job, |run, pair| {
        let memory = region(&pair.passive.pd, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        // The bind waits behind a send that has no receive.
        stall(&pair.passive)?;
        let status = window.bind(&pair.passive.qp, 1, memory.mr(), address(&memory, 0), LENGTH, BOTH);
        let token = window.remote_token();
        run.ok(status, "BND-01 NdkBind")?;
        run.check(token != 0, "MW-04 as soon as NdkBind has returned")?;
        nothing_in(&pair.passive.initiated, "MW-04 before the bind completes")?;
        release(&pair.passive, &pair.active)?;
        pair.passive.initiated.expect(1, STATUS_SUCCESS, "BND-01 the bind succeeds")?;
        run.equal(window.remote_token(), token, "MW-04 it is the bind's token")?;
        Peer::of(&pair.active).reads(token, (&memory, 1), (0, LENGTH))
    })
}

fn mw_05(job: &Job) -> Result {
    each(job, |run, pair| {
        let memory = region(&pair.passive.pd, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        run.equal(window.remote_token(), 0u32, "MW-05 a new window")?;
        let status = window.bind(&pair.passive.qp, 1, memory.mr(), address(&memory, 0), 0, READ);
        run.status(status, STATUS_INVALID_PARAMETER, "BND-08 length 0")?;
        run.equal(window.remote_token(), 0u32, "MW-05 a bind that was refused gives none")?;
        Owner::of(&pair.passive).bind(&window, &memory, (0, 1), READ).map(drop)
    })
}

/// What a peer does with a window of bytes 100 to 299: first byte, length, whether it writes.
const EXCESSES: [(usize, usize, bool); 10] = [
    (99, 1, false),
    (99, 201, false),
    (100, 201, false),
    (300, 1, false),
    (0, LENGTH, false),
    (99, 1, true),
    (99, 201, true),
    (100, 201, true),
    (300, 1, true),
    (0, LENGTH, true),
];

fn mw_06(job: &Job) -> Result {
    each(job, |_, pair| {
        let memory = region(&pair.passive.pd, 1)?;
        let (owner, peer) = (Owner::of(&pair.passive), Peer::of(&pair.active));
        let window = Window::new(&pair.passive.pd)?;
        let token = owner.bind(&window, &memory, (100, 200), BOTH)?;
        for range in [(100, 200), (100, 1), (299, 1), (150, 20)] {
            peer.reads(token, (&memory, 1), range)?;
            peer.writes(token, &memory, range)?;
            reset(&memory, 1);
        }
        Ok(())
    })?;
    for (at, length, writes) in EXCESSES {
        excess(job, BOTH, (at, length), writes, "MW-06 a byte outside fails")?;
    }
    excess(job, READ, (100, 200), true, "MW-06 no right to write")?;
    excess(job, WRITE, (100, 200), false, "MW-06 no right to read")
}

fn excess(job: &Job, rights: u32, (at, length): (usize, usize), writes: bool, what: &'static str) -> Result {
    each(job, |_, pair| {
        // The region itself allows all; the window does not.
        let memory = region(&pair.passive.pd, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        let token = Owner::of(&pair.passive).bind(&window, &memory, (100, 200), rights)?;
        let peer = Peer::of(&pair.active);
        if writes {
            peer.cannot_write(token, (&memory, 1), memory.remote(at), length, what)?;
        } else {
            peer.cannot_read(token, memory.remote(at), length, what)?;
        }
        ended(&pair.passive)?;
        ended(&pair.active)
    })
}

fn mw_07(job: &Job) -> Result {
    once(job, |ends| {
        let pd = ends.passive.pd()?;
        let lines = [Line::own(ends, &pd)?, Line::own(ends, &pd)?, Line::own(ends, &pd)?];
        let [first, second, third] = &lines;
        let memory = region(&pd, 1)?;
        let window = Window::new(&pd)?;
        let owner = |line: &'_ Line| -> Result<u32> {
            Owner { qp: &line.qp, cq: &line.initiated }.bind(&window, &memory, (0, 64), READ)
        };
        let token = owner(first)?;
        Peer::side(&first.peer).reads(token, (&memory, 1), (0, 64))?;
        let what = "MW-07 the peer of another QP";
        Peer::side(&second.peer).cannot_read(token, memory.remote(0), 64, what)?;
        // The region's own token serves them all.
        Peer::side(&third.peer).reads(memory.remote_token(), (&memory, 1), (0, 64))?;
        Peer::side(&first.peer).reads(token, (&memory, 1), (0, 64))?;
        // Bound to one QP at a time.
        let status = window.bind(&third.qp, 9, memory.mr(), address(&memory, 0), 64, READ);
        ends.run.ok(status, "BND-09 the completion tells")?;
        third.initiated.expect(9, STATUS_INVALID_DEVICE_REQUEST, "MW-07 bound to another QP")?;
        Ok(())
    })
}

fn mw_08(job: &Job) -> Result {
    each(job, |_, pair| {
        let memory = region_with(&pair.passive.pd, LOCAL, 1)?;
        let (owner, peer) = (Owner::of(&pair.passive), Peer::of(&pair.active));
        let pd = &pair.passive.pd;
        let windows = [Window::new(pd)?, Window::new(pd)?, Window::new(pd)?];
        let [reading, writing, both] = &windows;
        let first = owner.bind(reading, &memory, (0, 2000), READ)?;
        let second = owner.bind(writing, &memory, (1000, 2000), WRITE)?;
        let third = owner.bind(both, &memory, (500, 1000), BOTH)?;
        peer.reads(first, (&memory, 1), (0, 2000))?;
        peer.reads(third, (&memory, 1), (500, 1000))?;
        peer.writes(third, &memory, (500, 500))?;
        peer.writes(second, &memory, (1000, 2000))?;
        // Each has its own rights, where it overlaps with others too.
        reset(&memory, 1);
        peer.cannot_read(second, memory.remote(1000), 64, "MW-08 the rights of its own")
    })?;
    each(job, |_, pair| {
        let memory = region_with(&pair.passive.pd, LOCAL, 1)?;
        let (owner, peer) = (Owner::of(&pair.passive), Peer::of(&pair.active));
        let windows = [Window::new(&pair.passive.pd)?, Window::new(&pair.passive.pd)?];
        let [reading, writing] = &windows;
        let first = owner.bind(reading, &memory, (0, LENGTH), READ)?;
        owner.bind(writing, &memory, (0, LENGTH), WRITE)?;
        peer.cannot_write(first, (&memory, 1), memory.remote(0), 64, "MW-08 the rights of its own")
    })
}

fn mw_09(job: &Job) -> Result {
    locally(job)?;
    by_the_peer(job)?;
    by_the_close(job)?;
    to_another_qp(job)
}

/// Invalidated by NdkInvalidate, bound to another region.
fn locally(job: &Job) -> Result {
    each(job, |run, pair| {
        let (owner, peer) = (Owner::of(&pair.passive), Peer::of(&pair.active));
        let (one, two) = (region(&pair.passive.pd, 1)?, region(&pair.passive.pd, 2)?);
        let window = Window::new(&pair.passive.pd)?;
        let old = owner.bind(&window, &one, (0, 64), READ)?;
        peer.reads(old, (&one, 1), (0, 64))?;
        let mut last = old;
        for _ in 0..20 {
            owner.invalidate(&window)?;
            let new = owner.bind(&window, &two, (64, 64), READ)?;
            run.check(new != last && new != old, "MW-09 a new token")?;
            peer.reads(new, (&two, 2), (64, 64))?;
            last = new;
        }
        peer.cannot_read(old, one.remote(0), 64, "MW-09 the old token is dead")
    })?;
    each(job, |_, pair| {
        let memory = region(&pair.passive.pd, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        let token = Owner::of(&pair.passive).bind(&window, &memory, (0, 64), BOTH)?;
        Owner::of(&pair.passive).invalidate(&window)?;
        let what = "MW-09 dead after NdkInvalidate";
        Peer::of(&pair.active).cannot_write(token, (&memory, 1), memory.remote(0), 64, what)
    })
}

/// Invalidated by the peer's SendAndInvalidate.
fn by_the_peer(job: &Job) -> Result {
    for again in [true, false] {
        each(job, |run, pair| {
            let (owner, peer) = (Owner::of(&pair.passive), Peer::of(&pair.active));
            let memory = region(&pair.passive.pd, 1)?;
            let window = Window::new(&pair.passive.pd)?;
            let old = owner.bind(&window, &memory, (0, 64), READ)?;
            receive(&pair.passive, 1, &[])?;
            run.ok(pair.active.qp.send_and_invalidate(1, &[], 0, old), "SINV-01 NdkSendAndInvalidate")?;
            received(&pair.passive, 1, 0)?;
            pair.active.initiated.expect(1, STATUS_SUCCESS, "SINV-01 it succeeds")?;
            if again {
                let new = owner.bind(&window, &memory, (0, 128), READ)?;
                run.check(new != old, "MW-09 a new token")?;
                peer.reads(new, (&memory, 1), (0, 128))?;
            }
            peer.cannot_read(old, memory.remote(0), 64, "MW-09 dead after the peer's invalidation")
        })?;
    }
    Ok(())
}

/// Invalidated by its close.
fn by_the_close(job: &Job) -> Result {
    each(job, |_, pair| {
        let memory = region(&pair.passive.pd, 1)?;
        let window = Window::new(&pair.passive.pd)?;
        let token = Owner::of(&pair.passive).bind(&window, &memory, (0, 64), READ)?;
        drop(window);
        Peer::of(&pair.active).cannot_read(token, memory.remote(0), 64, "MW-09 dead after the close")
    })
}

/// Bound to another QP after an invalidation.
fn to_another_qp(job: &Job) -> Result {
    once(job, |ends| {
        let pd = ends.passive.pd()?;
        let lines = [Line::own(ends, &pd)?, Line::own(ends, &pd)?];
        let [first, second] = &lines;
        let memory = region(&pd, 1)?;
        let window = Window::new(&pd)?;
        let owner = Owner { qp: &first.qp, cq: &first.initiated };
        let old = owner.bind(&window, &memory, (0, 64), READ)?;
        owner.invalidate(&window)?;
        let new = Owner { qp: &second.qp, cq: &second.initiated }.bind(&window, &memory, (0, 64), READ)?;
        ends.run.check(new != old, "MW-09 a new token")?;
        Peer::side(&second.peer).reads(new, (&memory, 1), (0, 64))?;
        Peer::side(&first.peer).cannot_read(new, memory.remote(0), 64, "MW-09 it has left the first QP")
    })
}

fn mw_10(job: &Job) -> Result {
    each(job, |run, pair| {
        let (owner, peer) = (Owner::of(&pair.passive), Peer::of(&pair.active));
        let memory = region(&pair.passive.pd, 1)?;
        let windows = [Window::new(&pair.passive.pd)?, Window::new(&pair.passive.pd)?];
        let [one, two] = &windows;
        owner.bind(one, &memory, (0, 64), BOTH)?;
        let other = owner.bind(two, &memory, (0, 64), BOTH)?;
        owner.invalidate(one)?;
        peer.reads(other, (&memory, 1), (0, 64))?;
        peer.reads(memory.remote_token(), (&memory, 1), (0, LENGTH))?;
        peer.writes(memory.remote_token(), &memory, (0, LENGTH))?;
        reset(&memory, 1);
        // Local use.
        receive(&pair.passive, 1, &[memory.sge(0, 64)])?;
        let from = super::work_help::source(&pair.active.pd, 64, 5)?;
        run.ok(pair.active.qp.send(1, &[from.sge(0, 64)], 0), "SND-01 NdkSend")?;
        received(&pair.passive, 1, 64)?;
        pair.active.initiated.expect(1, STATUS_SUCCESS, "MW-10 the local token works")?;
        owner.invalidate(two)?;
        memory.mr().deregister()?.ok("MW-10 the region can be deregistered").map(drop)
    })
}
