//! `SEP-*`: shared endpoints.

use crate::{
    contract::ends::{Bytes, DYNAMIC, PORT, Side, each, listening, message, once, stays_pending},
    ndk::{Address, Endpoint, Family, Limits, Place, request},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    GUID, NDK_EXTENSION_INTERFACE, NDK_SHARED_ENDPOINT_DISPATCH, NDK_VERSION, NTSTATUS, NdkObjectTypeSharedEndpoint,
    STATUS_BUFFER_TOO_SMALL, STATUS_CONNECTION_REFUSED, STATUS_INVALID_ADDRESS, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_SHARING_VIOLATION, STATUS_SUCCESS,
};

contract! {
    "SEP-01" sep_01, "an endpoint has its type and owns address and port";
    "SEP-02" sep_02, "an address that the adapter does not have is refused";
    "SEP-03" sep_03, "an address and port in use are refused";
    "SEP-06" sep_06, "the table has its three entries in order";
    "SEP-07" sep_07, "the local address follows the rules of all address queries";
    "SEP-08" sep_08, "connectors connected through it have its address";
    "SEP-09" sep_09, "a connect to its address is refused";
    "SEP-10" sep_10, "address and port stay taken until all its connectors are closed";
    "SEP-11" sep_11, "other families, short lengths and the wildcard are refused";
}

fn sep_01(job: &Job) -> Result {
    each(job, |ends| {
        let created = ends.active.create_endpoint(&ends.from.with_port(PORT))?;
        let inline = created.answer.inline;
        ends.run.check(inline == STATUS_SUCCESS || inline == STATUS_PENDING, "SEP-01 a create succeeds or pends")?;
        let endpoint = created.ok("SEP-01 NdkCreateSharedEndpoint")?;
        // SAFETY: the endpoint is open and begins with a header.
        let kind = unsafe { (*endpoint.header()).ObjectType };
        ends.run.check(kind == NdkObjectTypeSharedEndpoint && kind == 7, "SEP-01 type 7")?;
        let (status, own) = endpoint.local_address();
        ends.run.ok(status, "SEP-07 the endpoint's address")?;
        ends.run.check(own == ends.from.with_port(PORT), "SEP-01 the address asked for")?;
        ends.listen_gives(&own, STATUS_SHARING_VIOLATION, "SEP-01 it owns address and port")?;
        endpoint.close()?;
        ends.listen_gives(&own, STATUS_SUCCESS, "SEP-10 until it is closed")
    })
}

fn sep_02(job: &Job) -> Result {
    each(job, |ends| {
        let foreign = match ends.family {
            Family::V4 => Address::v4([192, 0, 2, 77], PORT),
            Family::V6 => Address::v6([0xFD; 16], 0, PORT),
        };
        let what = "SEP-02 an address that the adapter has not";
        ends.active.create_endpoint(&foreign)?.fails(STATUS_INVALID_ADDRESS, what)?;
        ends.active.create_endpoint(&foreign.with_port(0))?.fails(STATUS_INVALID_ADDRESS, what)?;
        if ends.place == Place::Across {
            ends.active.create_endpoint(&ends.to)?.fails(STATUS_INVALID_ADDRESS, what)?;
        }
        Ok(())
    })
}

fn sep_03(job: &Job) -> Result {
    each(job, |ends| {
        let endpoint = ends.active.endpoint(&ends.from.with_port(PORT))?;
        let (_listener, listened) = listening(&ends.active, &ends.from)?;
        let meeting = ends.meet()?;
        for taken in [endpoint.local_address().1, listened, meeting.active.local_address().1] {
            let created = ends.active.create_endpoint(&taken)?;
            created.fails(STATUS_SHARING_VIOLATION, "SEP-03 address and port in use")?;
        }
        Ok(())
    })
}

fn sep_06(job: &Job) -> Result {
    once(job, |ends| {
        let endpoint = ends.active.endpoint(&ends.from)?;
        let table = endpoint.dispatch();
        ends.run.equal(size_of::<NDK_SHARED_ENDPOINT_DISPATCH>(), 24usize, "SEP-06 three entries")?;
        // SAFETY: the table is made of three function pointers.
        let words: [usize; 3] = unsafe { core::mem::transmute_copy(table) };
        let named = [
            table.NdkCloseSharedEndpoint.map(|f| f as usize),
            table.NdkQueryExtension.map(|f| f as usize),
            table.NdkGetLocalAddress.map(|f| f as usize),
        ];
        ends.run.check(named.into_iter().eq(words.into_iter().map(Some)), "SEP-06 the order, and none is NULL")?;
        let mut guid = GUID::default();
        let mut extension = NDK_EXTENSION_INTERFACE::default();
        let version = NDK_VERSION { Major: 1, Minor: 0 };
        let status = match table.NdkQueryExtension {
            // SAFETY: the endpoint is open; GUID and target are locals.
            Some(query) => unsafe { query(endpoint.header(), &mut guid, version, &mut extension) },
            None => STATUS_SUCCESS,
        };
        ends.run.status(status, STATUS_NOT_SUPPORTED, "SEP-06 the second entry asks for extensions")?;
        ends.run.ok(endpoint.local_address().0, "SEP-06 the third gives the address")?;
        endpoint.close().map(drop)
    })
}

fn local(endpoint: &Endpoint, target: &mut Bytes) -> NTSTATUS {
    match endpoint.dispatch().NdkGetLocalAddress {
        // SAFETY: the endpoint is open; no test gives a length above that of the buffer.
        Some(get) => unsafe { get(endpoint.raw(), target.socket.as_mut_ptr().cast(), &mut target.length) },
        None => STATUS_NOT_SUPPORTED,
    }
}

fn sep_07(job: &Job) -> Result {
    each(job, |ends| {
        let endpoint = ends.active.endpoint(&ends.from.with_port(PORT))?;
        let needed = ends.family.length();
        let wanted = Bytes::of(&ends.from.with_port(PORT)).socket;
        let mut target = Bytes { socket: [0; 128], length: 128 };
        ends.run.ok(local(&endpoint, &mut target), "SEP-07 a larger buffer")?;
        ends.run.equal(target.length, needed, "SEP-07 the size written")?;
        ends.run.check(target.socket == wanted, "SEP-07 the address")?;
        let mut short = Bytes { socket: [0xEE; 128], length: needed - 1 };
        let status = local(&endpoint, &mut short);
        ends.run.status(status, STATUS_BUFFER_TOO_SMALL, "SEP-07 too small a buffer")?;
        ends.run.equal(short.length, needed, "SEP-07 the required size")?;
        ends.run.check(short.socket == [0xEE; 128], "SEP-07 the buffer is unchanged")?;
        let mut length = 0;
        let status = match endpoint.dispatch().NdkGetLocalAddress {
            // SAFETY: the endpoint is open; NULL with 0 asks for the size.
            Some(get) => unsafe { get(endpoint.raw(), core::ptr::null_mut(), &mut length) },
            None => STATUS_NOT_SUPPORTED,
        };
        ends.run.status(status, STATUS_BUFFER_TOO_SMALL, "SEP-07 the size query")?;
        ends.run.equal(length, needed, "SEP-07 the required size")?;
        let picked = ends.active.endpoint(&ends.from)?.local_address().1;
        ends.run.check(DYNAMIC.contains(&picked.port()), "SEP-07 a port that was picked is reported")
    })
}

fn sep_08(job: &Job) -> Result {
    each(job, |ends| {
        let endpoint = ends.active.endpoint(&ends.from)?;
        let own = endpoint.local_address().1;
        let side = Side::new(&ends.active)?;
        let (listener, to) = ends.listen(0)?;
        let connector = ends.active.connector()?;
        let _connecting = connector.connect_from(&side.qp, &endpoint, &to, Limits::default(), &[])?;
        let delivered = listener.next()?;
        let (status, seen) = connector.local_address();
        ends.run.ok(status, "ADR-01 the local address")?;
        ends.run.check(seen == own, "SEP-08 the endpoint's address")?;
        ends.run.check(delivered.peer_address().1 == own, "SEP-08 as the peer sees it")
    })
}

fn sep_09(job: &Job) -> Result {
    each(job, |ends| {
        let endpoint = ends.passive.endpoint(&ends.to)?;
        let (status, to) = endpoint.local_address();
        ends.run.ok(status, "SEP-07 the endpoint's address")?;
        ends.connect_gives(&ends.from, &to, STATUS_CONNECTION_REFUSED, "SEP-09 it takes no requests")
    })
}

fn sep_10(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let taken = STATUS_SHARING_VIOLATION;
        let at = ends.from.with_port(PORT);
        let endpoint = ends.active.endpoint(&at)?;
        let (active, passive) = (Side::new(&ends.active)?, Side::new(&ends.passive)?);
        let (listener, to) = ends.listen(0)?;
        let connector = ends.active.connector()?;
        let connecting = connector.connect_from(&active.qp, &endpoint, &to, Limits::default(), &[])?;
        let delivered = listener.next()?;
        let accepting = delivered.accept(&passive.qp, Limits::default(), &[])?;
        connecting.ok("CONN-19 NdkConnectWithSharedEndpoint")?;
        connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
        accepting.ok("CONN-32 NdkAccept")?;
        let closing = endpoint.start_close()?;
        run.status(closing.inline(), STATUS_PENDING, "SEP-10 the close pends")?;
        ends.listen_gives(&at, taken, "SEP-10 the address stays taken")?;
        message(run, &active, &passive)?;
        let leaving = connector.disconnect()?;
        delivered.disconnect()?.ok("CONN-61 NdkDisconnect")?;
        leaving.ok("CONN-61 NdkDisconnect")?;
        stays_pending(run, &closing, "SEP-10 until the connectors are closed")?;
        ends.active.create_endpoint(&at)?.fails(taken, "SEP-10 the address stays taken")?;
        connector.start_close()?.ok("LIFE-01 closing cannot fail")?;
        closing.ok("SEP-10 then the close completes")?;
        ends.listen_gives(&at, STATUS_SUCCESS, "SEP-10 and the address is free")?;
        // The other order: the connectors first. Then the endpoint alone has the address.
        let endpoint = ends.active.endpoint(&at)?;
        ends.listen_gives(&at, taken, "SEP-10 the address is the endpoint's")?;
        endpoint.close()?;
        ends.listen_gives(&at, STATUS_SUCCESS, "SEP-10 until its close")
    })
}

fn sep_11(job: &Job) -> Result {
    each(job, |ends| {
        let from = Bytes::of(&ends.from);
        let any = match ends.family {
            Family::V4 => Address::v4([0; 4], 0),
            Family::V6 => Address::v6([0; 16], 0, 0),
        };
        for (address, status, what) in [
            (from.with_family(99), STATUS_INVALID_ADDRESS, "SEP-11 another family"),
            (from.with_length(ends.family.length() - 1), STATUS_INVALID_PARAMETER, "SEP-11 a short length"),
            (from.with_length(0), STATUS_INVALID_PARAMETER, "SEP-11 no bytes"),
            (Bytes::of(&any), STATUS_INVALID_ADDRESS, "SEP-11 the wildcard"),
            (Bytes::of(&any.with_port(PORT)), STATUS_INVALID_ADDRESS, "SEP-11 the wildcard with a port"),
        ] {
            let (mut address, mut made) = (address, core::ptr::null_mut());
            let answer = request::submit(ends.run, |context| match ends.active.dispatch().NdkCreateSharedEndpoint {
                // SAFETY: the adapter is open; the address has room for its length; what is not created needs
                // no close.
                Some(create) => unsafe {
                    create(
                        ends.active.raw(),
                        address.as_ptr(),
                        address.length,
                        Some(request::on_create),
                        context,
                        &mut made,
                    )
                },
                None => STATUS_NOT_SUPPORTED,
            })?
            .wait()?;
            answer.is(ends.run, status, what)?;
            ends.run.check(made.is_null() && answer.object.is_null(), "CMP-08 a failing create delivers no object")?;
        }
        Ok(())
    })
}
