//! `CONN-01` to `CONN-03`: the connector as an object, and calls in states where they have no meaning.

use crate::{
    contract::ends::{Ends, Side, each, once},
    ndk::{Connector, Limits},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    GUID, NDK_CONNECTOR_DISPATCH, NDK_EXTENSION_INTERFACE, NDK_VERSION, NTSTATUS, NdkObjectTypeConnector,
    STATUS_CONNECTION_INVALID, STATUS_INVALID_DEVICE_STATE, STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_SUCCESS,
};

contract! {
    "CONN-01" conn_01, "a new connector is idle and has its type";
    "CONN-02" conn_02, "the table has its thirteen entries in order";
    "CONN-03" conn_03, "a call without a meaning in the state is refused and changes nothing";
}

fn conn_01(job: &Job) -> Result {
    once(job, |ends| {
        let run = ends.run;
        let created = ends.active.create_connector()?;
        let inline = created.answer.inline;
        run.check(inline == STATUS_SUCCESS || inline == STATUS_PENDING, "CONN-01 a create succeeds or pends")?;
        let connector = created.ok("CONN-01 NdkCreateConnector")?;
        // SAFETY: the connector is open and begins with a header.
        let kind = unsafe { (*connector.header()).ObjectType };
        run.check(kind == NdkObjectTypeConnector && kind == 8, "CONN-01 type 8")?;
        idle(ends, &connector)?;
        connector.close().map(drop)
    })
}

fn idle(ends: &Ends, connector: &Connector) -> Result {
    let (status, _) = connector.local_address();
    ends.run.status(status, STATUS_CONNECTION_INVALID, "CONN-01 an idle connector has no address")
}

fn conn_02(job: &Job) -> Result {
    once(job, |ends| {
        let connector = ends.active.connector()?;
        let table = connector.dispatch();
        const ENTRIES: usize = size_of::<NDK_CONNECTOR_DISPATCH>() / size_of::<usize>();
        // SAFETY: the table is made of function pointers, as long as that many words.
        let words: [usize; ENTRIES] = unsafe { core::mem::transmute_copy(table) };
        ends.run.equal(words.len(), 13usize, "CONN-02 thirteen entries")?;
        for (index, word) in words.iter().enumerate() {
            ends.run.check(*word != 0, "CONN-02 no entry is NULL")?;
            let others = words.iter().skip(index + 1);
            ends.run
                .check(others.into_iter().all(|other| other != word), "CONN-02 each entry is a function of its own")?;
        }
        let named = [
            table.NdkCloseConnector.map(|f| f as usize),
            table.NdkQueryExtension.map(|f| f as usize),
            table.NdkConnect.map(|f| f as usize),
            table.NdkConnectWithSharedEndpoint.map(|f| f as usize),
            table.NdkCompleteConnect.map(|f| f as usize),
            table.NdkAccept.map(|f| f as usize),
            table.NdkReject.map(|f| f as usize),
            table.NdkGetConnectionData.map(|f| f as usize),
            table.NdkGetLocalAddress.map(|f| f as usize),
            table.NdkGetPeerAddress.map(|f| f as usize),
            table.NdkDisconnect.map(|f| f as usize),
            table.NdkCompleteConnectEx.map(|f| f as usize),
            table.NdkAcceptEx.map(|f| f as usize),
        ];
        ends.run.check(named.into_iter().eq(words.into_iter().map(Some)), "CONN-02 the order of the entries")?;
        let mut guid = GUID::default();
        let mut extension = NDK_EXTENSION_INTERFACE::default();
        let status = match table.NdkQueryExtension {
            // SAFETY: the connector is open; GUID and target are locals.
            Some(query) => unsafe {
                query(connector.header(), &mut guid, NDK_VERSION { Major: 1, Minor: 0 }, &mut extension)
            },
            None => STATUS_SUCCESS,
        };
        ends.run.status(status, STATUS_NOT_SUPPORTED, "CONN-02 the second entry asks for extensions")
    })
}

fn conn_03(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let spare = Side::new(&ends.active)?;
        let connector = ends.active.connector()?;
        let accepting = connector.accept(&spare.qp, Limits::default(), &[])?.wait()?;
        accepting.is(run, STATUS_INVALID_DEVICE_STATE, "CONN-03 accept on an idle connector")?;
        refused(ends, &connector, &[End::Disconnect, End::Complete, End::Reject, End::Data, End::Addresses])?;

        // The connector and its QP are as they were: they connect.
        let (listener, to) = ends.listen(0)?;
        let connecting = connector.connect(&spare.qp, &ends.from, &to, Limits::default(), &[])?;
        refused(ends, &connector, &[End::Disconnect, End::Complete, End::Reject, End::Data])?;
        let again = connector.connect(&spare.qp, &ends.from, &to, Limits::default(), &[])?.wait()?;
        again.is(run, STATUS_INVALID_DEVICE_STATE, "CONN-03 connect while connecting")?;

        let delivered = listener.next()?;
        let other = Side::new(&ends.passive)?;
        refused(ends, &delivered, &[End::Disconnect, End::Complete])?;
        let connect = delivered.connect(&other.qp, &ends.to, &to, Limits::default(), &[])?.wait()?;
        connect.is(run, STATUS_INVALID_DEVICE_STATE, "CONN-03 connect on a pending connector")?;
        let accepting = delivered.accept(&other.qp, Limits::default(), &[])?;
        connecting.ok("CONN-03 the refused calls changed nothing")?;
        refused(ends, &delivered, &[End::Disconnect, End::Complete, End::Reject])?;
        refused(ends, &connector, &[End::Disconnect])?;
        connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
        accepting.ok("CONN-32 NdkAccept")?;

        let third = (Side::new(&ends.active)?, Side::new(&ends.passive)?);
        for (end, qp) in [(&connector, &third.0.qp), (&delivered, &third.1.qp)] {
            refused(ends, end, &[End::Complete, End::Reject])?;
            let accepting = end.accept(qp, Limits::default(), &[])?.wait()?;
            accepting.is(run, STATUS_INVALID_DEVICE_STATE, "CONN-03 accept on a connection")?;
        }
        let again = connector.connect(&third.0.qp, &ends.from, &to, Limits::default(), &[])?.wait()?;
        again.is(run, STATUS_INVALID_DEVICE_STATE, "CONN-03 connect on a connection")?;
        super::ends::message(run, &spare, &other)
    })
}

#[derive(Clone, Copy)]
enum End {
    Disconnect,
    Complete,
    Reject,
    Data,
    Addresses,
}

fn refused(ends: &Ends, connector: &Connector, calls: &[End]) -> Result {
    for call in calls {
        let statuses: [NTSTATUS; 2] = match call {
            End::Disconnect => [connector.disconnect()?.wait()?.status; 2],
            End::Complete => [connector.complete_connect()?.wait()?.status; 2],
            End::Reject => [connector.reject(&[]); 2],
            End::Data => [connector.connection_data(&mut []).status; 2],
            End::Addresses => [connector.local_address().0, connector.peer_address().0],
        };
        for status in statuses {
            ends.run.status(status, STATUS_CONNECTION_INVALID, "CONN-03 a call without a meaning in the state")?;
        }
    }
    Ok(())
}
