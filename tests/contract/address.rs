//! `ADR-*`: the address queries of connectors, listeners and shared endpoints.

use crate::{
    contract::ends::{DYNAMIC, Ends, PORT, each},
    ndk::{Address, Family, Limits},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    NTSTATUS, PSOCKADDR, STATUS_BUFFER_TOO_SMALL, STATUS_CONNECTION_INVALID, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
    ULONG,
};

contract! {
    "ADR-01" adr_01, "a connector's local address, with its size";
    "ADR-02" adr_02, "the peer's address, from the connect event on";
    "ADR-03" adr_03, "too small a buffer gets nothing but the size";
    "ADR-04" adr_04, "NULL and 0 ask for the size";
    "ADR-05" adr_05, "a larger buffer works and keeps its other bytes";
    "ADR-06" adr_06, "a port that the provider picked is reported";
    "ADR-07" adr_07, "an accepted connector has the listener's port";
    "ADR-08" adr_08, "without an address the queries are refused";
    "ADR-09" adr_09, "unused bytes are 0, the zone of a link-local address stays";
    "ADR-10" adr_10, "addresses stay after the peer has left";
}

/// A buffer, aligned as an address is.
#[repr(C, align(8))]
struct Room([u8; 128]);

type Query<'a> = &'a dyn Fn(PSOCKADDR, &mut ULONG) -> NTSTATUS;

/// Calls a test with each of the four kinds of query, and the address that it has to give.
#[track_caller]
fn queries(ends: &Ends, test: &dyn Fn(Query, &Address) -> Result) -> Result {
    let endpoint = ends.active.endpoint(&ends.from)?;
    let meeting = ends.meet_with(PORT, Limits::default(), &[])?;
    let (listener, at) = ends.listen(PORT + 1)?;
    let from = ends.from.with_port(PORT);
    for (connector, local, peer) in [(&meeting.active, &from, &meeting.to), (&meeting.passive, &meeting.to, &from)] {
        let table = connector.dispatch();
        test(
            &|target, length| match table.NdkGetLocalAddress {
                // SAFETY: the connector is open; the caller gives the length of its buffer.
                Some(get) => unsafe { get(connector.raw(), target, length) },
                None => STATUS_NOT_SUPPORTED,
            },
            local,
        )?;
        test(
            &|target, length| match table.NdkGetPeerAddress {
                // SAFETY: as above.
                Some(get) => unsafe { get(connector.raw(), target, length) },
                None => STATUS_NOT_SUPPORTED,
            },
            peer,
        )?;
    }
    test(
        &|target, length| match listener.dispatch().NdkGetLocalAddress {
            // SAFETY: the listener is open; the caller gives the length of its buffer.
            Some(get) => unsafe { get(listener.raw(), target, length) },
            None => STATUS_NOT_SUPPORTED,
        },
        &at,
    )?;
    let (status, own) = endpoint.local_address();
    ends.run.ok(status, "SEP-07 the endpoint's address")?;
    test(
        &|target, length| match endpoint.dispatch().NdkGetLocalAddress {
            // SAFETY: the endpoint is open; the caller gives the length of its buffer.
            Some(get) => unsafe { get(endpoint.raw(), target, length) },
            None => STATUS_NOT_SUPPORTED,
        },
        &own,
    )
}

/// The bytes that an address has in memory.
fn bytes(address: &Address) -> [u8; 128] {
    super::ends::Bytes::of(address).socket
}

fn adr_01(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = ends.meet_with(PORT, Limits::default(), &[])?;
        let (status, local) = meeting.active.local_address();
        ends.run.ok(status, "ADR-01 the local address")?;
        ends.run.check(local == ends.from.with_port(PORT), "ADR-01 address and port")?;
        ends.run.equal(local.length(), ends.family.length(), "ADR-01 the size written")?;
        let wanted = match ends.family {
            Family::V4 => 16,
            Family::V6 => 28u32,
        };
        ends.run.equal(local.length(), wanted, "ADR-01 16 or 28 bytes")
    })
}

fn adr_02(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet_with(PORT, Limits::default(), &[])?;
        let from = ends.from.with_port(PORT);
        let (status, peer) = meeting.passive.peer_address();
        ends.run.ok(status, "ADR-02 from the connect event on")?;
        ends.run.check(peer == from, "ADR-02 the active side's address")?;
        ends.run.equal(peer.length(), ends.family.length(), "ADR-02 the size written")?;
        meeting.accept()?;
        meeting.complete()?;
        for (connector, wanted) in [(&meeting.active, meeting.to), (&meeting.passive, from)] {
            let (status, peer) = connector.peer_address();
            ends.run.ok(status, "ADR-02 the peer's address")?;
            ends.run.check(peer == wanted, "ADR-02 the other side's address")?;
        }
        Ok(())
    })
}

fn adr_03(job: &Job) -> Result {
    each(job, |ends| {
        let needed = ends.family.length();
        queries(ends, &|query, _| {
            for room in [1, 2, 8, needed - 1] {
                let (mut target, mut length) = (Room([0xEE; 128]), room);
                let status = query(target.0.as_mut_ptr().cast(), &mut length);
                ends.run.status(status, STATUS_BUFFER_TOO_SMALL, "ADR-03 too small a buffer")?;
                ends.run.equal(length, needed, "ADR-03 the required size")?;
                ends.run.check(target.0 == [0xEE; 128], "ADR-03 the buffer is unchanged")?;
            }
            Ok(())
        })
    })
}

fn adr_04(job: &Job) -> Result {
    each(job, |ends| {
        queries(ends, &|query, _| {
            let mut length = 0;
            let status = query(core::ptr::null_mut(), &mut length);
            ends.run.status(status, STATUS_BUFFER_TOO_SMALL, "ADR-04 the size query")?;
            ends.run.equal(length, ends.family.length(), "ADR-04 the required size")
        })
    })
}

fn adr_05(job: &Job) -> Result {
    each(job, |ends| {
        let needed = ends.family.length();
        queries(ends, &|query, wanted| {
            for room in [needed, needed + 1, 128] {
                let (mut target, mut length) = (Room([0xEE; 128]), room);
                let status = query(target.0.as_mut_ptr().cast(), &mut length);
                ends.run.ok(status, "ADR-05 a buffer that is large enough")?;
                ends.run.equal(length, needed, "ADR-01 the size written")?;
                let (filled, rest) = target.0.split_at(needed as usize);
                ends.run.check(bytes(wanted).starts_with(filled), "ADR-05 the address")?;
                ends.run.check(rest.iter().all(|byte| *byte == 0xEE), "ADR-05 bytes beyond are not changed")?;
            }
            Ok(())
        })
    })
}

fn adr_06(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = ends.meet()?;
        let endpoint = ends.active.endpoint(&ends.from)?;
        for (status, address) in [
            meeting.active.local_address(),
            meeting.passive.peer_address(),
            meeting.listener.local_address(),
            endpoint.local_address(),
        ] {
            ends.run.ok(status, "ADR-06 the address")?;
            ends.run.check(address.port() != 0 && DYNAMIC.contains(&address.port()), "ADR-06 the port picked")?;
        }
        ends.run.check(
            meeting.active.local_address().1 == meeting.passive.peer_address().1,
            "ADR-06 both sides report the same port",
        )
    })
}

fn adr_07(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet()?;
        let local = || meeting.passive.local_address();
        let (status, pending) = local();
        ends.run.ok(status, "ADR-07 in the connect event already")?;
        ends.run.check(pending == meeting.to, "ADR-07 the listener's address and port")?;
        meeting.accept()?;
        meeting.complete()?;
        let (status, accepted) = meeting.passive.local_address();
        ends.run.ok(status, "ADR-07 an accepted connector")?;
        ends.run.check(accepted == meeting.to, "ADR-07 the listener's address and port")
    })
}

fn adr_08(job: &Job) -> Result {
    each(job, |ends| {
        let idle = ends.active.connector()?;
        ends.run.status(idle.local_address().0, STATUS_CONNECTION_INVALID, "ADR-08 no local address yet")?;
        ends.run.status(idle.peer_address().0, STATUS_CONNECTION_INVALID, "ADR-08 no peer yet")
    })
}

fn adr_09(job: &Job) -> Result {
    each(job, |ends| {
        queries(ends, &|query, wanted| {
            let (mut target, mut length) = (Room([0xEE; 128]), 128);
            ends.run.ok(query(target.0.as_mut_ptr().cast(), &mut length), "ADR-09 the address")?;
            let zero = match ends.family {
                Family::V4 => 8..16,
                Family::V6 => 4..8,
            };
            let unused = target.0.get(zero).unwrap_or(&[1]);
            ends.run.check(unused.iter().all(|byte| *byte == 0), "ADR-09 unused bytes are 0")?;
            // The rest, a zone among it, is as it was given.
            let (seen, given) = (target.0.get(..length as usize), bytes(wanted));
            ends.run.check(seen == given.get(..length as usize), "ADR-09 the zone is kept")
        })
    })
}

fn adr_10(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = ends.met()?;
        let from = meeting.active.local_address().1;
        let here = |what| {
            let (status, local) = meeting.passive.local_address();
            ends.run.status(status, STATUS_SUCCESS, what)?;
            let (status, peer) = meeting.passive.peer_address();
            ends.run.status(status, STATUS_SUCCESS, what)?;
            ends.run.check(local == meeting.to && peer == from, what)
        };
        let leaving = meeting.active.disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        here("ADR-10 after the disconnect event")?;
        meeting.passive.disconnect()?.ok("CONN-68 after the peer has left")?;
        leaving.ok("CONN-61 NdkDisconnect")?;
        here("ADR-10 after the own disconnect")?;
        meeting.active.start_close()?.ok("LIFE-01 closing cannot fail")?;
        here("ADR-10 after the peer's close")
    })
}
