//! The four NDK OIDs: `OID-01` to `OID-37`, `STATE-01` to `STATE-06`.

use ndkpi_sys as sys;
use softndk_abi::cm::{Address, Ip};
use softndk_nt::irql::{Cx, Passive};
use softndk_nt::ndis::Status;
use softndk_nt::ndis::oid::{Query, Set};
use softndk_nt::pool::{KSlice, NoMemory};
use softndk_nt::pure::bytes::Writer;
use softndk_nt::pure::ndk_answer::{self, CONNECTION, ENDPOINT, NdkCounters, Socket};

use super::{Miniport, TAG, config};

/// OID_NDK_STATISTICS. IRQL: at most DISPATCH_LEVEL.
pub fn statistics(miniport: &Miniport, query: &mut Query<'_>) -> Status {
    let counters = miniport.device().counters().snapshot();
    let counters = NdkCounters {
        connect: counters.connect,
        accept: counters.accept,
        connect_failure: counters.connect_failure,
        connection_error: counters.connection_error,
        active: counters.active_connection,
        cq_error: counters.cq_error,
        in_octets: counters.in_octets,
        out_octets: counters.out_octets,
        in_frames: counters.in_frames,
        out_frames: counters.out_frames,
    };
    query.answer(&counters.answer())
}

/// OID_NDK_CONNECTIONS.
pub fn connections(miniport: &Miniport, query: &mut Query<'_>, cx: &mut Cx<Passive>) -> Status {
    list(query, CONNECTION, |out| {
        let mut count: usize = 0;
        miniport.device().connections(cx.lend(), |local, remote| {
            ndk_answer::connection(out, socket(local), socket(remote));
            count = count.saturating_add(1);
        });
        count
    })
}

/// OID_NDK_LOCAL_ENDPOINTS.
pub fn endpoints(miniport: &Miniport, query: &mut Query<'_>, cx: &mut Cx<Passive>) -> Status {
    list(query, ENDPOINT, |out| {
        let mut count: usize = 0;
        miniport.device().endpoints(cx.lend(), |local, listener| {
            ndk_answer::endpoint(out, socket(local), listener);
            count = count.saturating_add(1);
        });
        count
    })
}

/// How often a list that grows while it is read is read again.
const TRIES: usize = 8;

/// Answers with a list. `write` writes all entries there are, as far as they fit, and says how many
/// there are. They are gathered in memory of our own first, since a list that is too long for the
/// request leaves its buffer alone (`OID-34`), and the entries are visited under a lock.
fn list(query: &mut Query<'_>, entry: usize, mut write: impl FnMut(&mut Writer<'_>) -> usize) -> Status {
    let mut room = write(&mut Writer::new(&mut []));
    for _ in 0..TRIES {
        let Ok(mut entries) = KSlice::<u8>::try_zeroed(TAG, ndk_answer::list_bytes(room, entry)) else {
            let NoMemory = NoMemory;
            return sys::NDIS_STATUS_RESOURCES;
        };
        let (head, body) = entries.split_at_mut(ndk_answer::LIST_HEAD);
        let count = write(&mut Writer::new(body));
        if count <= room {
            ndk_answer::head(&mut Writer::new(head), count, entry);
            let length = ndk_answer::list_bytes(count, entry);
            return entries.get(..length).map_or(sys::NDIS_STATUS_FAILURE, |bytes| query.answer(bytes));
        }
        room = count;
    }
    sys::NDIS_STATUS_RESOURCES
}

/// OID_NDK_SET_STATE: says what is wanted; the adapter's thread raises the event (`STATE-08`).
pub fn set_state(miniport: &Miniport, set: &mut Set<'_>, cx: &mut Cx<Passive>) -> Status {
    let enable: [u8; 1] = match set.exactly() {
        Ok(byte) => byte,
        Err(status) => return status,
    };
    let enable = enable != [0];
    if enable && !config::network_direct(miniport.handle(), cx) {
        return set.refuse(sys::NDIS_STATUS_NOT_SUPPORTED, 0);
    }
    let status = set.done(1);
    miniport.ndk.want(enable, cx);
    status
}

const fn socket(address: Address) -> Socket {
    match address.ip {
        Ip::V4(octets) => Socket::V4(octets, address.port),
        Ip::V6(octets, scope) => Socket::V6(octets, scope, address.port),
    }
}
