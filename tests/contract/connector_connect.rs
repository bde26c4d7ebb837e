//! `CONN-04` to `CONN-20`: the active side connects.

use crate::{
    contract::ends::{
        Bytes, DYNAMIC, Meeting, PORT, Side, connect_raw, each, listening, message, numbered, once, stays_pending,
    },
    kernel::time,
    ndk::{Address, Family, Limits, Pause, Place},
    run::Result,
    workload::Job,
};
use core::ptr;
use ndkpi_sys::{
    AF_INET, AF_INET6, STATUS_ADDRESS_ALREADY_EXISTS, STATUS_CONNECTION_ACTIVE, STATUS_CONNECTION_INVALID,
    STATUS_CONNECTION_REFUSED, STATUS_HOST_UNREACHABLE, STATUS_INVALID_ADDRESS, STATUS_INVALID_BUFFER_SIZE,
    STATUS_INVALID_PARAMETER, STATUS_NETWORK_UNREACHABLE, STATUS_PENDING, STATUS_SHARING_VIOLATION, STATUS_SUCCESS,
};

contract! {
    "CONN-04" conn_04, "a connect completes when the peer's consumer has answered, not before";
    "CONN-05" conn_05, "other families and short lengths are refused";
    "CONN-06" conn_06, "a local address that the adapter does not have is refused";
    "CONN-07" conn_07, "a local port in use by a listener, an endpoint or a connector is refused";
    "CONN-09" conn_09, "private data up to MaxCallerData arrives, more is refused";
    "CONN-10" conn_10, "the same pair of addresses twice is refused";
    "CONN-11" conn_11, "nobody who listens, a paused or closing listener and a reject refuse";
    "CONN-12" conn_12, "a network without a route cannot be reached";
    "CONN-13" conn_13, "a host that is not there cannot be reached";
    "CONN-15" conn_15, "no limit runs while the peer's consumer takes its time";
    "CONN-17" conn_17, "a QP that connects or is connected is refused";
    "CONN-18" conn_18, "a successful connect does not yet let the QP send";
    "CONN-19" conn_19, "many connectors connect from one shared endpoint";
    "CONN-20" conn_20, "one endpoint connects to one remote address once";
}

fn conn_04(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let mut meeting = ends.meet()?;
        if let Some(connecting) = &meeting.connecting {
            run.status(connecting.inline(), STATUS_PENDING, "CONN-04 a connect pends")?;
            stays_pending(run, connecting, "CONN-04 a connect does not complete before the answer")?;
        }
        meeting.accept()?;
        let mut other = ends.meet()?;
        run.ok(other.passive.reject(&[]), "CONN-40 NdkReject")?;
        other.connect_ends(STATUS_CONNECTION_REFUSED, "CONN-04 a connect completes when the peer has rejected")
    })
}

fn conn_05(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let (listener, to) = ends.listen(0)?;
        let (from, to) = (Bytes::of(&ends.from), Bytes::of(&to));
        let other = match ends.family {
            Family::V4 => Bytes::of(&Address::v6([0xFE; 16], 0, 5)),
            Family::V6 => Bytes::of(&Address::v4([10, 1, 1, 1], 5)),
        };
        let short = ends.family.length() - 1;
        let none = (ptr::null_mut(), 0);
        for (from, to, status, what) in [
            (from.with_family(99), to, STATUS_INVALID_ADDRESS, "CONN-05 another family of the source"),
            (from, to.with_family(99), STATUS_INVALID_ADDRESS, "CONN-05 another family of the destination"),
            (from.with_family(0), to, STATUS_INVALID_ADDRESS, "CONN-05 no family"),
            (from.with_length(short), to, STATUS_INVALID_PARAMETER, "CONN-05 a short source"),
            (from, to.with_length(short), STATUS_INVALID_PARAMETER, "CONN-05 a short destination"),
            (from.with_length(0), to, STATUS_INVALID_PARAMETER, "CONN-05 no source"),
            (from, to.with_length(1), STATUS_INVALID_PARAMETER, "CONN-05 a byte of a destination"),
            (from, other, STATUS_INVALID_PARAMETER, "CONN-05 families that differ"),
        ] {
            let side = Side::new(&ends.active)?;
            let connector = ends.active.connector()?;
            connect_raw(&connector, &side.qp, &from, &to, none)?.wait()?.is(run, status, what)?;
        }
        run.equal(listener.events(), 0u32, "CONN-05 no request went out")?;
        // A longer buffer is welcome.
        let side = Side::new(&ends.active)?;
        let connector = ends.active.connector()?;
        let connecting = connect_raw(&connector, &side.qp, &from.with_length(128), &to.with_length(64), none)?;
        run.status(connecting.inline(), STATUS_PENDING, "CONN-05 lengths are at least 16 and 28")?;
        let delivered = listener.next()?;
        let family = match ends.family {
            Family::V4 => AF_INET,
            Family::V6 => AF_INET6,
        };
        let peer = Bytes::of(&delivered.peer_address().1);
        run.check(u16::from_ne_bytes([peer.socket[0], peer.socket[1]]) == family, "CONN-05 the family arrives")?;
        run.ok(delivered.reject(&[]), "CONN-40 NdkReject")?;
        connecting.wait()?.is(run, STATUS_CONNECTION_REFUSED, "CONN-11 a reject")
    })
}

fn conn_06(job: &Job) -> Result {
    each(job, |ends| {
        let (_listener, to) = ends.listen(0)?;
        let (foreign, any) = match ends.family {
            Family::V4 => (Address::v4([192, 0, 2, 77], 0), Address::v4([0; 4], 0)),
            Family::V6 => (Address::v6(DOCUMENTATION, 0, 0), Address::v6([0; 16], 0, 0)),
        };
        let what = "CONN-06 a local address that the adapter has not";
        ends.connect_gives(&foreign, &to, STATUS_INVALID_ADDRESS, what)?;
        ends.connect_gives(&foreign.with_port(PORT), &to, STATUS_INVALID_ADDRESS, what)?;
        ends.connect_gives(&any, &to, STATUS_INVALID_ADDRESS, "CONN-06 all addresses are none")?;
        if ends.place == Place::Across {
            ends.connect_gives(&ends.to, &to, STATUS_INVALID_ADDRESS, "CONN-06 an address of the other adapter")?;
        }
        Ok(())
    })
}

/// An address that nobody has, from the range for documentation.
const DOCUMENTATION: [u8; 16] = [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77];

fn conn_07(job: &Job) -> Result {
    each(job, |ends| {
        let (_listener, to) = ends.listen(0)?;
        let (_taken, by_listener) = listening(&ends.active, &ends.from)?;
        ends.connect_gives(&by_listener, &to, STATUS_SHARING_VIOLATION, "CONN-07 a listener's port")?;
        let endpoint = ends.active.endpoint(&ends.from)?;
        let by_endpoint = endpoint.local_address().1;
        ends.connect_gives(&by_endpoint, &to, STATUS_SHARING_VIOLATION, "CONN-07 an endpoint's port")?;
        let meeting = ends.meet()?;
        let by_connector = meeting.active.local_address().1;
        ends.connect_gives(&by_connector, &to, STATUS_SHARING_VIOLATION, "CONN-07 a connector's port")
    })
}

fn conn_09(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let most = ends.active.info()?.MaxCallerData as usize;
        let bytes: [u8; 512] = numbered(3);
        let (Some(exact), Some(over)) = (bytes.get(..most), bytes.get(..most + 1)) else {
            return run.check(false, "room in the test for MaxCallerData");
        };
        let meeting = ends.meet_with(0, Limits::default(), exact)?;
        let mut seen = [0; 512];
        let data = meeting.passive.connection_data(&mut seen).ok(run, "CONN-55 a large enough buffer")?;
        run.equal(data.length, most, "CONN-09 exactly that many bytes arrive")?;
        run.check(seen.get(..most) == Some(exact), "CONN-09 the bytes arrive")?;

        let side = Side::new(&ends.active)?;
        let (_listener, to) = ends.listen(0)?;
        let connector = ends.active.connector()?;
        let answer = connector.connect(&side.qp, &ends.from, &to, Limits::default(), over)?.wait()?;
        answer.is(run, STATUS_INVALID_BUFFER_SIZE, "CONN-09 more than MaxCallerData")?;
        let (from, to) = (Bytes::of(&ends.from), Bytes::of(&to));
        let answer = connect_raw(&connector, &side.qp, &from, &to, (ptr::null_mut(), 8))?.wait()?;
        answer.is(run, STATUS_INVALID_PARAMETER, "CONN-09 NULL with a length")?;
        let connecting = connect_raw(&connector, &side.qp, &from, &to, (ptr::null_mut(), 0))?;
        run.status(connecting.inline(), STATUS_PENDING, "CONN-09 NULL without a length is normal")?;
        let delivered = _listener.next()?;
        let data = delivered.connection_data(&mut []).ok(run, "CONN-54 the size query")?;
        run.equal(data.length, 0u32, "CONN-09 no bytes arrive")
    })
}

fn conn_10(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet()?;
        let from = meeting.active.local_address().1;
        let what = "CONN-10 the same pair of addresses and ports";
        ends.connect_gives(&from, &meeting.to, STATUS_ADDRESS_ALREADY_EXISTS, what)?;
        meeting.accept()?;
        meeting.complete()?;
        ends.connect_gives(&from, &meeting.to, STATUS_ADDRESS_ALREADY_EXISTS, what)?;
        ends.run.equal(meeting.listener.events(), 1u32, "CONN-10 only the first went out")?;
        meeting.works()
    })
}

fn conn_11(job: &Job) -> Result {
    each(job, |ends| {
        let refused = STATUS_CONNECTION_REFUSED;
        let (listener, to) = ends.listen(0)?;
        listener.pause(Pause::Pause);
        ends.connect_gives(&ends.from, &to, refused, "CONN-11 a paused listener")?;
        ends.run.equal(listener.events(), 0u32, "CONN-11 no event")?;
        listener.close()?;
        ends.connect_gives(&ends.from, &to, refused, "CONN-11 nobody listens")?;
        let mut meeting = ends.meet()?;
        let closing = meeting.listener.start_close()?;
        ends.run.check(!closing.is_complete(), "LSN-21 the close pends")?;
        ends.connect_gives(&ends.from, &meeting.to, refused, "CONN-11 a closing listener")?;
        ends.run.ok(meeting.passive.reject(&[]), "CONN-40 NdkReject")?;
        meeting.connect_ends(refused, "CONN-11 a reject")?;
        let Meeting { passive, .. } = meeting;
        passive.close()?;
        closing.ok("LSN-21 the close ends").map(drop)
    })
}

fn conn_12(job: &Job) -> Result {
    each(job, |ends| {
        // A network kept for documentation, to which nobody has a route.
        let far = match ends.family {
            Family::V4 => Address::v4([192, 0, 2, 77], PORT),
            Family::V6 => Address::v6([0x20, 0x01, 0x0D, 0xB8, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 0, PORT),
        };
        let unreachable = "CONN-12 no route to the network";
        ends.connect_gives(&ends.from, &far, STATUS_NETWORK_UNREACHABLE, unreachable)?;
        // The connector and its QP may be used again (CONN-30).
        let side = Side::new(&ends.active)?;
        let (connector, connecting) = ends.connect(&side, &far)?;
        connecting.wait()?.is(ends.run, STATUS_NETWORK_UNREACHABLE, unreachable)?;
        let (listener, to) = ends.listen(0)?;
        let again = connector.connect(&side.qp, &ends.from, &to, Limits::default(), &[])?;
        ends.run.ok(listener.next()?.reject(&[]), "CONN-40 NdkReject")?;
        again.wait()?.is(ends.run, STATUS_CONNECTION_REFUSED, "CONN-11 a reject")?;
        // From an endpoint likewise (CONN-19).
        let endpoint = ends.active.endpoint(&ends.from)?;
        let connector = ends.active.connector()?;
        let connecting = connector.connect_from(&side.qp, &endpoint, &far, Limits::default(), &[])?;
        connecting.wait()?.is(ends.run, STATUS_NETWORK_UNREACHABLE, unreachable)
    })
}

fn conn_13(job: &Job) -> Result {
    each(job, |ends| {
        let [target, _] = ends.run.request.adapters;
        // A neighbour on the link that is not there.
        let nobody = match ends.family {
            Family::V4 => {
                let [a, b, c, _] = target.ipv4;
                Address::v4([a, b, c, 251], PORT)
            }
            Family::V6 => {
                let mut bytes = target.ipv6;
                bytes[15] = 0xFB;
                Address::v6(bytes, target.ipv6_scope, PORT)
            }
        };
        ends.connect_gives(&ends.from, &nobody, STATUS_HOST_UNREACHABLE, "CONN-13 nobody has the address")
    })
}

fn conn_15(job: &Job) -> Result {
    once(job, |ends| {
        let mut meeting = ends.meet()?;
        for _ in 0..10 {
            if let Some(connecting) = &meeting.connecting {
                stays_pending(ends.run, connecting, "CONN-15 a connect waits for the peer's consumer")?;
            }
        }
        meeting.accept()?;
        meeting.complete()?;
        meeting.works()
    })
}

fn conn_17(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let mut meeting = ends.meet()?;
        let connector = ends.active.connector()?;
        let active = STATUS_CONNECTION_ACTIVE;
        let (_listener, to) = ends.listen(0)?;
        let connect = || connector.connect(&meeting.active_side.qp, &ends.from, &to, Limits::default(), &[])?.wait();
        connect()?.is(run, active, "CONN-17 a QP that is connecting")?;
        meeting.accept()?;
        meeting.complete()?;
        let connect = || connector.connect(&meeting.active_side.qp, &ends.from, &to, Limits::default(), &[])?.wait();
        connect()?.is(run, active, "CONN-17 a QP that is connected")?;
        meeting.works()
    })
}

fn conn_18(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        let status = meeting.active_side.qp.send(1, &[], 0);
        ends.run.status(status, STATUS_CONNECTION_INVALID, "CONN-18 not before complete-connect")?;
        meeting.complete()?;
        meeting.works()
    })
}

fn conn_19(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let endpoint = ends.active.endpoint(&ends.from)?;
        let from = endpoint.local_address().1;
        run.check(DYNAMIC.contains(&from.port()), "SEP-04 port 0 picks one")?;
        let limits = Limits::default();
        let mut first = None;
        for _ in 0..3 {
            let (listener, to) = ends.listen(0)?;
            let (active, passive) = (Side::new(&ends.active)?, Side::new(&ends.passive)?);
            let connector = ends.active.connector()?;
            let connecting = connector.connect_from(&active.qp, &endpoint, &to, limits, b"from an endpoint")?;
            run.status(connecting.inline(), STATUS_PENDING, "CONN-19 a connect pends")?;
            let delivered = listener.next()?;
            run.check(delivered.peer_address().1 == from, "CONN-19 from the endpoint's address")?;
            let mut data = [0; 16];
            delivered.connection_data(&mut data).ok(run, "CONN-49 the data of the connect")?;
            run.check(&data == b"from an endpoint", "CONN-19 private data")?;
            let accepting = delivered.accept(&passive.qp, limits, &[])?;
            connecting.ok("CONN-19 NdkConnectWithSharedEndpoint")?;
            connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
            accepting.ok("CONN-32 NdkAccept")?;
            message(run, &active, &passive)?;
            // The first connection stands beside the others.
            first.get_or_insert((connector, delivered, active, passive, listener));
        }
        if let Some((_, _, active, passive, _)) = &first {
            message(run, active, passive)?;
        }
        let (listener, to) = ends.listen(0)?;
        listener.close()?;
        let side = Side::new(&ends.active)?;
        let connector = ends.active.connector()?;
        let answer = connector.connect_from(&side.qp, &endpoint, &to, limits, &[])?.wait()?;
        answer.is(run, STATUS_CONNECTION_REFUSED, "CONN-19 nobody listens")
    })
}

fn conn_20(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let endpoint = ends.active.endpoint(&ends.from)?;
        let (listener, to) = ends.listen(0)?;
        let (one, two) = (Side::new(&ends.active)?, Side::new(&ends.active)?);
        let first = ends.active.connector()?;
        let connecting = first.connect_from(&one.qp, &endpoint, &to, Limits::default(), &[])?;
        let delivered = listener.next()?;
        let second = ends.active.connector()?;
        let answer = second.connect_from(&two.qp, &endpoint, &to, Limits::default(), &[])?.wait()?;
        answer.is(run, STATUS_ADDRESS_ALREADY_EXISTS, "CONN-20 the same remote address and port")?;
        run.ok(delivered.reject(&[]), "CONN-40 NdkReject")?;
        connecting.wait()?.is(run, STATUS_CONNECTION_REFUSED, "CONN-11 a reject")?;
        // The first attempt is over: the second may go.
        let again = second.connect_from(&two.qp, &endpoint, &to, Limits::default(), &[])?;
        run.status(again.inline(), STATUS_PENDING, "CONN-20 the pair is free again")?;
        listener.next()?.close()?;
        again.wait()?.is(run, STATUS_CONNECTION_REFUSED, "CONN-45 a close rejects")?;
        time::sleep(0);
        run.check(endpoint.local_address().0 == STATUS_SUCCESS, "SEP-07 the endpoint has its address")
    })
}
