//! `LSN-01` to `LSN-13`: listening, and what a request brings.

use crate::{
    contract::ends::{Bytes, DYNAMIC, Ends, PORT, Side, each, listening, once},
    kernel::{Event, Shared, time},
    ndk::{Address, Family, Limits, Listener, ListenerOptions, Place, Submitted, request},
    run::Result,
    workload::Job,
};
use core::sync::atomic::{AtomicU32, Ordering};
use ndkpi_sys::{
    GUID, NDK_CONNECTOR, NDK_EXTENSION_INTERFACE, NDK_LISTENER_DISPATCH, NDK_VERSION, NdkObjectTypeConnector,
    NdkObjectTypeListener, PVOID, STATUS_CONNECTION_INVALID, STATUS_CONNECTION_REFUSED, STATUS_INVALID_ADDRESS,
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_PENDING,
    STATUS_SHARING_VIOLATION, STATUS_SUCCESS,
};

contract! {
    "LSN-01" lsn_01, "a new listener has its type and does not listen";
    "LSN-02" lsn_02, "the table has its five entries in order";
    "LSN-03" lsn_03, "from a successful listen on requests give events";
    "LSN-04" lsn_04, "an address that the adapter does not have is refused";
    "LSN-05" lsn_05, "an address and port in use are refused";
    "LSN-08" lsn_08, "the wildcard listens on all addresses of its family";
    "LSN-09" lsn_09, "a second listen is refused, a failed one can be repeated";
    "LSN-10" lsn_10, "other families and short lengths are refused";
    "LSN-11" lsn_11, "each request gives one event with a pending connector";
    "LSN-12" lsn_12, "events of one listener do not overlap";
    "LSN-13" lsn_13, "no event comes before the listen";
}

fn lsn_01(job: &Job) -> Result {
    once(job, |ends| {
        let created = ends.passive.create_listener(ListenerOptions::Queue)?;
        let inline = created.answer.inline;
        ends.run.check(inline == STATUS_SUCCESS || inline == STATUS_PENDING, "LSN-01 a create succeeds or pends")?;
        let listener = created.ok("LSN-01 NdkCreateListener")?;
        // SAFETY: the listener is open and begins with a header.
        let kind = unsafe { (*listener.header()).ObjectType };
        ends.run.check(kind == NdkObjectTypeListener && kind == 9, "LSN-01 type 9")?;
        let status = listener.local_address().0;
        ends.run.status(status, STATUS_INVALID_DEVICE_STATE, "LSN-01 it does not listen yet")?;
        listener.close().map(drop)
    })
}

fn lsn_02(job: &Job) -> Result {
    once(job, |ends| {
        let listener = ends.passive.listener()?;
        let table = listener.dispatch();
        ends.run.equal(size_of::<NDK_LISTENER_DISPATCH>(), 40usize, "LSN-02 five entries")?;
        // SAFETY: the table is made of five function pointers.
        let words: [usize; 5] = unsafe { core::mem::transmute_copy(table) };
        let named = [
            table.NdkCloseListener.map(|f| f as usize),
            table.NdkQueryExtension.map(|f| f as usize),
            table.NdkListen.map(|f| f as usize),
            table.NdkGetLocalAddress.map(|f| f as usize),
            table.NdkControlConnectEvents.map(|f| f as usize),
        ];
        ends.run.check(named.into_iter().eq(words.into_iter().map(Some)), "LSN-02 the order, and none is NULL")?;
        let mut guid = GUID::default();
        let mut extension = NDK_EXTENSION_INTERFACE::default();
        let version = NDK_VERSION { Major: 1, Minor: 0 };
        let status = match table.NdkQueryExtension {
            // SAFETY: the listener is open; GUID and target are locals.
            Some(query) => unsafe { query(listener.header(), &mut guid, version, &mut extension) },
            None => STATUS_SUCCESS,
        };
        ends.run.status(status, STATUS_NOT_SUPPORTED, "LSN-02 the second entry asks for extensions")
    })
}

fn lsn_03(job: &Job) -> Result {
    each(job, |ends| {
        let listener = ends.passive.listener()?;
        let listening = listener.listen(&ends.to.with_port(PORT))?;
        let inline = listening.inline();
        ends.run.check(inline == STATUS_SUCCESS || inline == STATUS_PENDING, "LSN-03 a listen succeeds or pends")?;
        listening.ok("LSN-03 NdkListen")?;
        let (status, at) = listener.local_address();
        ends.run.ok(status, "ADR-01 address of a listener")?;
        ends.run.check(at == ends.to.with_port(PORT), "LSN-03 the address asked for")?;
        let side = Side::new(&ends.active)?;
        let (_connector, _connecting) = ends.connect(&side, &at)?;
        let delivered = listener.next()?;
        ends.run.equal(listener.events(), 1u32, "LSN-03 a request gives an event")?;
        delivered.close().map(drop)
    })
}

/// Expects how a listen of the passive adapter ends.
#[track_caller]
fn gives(ends: &Ends, address: &Address, wanted: i32, what: &'static str) -> Result {
    ends.passive.listener()?.listen(address)?.wait()?.is(ends.run, wanted, what)
}

fn lsn_04(job: &Job) -> Result {
    each(job, |ends| {
        let foreign = match ends.family {
            Family::V4 => Address::v4([192, 0, 2, 77], PORT),
            Family::V6 => Address::v6([0xFD; 16], 0, PORT),
        };
        let what = "LSN-04 an address that the adapter has not";
        gives(ends, &foreign, STATUS_INVALID_ADDRESS, what)?;
        gives(ends, &foreign.with_port(0), STATUS_INVALID_ADDRESS, what)?;
        if ends.place == Place::Across {
            gives(ends, &ends.from, STATUS_INVALID_ADDRESS, what)?;
        }
        Ok(())
    })
}

fn lsn_05(job: &Job) -> Result {
    each(job, |ends| {
        let taken = STATUS_SHARING_VIOLATION;
        let (_listener, at) = ends.listen(PORT)?;
        gives(ends, &at, taken, "LSN-05 a listener's port")?;
        let endpoint = ends.passive.endpoint(&ends.to)?;
        gives(ends, &endpoint.local_address().1, taken, "LSN-05 an endpoint's port")?;
        let meeting = ends.meet()?;
        let by_connector = meeting.active.local_address().1;
        ends.listen_gives(&by_connector, taken, "LSN-05 a connector's port")
    })
}

fn lsn_08(job: &Job) -> Result {
    each(job, |ends| {
        let any = match ends.family {
            Family::V4 => Address::v4([0; 4], PORT),
            Family::V6 => Address::v6([0; 16], 0, PORT),
        };
        let (listener, at) = listening(&ends.passive, &any)?;
        ends.run.equal(at.port(), PORT, "LSN-08 the port asked for")?;
        let side = Side::new(&ends.active)?;
        let to = ends.to.with_port(PORT);
        let (_connector, connecting) = ends.connect(&side, &to)?;
        let delivered = listener.next()?;
        ends.run.check(delivered.local_address().1 == to, "ADR-07 the address that the peer named")?;
        delivered.close()?;
        connecting.wait()?.is(ends.run, STATUS_CONNECTION_REFUSED, "CONN-45 a close rejects")?;
        gives(ends, &to, STATUS_SHARING_VIOLATION, "LSN-08 it has the port of every address")?;
        let other = match ends.family {
            Family::V4 => Family::V6,
            Family::V6 => Family::V4,
        };
        match ends.passive.address(other, PORT) {
            Some(address) => gives(ends, &address, STATUS_SUCCESS, "LSN-08 of its family only"),
            None => Ok(()),
        }
    })
}

fn lsn_09(job: &Job) -> Result {
    each(job, |ends| {
        let (listener, at) = ends.listen(0)?;
        let answer = listener.listen(&ends.to)?.wait()?;
        answer.is(ends.run, STATUS_INVALID_DEVICE_STATE, "LSN-09 listening twice")?;
        ends.run.check(listener.local_address().1 == at, "LSN-09 it listens where it did")?;
        let second = ends.passive.listener()?;
        let answer = second.listen(&at)?.wait()?;
        answer.is(ends.run, STATUS_SHARING_VIOLATION, "LSN-05 address and port in use")?;
        second.listen(&ends.to)?.ok("LSN-09 after a failure it can be tried again")?;
        let port = second.local_address().1.port();
        ends.run.check(DYNAMIC.contains(&port) && port != at.port(), "LSN-06 port 0 picks a free port")
    })
}

#[track_caller]
fn listen_raw(listener: &Listener, address: &Bytes) -> Result<Submitted> {
    let mut address = *address;
    request::submit(listener.run(), |context| match listener.dispatch().NdkListen {
        // SAFETY: the listener is open; the address has room for its length.
        Some(listen) => unsafe {
            listen(listener.raw(), address.as_ptr(), address.length, Some(request::on_request), context)
        },
        None => STATUS_NOT_SUPPORTED,
    })
}

fn lsn_10(job: &Job) -> Result {
    each(job, |ends| {
        let listener = ends.passive.listener()?;
        let at = Bytes::of(&ends.to);
        for (address, status, what) in [
            (at.with_family(99), STATUS_INVALID_ADDRESS, "LSN-10 another family"),
            (at.with_family(0), STATUS_INVALID_ADDRESS, "LSN-10 no family"),
            (at.with_length(ends.family.length() - 1), STATUS_INVALID_PARAMETER, "LSN-10 a short length"),
            (at.with_length(0), STATUS_INVALID_PARAMETER, "LSN-10 no bytes"),
        ] {
            listen_raw(&listener, &address)?.wait()?.is(ends.run, status, what)?;
        }
        listen_raw(&listener, &at.with_length(128))?.ok("LSN-10 a longer buffer").map(drop)
    })
}

fn lsn_11(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let (listener, to) = ends.listen(0)?;
        let version = ends.passive.version();
        for count in 1..=3u32 {
            let side = Side::new(&ends.active)?;
            let (connector, connecting) = ends.connect(&side, &to)?;
            let delivered = listener.next()?;
            run.equal(listener.events(), count, "LSN-11 one event for each request")?;
            // SAFETY: the connector is open and begins with a header.
            let header = unsafe { &*delivered.header() };
            run.check(header.ObjectType == NdkObjectTypeConnector, "LSN-11 a connector")?;
            run.check(header.Version == version, "VER-05 of the listener's version")?;
            run.check(delivered.raw() != connector.raw(), "LSN-11 a new one")?;
            let answer = delivered.disconnect()?.wait()?;
            answer.is(run, STATUS_CONNECTION_INVALID, "LSN-11 it is pending, not connected")?;
            run.ok(delivered.reject(&[]), "LSN-11 it is pending")?;
            connecting.wait()?.is(run, STATUS_CONNECTION_REFUSED, "CONN-40 the peer's connect fails")?;
        }
        listener.none_refused()
    })
}

/// What the connect events of a listener leave behind.
struct Watch {
    all: Event,
    calls: AtomicU32,
    running: AtomicU32,
    overlaps: AtomicU32,
}

unsafe extern "system" fn on_connect(context: PVOID, connector: *mut NDK_CONNECTOR) {
    // SAFETY: the test keeps the watch until the listener is closed.
    let watch = unsafe { Shared::<Watch>::borrow_context(context) };
    if watch.running.fetch_add(1, Ordering::AcqRel) != 0 {
        watch.overlaps.fetch_add(1, Ordering::AcqRel);
    }
    let began = time::now();
    while time::now().wrapping_sub(began) < 500_000 {
        core::hint::spin_loop();
    }
    // SAFETY: the connector is this consumer's from now on.
    if let Some(close) = unsafe { &*(*connector).Dispatch }.NdkCloseConnector {
        // SAFETY: as above; nobody waits for the close but the listener's.
        unsafe { close(connector.cast(), Some(request::on_close), core::ptr::null_mut()) };
    }
    watch.running.fetch_sub(1, Ordering::AcqRel);
    if watch.calls.fetch_add(1, Ordering::AcqRel) == 7 {
        watch.all.set();
    }
}

fn lsn_12(job: &Job) -> Result {
    each(job, |ends| {
        let watch = Shared::try_new(Watch {
            all: Event::manual()?,
            calls: AtomicU32::new(0),
            running: AtomicU32::new(0),
            overlaps: AtomicU32::new(0),
        })?;
        let options = ListenerOptions::Call { function: Some(on_connect), context: watch.as_context() };
        let listener = ends.passive.create_listener(options)?.ok("LSN-01 NdkCreateListener")?;
        listener.listen(&ends.to)?.ok("LSN-03 NdkListen")?;
        let to = listener.local_address().1;
        let mut all = [const { None }; 8];
        for place in &mut all {
            let side = Side::new(&ends.active)?;
            let connector = ends.active.connector()?;
            let connecting = connector.connect(&side.qp, &ends.from, &to, Limits::default(), &[])?;
            *place = Some((connector, side, connecting));
        }
        ends.run.wait(&watch.all, "LSN-11 one event for each request")?;
        for (connector, side, connecting) in all.into_iter().flatten() {
            connecting.wait()?.is(ends.run, STATUS_CONNECTION_REFUSED, "CONN-45 a close rejects")?;
            drop((connector, side));
        }
        listener.close()?;
        ends.run.equal(watch.calls.load(Ordering::Acquire), 8u32, "LSN-11 one event for each request")?;
        ends.run.equal(watch.overlaps.load(Ordering::Acquire), 0u32, "LSN-12 events do not overlap")
    })
}

fn lsn_13(job: &Job) -> Result {
    each(job, |ends| {
        let listener = ends.passive.listener()?;
        let to = ends.to.with_port(PORT);
        ends.connect_gives(&ends.from, &to, STATUS_CONNECTION_REFUSED, "CONN-11 nobody listens yet")?;
        ends.run.equal(listener.events(), 0u32, "LSN-13 no event before the listen")?;
        listener.listen(&to)?.ok("LSN-03 NdkListen")?;
        let side = Side::new(&ends.active)?;
        let (_connector, _connecting) = ends.connect(&side, &to)?;
        listener.next()?.close()?;
        ends.run.equal(listener.events(), 1u32, "LSN-13 the first event is that of the request after it")
    })
}
