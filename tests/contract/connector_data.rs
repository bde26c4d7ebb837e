//! `CONN-46` to `CONN-60`: read limits and connection data.

use crate::{
    contract::ends::{Ends, Meeting, each, numbered, once},
    ndk::{Connector, Limits},
    run::Result,
    workload::Job,
};
use core::ptr;
use ndkpi_sys::{
    NTSTATUS, PVOID, STATUS_BUFFER_TOO_SMALL, STATUS_CONNECTION_INVALID, STATUS_CONNECTION_REFUSED,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, ULONG,
};

contract! {
    "CONN-46" conn_46, "each effective limit is the least of request, adapter and peer";
    "CONN-47" conn_47, "requests above the adapter's limits are capped";
    "CONN-48" conn_48, "0 is a legal limit and stays 0";
    "CONN-49" conn_49, "the passive side sees limits and data before it accepts";
    "CONN-50" conn_50, "the active side sees limits and data after its connect";
    "CONN-51" conn_51, "one side's outbound limit is the other's inbound one";
    "CONN-52" conn_52, "the data of a reject can be read";
    "CONN-53" conn_53, "either limit may be left out";
    "CONN-54" conn_54, "NULL and 0 ask for the size";
    "CONN-55" conn_55, "a buffer that is large enough is filled";
    "CONN-56" conn_56, "a smaller buffer gets what fits, and a failure";
    "CONN-57" conn_57, "NULL with a length is refused without harm";
    "CONN-58" conn_58, "the size is that of what the peer sent";
    "CONN-59" conn_59, "the data stays after accept and complete-connect";
    "CONN-60" conn_60, "before there is any peer data the call is refused";
}

const fn limits(inbound: ULONG, outbound: ULONG) -> Limits {
    Limits { inbound, outbound }
}

/// A connection whose sides asked for these limits.
#[track_caller]
fn limited<'a>(ends: &Ends<'a>, active: Limits, passive: Limits) -> Result<Meeting<'a>> {
    let mut meeting = ends.meet_with(0, active, &[])?;
    meeting.accepting = Some(meeting.passive.accept(&meeting.passive_side.qp, passive, b"callee")?);
    meeting.connected()?;
    meeting.complete()?;
    Ok(meeting)
}

#[track_caller]
fn has(ends: &Ends, connector: &Connector, wanted: Limits, what: &'static str) -> Result {
    let seen = connector.connection_data(&mut []).ok(ends.run, "CONN-54 the size query")?.limits;
    ends.run.equal(seen.inbound, wanted.inbound, what)?;
    ends.run.equal(seen.outbound, wanted.outbound, what)
}

fn conn_46(job: &Job) -> Result {
    each(job, |ends| {
        let info = ends.passive.info()?;
        let (inbound, outbound) = (info.MaxInboundReadLimit, info.MaxOutboundReadLimit);
        ends.run.check(inbound >= 8 && outbound >= 8, "ADP-12 limits of use")?;
        for (active, passive, of_active, of_passive) in [
            (limits(4, 7), limits(5, 6), limits(4, 5), limits(5, 4)),
            (limits(8, 1), limits(2, 3), limits(3, 1), limits(1, 3)),
            (limits(2, 2), limits(8, 8), limits(2, 2), limits(2, 2)),
            (limits(inbound, outbound), limits(3, 8), limits(8, 3), limits(3, 8)),
        ] {
            let meeting = limited(ends, active, passive)?;
            has(ends, &meeting.active, of_active, "CONN-46 limits of the active side")?;
            has(ends, &meeting.passive, of_passive, "CONN-46 limits of the passive side")?;
        }
        Ok(())
    })
}

fn conn_47(job: &Job) -> Result {
    each(job, |ends| {
        let (active, passive) = (ends.active.info()?, ends.passive.info()?);
        let inbound = active.MaxInboundReadLimit.min(passive.MaxOutboundReadLimit);
        let outbound = active.MaxOutboundReadLimit.min(passive.MaxInboundReadLimit);
        for ask in [active.MaxInboundReadLimit.saturating_add(1), ULONG::MAX] {
            let meeting = limited(ends, limits(ask, ask), limits(ULONG::MAX, ULONG::MAX))?;
            has(ends, &meeting.active, limits(inbound, outbound), "CONN-47 capped at the active side")?;
            has(ends, &meeting.passive, limits(outbound, inbound), "CONN-47 capped at the passive side")?;
            meeting.works()?;
        }
        Ok(())
    })
}

fn conn_48(job: &Job) -> Result {
    each(job, |ends| {
        for (active, passive, of_active) in [
            (limits(0, 0), limits(8, 8), limits(0, 0)),
            (limits(8, 8), limits(0, 0), limits(0, 0)),
            (limits(0, 5), limits(4, 8), limits(0, 4)),
            (limits(5, 0), limits(8, 4), limits(4, 0)),
        ] {
            let meeting = limited(ends, active, passive)?;
            has(ends, &meeting.active, of_active, "CONN-48 0 stays 0")?;
            let other = limits(of_active.outbound, of_active.inbound);
            has(ends, &meeting.passive, other, "CONN-48 0 stays 0 at the other side")?;
            meeting.works()?;
        }
        Ok(())
    })
}

fn conn_49(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = ends.meet_with(0, limits(3, 6), b"of the caller")?;
        let mut data = [0; 64];
        let seen = meeting.passive.connection_data(&mut data).ok(ends.run, "CONN-49 before the accept")?;
        ends.run.check(seen.limits == limits(6, 3), "CONN-49 the limits as they follow from the request")?;
        ends.run.check(data.starts_with(b"of the caller"), "CONN-49 the private data of the connect")
    })
}

fn conn_50(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet_with(0, limits(3, 6), b"of the caller")?;
        meeting.accepting = Some(meeting.passive.accept(&meeting.passive_side.qp, limits(2, 9), b"of the callee")?);
        meeting.connected()?;
        let mut data = [0; 64];
        let seen = meeting.active.connection_data(&mut data).ok(ends.run, "CONN-50 after the connect")?;
        ends.run.check(seen.limits == limits(3, 2), "CONN-50 the final limits")?;
        ends.run.check(data.starts_with(b"of the callee"), "CONN-50 the private data of the accept")
    })
}

fn conn_51(job: &Job) -> Result {
    each(job, |ends| {
        let mut random = ends.run.random(51);
        for _ in 0..6 {
            let mut pick = || random.below(300).try_into().unwrap_or(0);
            let meeting = limited(ends, limits(pick(), pick()), limits(pick(), pick()))?;
            let seen = meeting.active.connection_data(&mut []).ok(ends.run, "CONN-54 the size query")?.limits;
            has(ends, &meeting.passive, limits(seen.outbound, seen.inbound), "CONN-51 the limits of both sides agree")?;
        }
        Ok(())
    })
}

fn conn_52(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet_with(0, Limits::default(), b"asked")?;
        ends.run.ok(meeting.passive.reject(b"rejected"), "CONN-40 NdkReject")?;
        meeting.connect_ends(STATUS_CONNECTION_REFUSED, "CONN-40 the peer's connect fails")?;
        let mut data = [0; 64];
        let seen = meeting.active.connection_data(&mut data).ok(ends.run, "CONN-52 after the reject")?;
        ends.run.equal(seen.length, 8u32, "CONN-52 the size of the reject's data")?;
        ends.run.check(data.starts_with(b"rejected\0"), "CONN-52 the data of the reject")
    })
}

/// `NdkGetConnectionData` as it is.
fn raw(connector: &Connector, inbound: *mut ULONG, outbound: *mut ULONG, data: PVOID, length: &mut ULONG) -> NTSTATUS {
    match connector.dispatch().NdkGetConnectionData {
        // SAFETY: the connector is open; the outputs are null or locals of the callers; those that give a
        // buffer give its length.
        Some(get) => unsafe { get(connector.raw(), inbound, outbound, data, length) },
        None => STATUS_NOT_SUPPORTED,
    }
}

fn conn_53(job: &Job) -> Result {
    once(job, |ends| {
        let run = ends.run;
        let meeting = ends.meet_with(0, limits(3, 6), b"data")?;
        for (with_inbound, with_outbound) in [(true, false), (false, true), (false, false)] {
            let (mut inbound, mut outbound, mut data, mut length) = (77, 78, [0u8; 4], 4);
            let first = if with_inbound { &raw mut inbound } else { ptr::null_mut() };
            let second = if with_outbound { &raw mut outbound } else { ptr::null_mut() };
            let status = raw(&meeting.passive, first, second, data.as_mut_ptr().cast(), &mut length);
            run.ok(status, "CONN-53 a limit left out")?;
            run.equal(inbound, if with_inbound { 6u32 } else { 77 }, "CONN-53 the inbound limit")?;
            run.equal(outbound, if with_outbound { 3u32 } else { 78 }, "CONN-53 the outbound limit")?;
            run.check(&data == b"data" && length == 4, "CONN-53 the other outputs are given")?;
        }
        Ok(())
    })
}

fn conn_54(job: &Job) -> Result {
    each(job, |ends| {
        let sent: [u8; 56] = numbered(1);
        let meeting = ends.meet_with(0, limits(3, 6), &sent)?;
        let (mut inbound, mut outbound, mut length) = (0, 0, 0);
        let status = raw(&meeting.passive, &mut inbound, &mut outbound, ptr::null_mut(), &mut length);
        ends.run.ok(status, "CONN-54 the size query succeeds")?;
        ends.run.equal(length, 56u32, "CONN-54 the required size")?;
        ends.run.check((inbound, outbound) == (6, 3), "CONN-54 with the limits")
    })
}

fn conn_55(job: &Job) -> Result {
    each(job, |ends| {
        let sent: [u8; 56] = numbered(1);
        let meeting = ends.meet_with(0, Limits::default(), &sent)?;
        for room in [56usize, 57, 200] {
            let mut buffer = [0xEE; 200];
            let Some(target) = buffer.get_mut(..room) else { continue };
            let seen = meeting.passive.connection_data(target).ok(ends.run, "CONN-55 at least the size")?;
            ends.run.equal(seen.length, 56u32, "CONN-55 the size is stored")?;
            ends.run.check(buffer.starts_with(&sent), "CONN-55 the data")?;
            let rest = buffer.get(56..).unwrap_or(&[]);
            ends.run.check(rest.iter().all(|byte| *byte == 0xEE), "CONN-55 no byte beyond")?;
        }
        Ok(())
    })
}

fn conn_56(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let sent: [u8; 56] = numbered(1);
        let meeting = ends.meet_with(0, limits(3, 6), &sent)?;
        for room in [1u32, 16, 55] {
            let mut buffer = [0xEEu8; 64];
            let (mut inbound, mut outbound, mut length) = (0, 0, room);
            let target = buffer.as_mut_ptr().cast();
            let status = raw(&meeting.passive, &mut inbound, &mut outbound, target, &mut length);
            run.status(status, STATUS_BUFFER_TOO_SMALL, "CONN-56 a smaller buffer")?;
            run.equal(length, 56u32, "CONN-56 the required size")?;
            run.check((inbound, outbound) == (6, 3), "CONN-56 the limits all the same")?;
            let (filled, rest) = buffer.split_at(room as usize);
            run.check(sent.starts_with(filled), "CONN-56 as much as fits")?;
            run.check(rest.iter().all(|byte| *byte == 0xEE), "CONN-56 no byte beyond")?;
        }
        Ok(())
    })
}

fn conn_57(job: &Job) -> Result {
    once(job, |ends| {
        let mut meeting = ends.meet_with(0, Limits::default(), b"data")?;
        let (mut inbound, mut outbound, mut length) = (0, 0, 16);
        let status = raw(&meeting.passive, &mut inbound, &mut outbound, ptr::null_mut(), &mut length);
        ends.run.status(status, STATUS_INVALID_PARAMETER, "CONN-57 NULL with a length")?;
        meeting.accept()?;
        meeting.complete()?;
        meeting.works()
    })
}

fn conn_58(job: &Job) -> Result {
    each(job, |ends| {
        let bytes: [u8; 56] = numbered(1);
        for size in [0usize, 1, 8, 55, 56] {
            let mut meeting = ends.meet_with(0, Limits::default(), bytes.get(..size).unwrap_or(&[]))?;
            let seen = meeting.passive.connection_data(&mut []).ok(ends.run, "CONN-54 the size query")?;
            ends.run.equal(seen.length, size, "CONN-58 what the active side sent")?;
            meeting.accept()?;
            let seen = meeting.active.connection_data(&mut []).ok(ends.run, "CONN-54 the size query")?;
            ends.run.equal(seen.length, 0u32, "CONN-58 the passive side sent nothing")?;
        }
        Ok(())
    })
}

fn conn_59(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let mut meeting = ends.meet_with(0, limits(9, 2), b"caller")?;
        meeting.accepting = Some(meeting.passive.accept(&meeting.passive_side.qp, limits(4, 4), b"callee")?);
        let look = |connector: &Connector, wanted: Limits, sent: &[u8]| {
            let mut data = [0; 6];
            let seen = connector.connection_data(&mut data).ok(run, "CONN-59 the function goes on working")?;
            run.check(seen.limits == wanted, "CONN-59 the final limits")?;
            run.check(data == *sent, "CONN-59 the same data")
        };
        meeting.connected()?;
        look(&meeting.passive, limits(2, 4), b"caller")?;
        meeting.complete()?;
        look(&meeting.active, limits(4, 2), b"callee")?;
        look(&meeting.passive, limits(2, 4), b"caller")
    })
}

fn conn_60(job: &Job) -> Result {
    once(job, |ends| {
        let idle = ends.active.connector()?;
        let mut data = [0; 64];
        let refused = STATUS_CONNECTION_INVALID;
        ends.run.status(idle.connection_data(&mut []).status, refused, "CONN-60 an idle connector")?;
        ends.run.status(idle.connection_data(&mut data).status, refused, "CONN-60 an idle connector")?;
        let mut meeting = ends.meet()?;
        ends.run.status(meeting.active.connection_data(&mut []).status, refused, "CONN-60 one that is connecting")?;
        ends.run.status(meeting.active.connection_data(&mut data).status, refused, "CONN-60 one that is connecting")?;
        meeting.accept()?;
        let status = meeting.active.connection_data(&mut data).status;
        ends.run.status(status, STATUS_SUCCESS, "CONN-50 after the connect")
    })
}
