//! OID requests to miniports (ndis.md section 4.1).
//!
//! Regular ones are serialised per adapter and made at PASSIVE_LEVEL; direct ones are made at
//! DISPATCH_LEVEL, in parallel. Answers are checked: lengths against the buffer, statuses, one
//! completion for each request that pended.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::adapter::{Adapter, State};
use super::latch::{Latch, wait_until};
use super::{codes, handles};
use crate::context::{CallSite, call_driver};
use ndkpi_sys::*;

/// Driver Verifier's limit (MP-OID-08).
const PATIENCE: Duration = Duration::from_secs(12);
/// Bytes after the buffer that the driver must leave alone.
const GUARD: [u8; 16] = [0xE5; 16];
/// What a query's buffer is filled with before.
const FRESH: u8 = 0xCD;

/// The answer to an OID request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidAnswer {
    /// The NDIS_STATUS.
    pub status: i32,
    /// What a query wrote.
    pub bytes: Vec<u8>,
    /// `BytesNeeded`.
    pub needed: u32,
    /// The miniport wrote into the buffer of a query.
    pub written_to: bool,
}

/// The OID requests of one adapter.
#[derive(Debug, Default)]
pub(super) struct Oids {
    /// A regular request is with the miniport.
    busy: AtomicBool,
    /// Requests, by address, that have not been completed.
    open: Mutex<HashMap<usize, Pending>>,
    next_id: AtomicU64,
}

#[derive(Clone, Debug)]
struct Pending {
    oid: u32,
    direct: bool,
    latch: Arc<Latch<NDIS_STATUS>>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// With the size of the buffer.
    Query(usize),
    /// The same as statistics (NdisRequestQueryStatistics).
    Statistics(usize),
    /// With its contents.
    Set(&'a [u8]),
    /// A method, with its input and the room for its output.
    Method(&'a [u8], usize),
}

impl Oids {
    /// Whether a regular request is with the miniport now.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// How many requests have been made.
    pub fn made(&self) -> u64 {
        self.next_id.load(Ordering::Relaxed)
    }

    /// Waits until no request is with the miniport (MP-OID-12).
    pub fn wait_idle(&self, adapter: &Adapter) {
        let idle = wait_until(Some(PATIENCE), || self.open.lock().is_empty() && !self.is_busy());
        if !idle {
            let open: Vec<String> = self.open.lock().values().map(|pending| format!("{:#010x}", pending.oid)).collect();
            let text = format!("OID requests are not completed after {} s: {}", PATIENCE.as_secs(), open.join(", "));
            adapter.violation(&codes::NDIS_TIMEOUT, text);
        }
    }
}

/// Makes a request and waits for its end.
pub(super) fn request(adapter: &Arc<Adapter>, oid: u32, what: Request<'_>, direct: bool) -> OidAnswer {
    let (kind, mut buffer) = match what {
        Request::Query(capacity) => (NdisRequestQueryInformation, vec![FRESH; capacity]),
        Request::Statistics(capacity) => (NdisRequestQueryStatistics, vec![FRESH; capacity]),
        Request::Set(bytes) => (NdisRequestSetInformation, bytes.to_vec()),
        Request::Method(bytes, room) => {
            let mut buffer = bytes.to_vec();
            buffer.resize(bytes.len().max(room), FRESH);
            (NdisRequestMethod, buffer)
        }
    };
    let length = buffer.len();
    // Drivers may take no alignment for granted (MP-OID-07), so there is none.
    buffer.insert(0, GUARD[0]);
    buffer.extend_from_slice(&GUARD);
    if matches!(adapter.state(), State::Halted | State::Initializing) {
        return OidAnswer { status: NDIS_STATUS_ADAPTER_NOT_READY, bytes: Vec::new(), needed: 0, written_to: false };
    }
    let id = adapter.oids.next_id.fetch_add(1, Ordering::Relaxed) + 1;
    let mut block = Box::new(NDIS_OID_REQUEST_V2::default());
    block.Header = NDIS_OBJECT_HEADER {
        Type: NDIS_OBJECT_TYPE_OID_REQUEST,
        Revision: NDIS_OID_REQUEST_REVISION_2,
        Size: NDIS_SIZEOF_OID_REQUEST_REVISION_2,
    };
    block.RequestType = kind;
    block.RequestId = std::ptr::without_provenance_mut(id as usize);
    block.RequestHandle = adapter.as_handle();
    // Query and set have the same members at the same places.
    block.DATA.QUERY_INFORMATION = NDIS_OID_REQUEST_QUERY {
        Oid: oid,
        InformationBuffer: buffer.as_mut_ptr().wrapping_add(1).cast(),
        InformationBufferLength: length as u32,
        BytesWritten: 0,
        BytesNeeded: 0,
    };
    if let Request::Method(input, room) = what {
        block.DATA.METHOD_INFORMATION = NDIS_OID_REQUEST_METHOD {
            Oid: oid,
            InformationBuffer: buffer.as_mut_ptr().wrapping_add(1).cast(),
            InputBufferLength: input.len() as u32,
            OutputBufferLength: room as u32,
            ..NDIS_OID_REQUEST_METHOD::default()
        };
    }
    let pointer: *mut NDIS_OID_REQUEST = (&raw mut *block).cast();
    let latch = Arc::new(Latch::new());
    let pending = Pending { oid, direct, latch: Arc::clone(&latch) };
    if !direct {
        // NDIS queues regular requests (MP-OID-01).
        wait_until(None, || !adapter.oids.busy.swap(true, Ordering::AcqRel));
    }
    adapter.oids.open.lock().insert(pointer.addr(), pending);
    let status = deliver(adapter, pointer, direct);
    let status = finish(adapter, pointer, &latch, status, oid);
    if !direct {
        adapter.oids.busy.store(false, Ordering::Release);
    }
    // SAFETY: the request is complete; the union's members are plain numbers.
    let data = unsafe {
        match what {
            Request::Method(..) => {
                let method = block.DATA.METHOD_INFORMATION;
                let (written, needed) = (method.BytesWritten, method.BytesNeeded);
                NDIS_OID_REQUEST_QUERY { BytesWritten: written, BytesNeeded: needed, ..Default::default() }
            }
            _ => block.DATA.QUERY_INFORMATION,
        }
    };
    if buffer.remove(0) != GUARD[0] {
        let text = format!("the handler of OID {oid:#010x} wrote before its buffer");
        adapter.violation(&codes::NDIS_OID_BAD_LENGTH, text);
    }
    check_answer(adapter, oid, status, &data, &buffer, length);
    if kind == NdisRequestSetInformation {
        check_power(adapter, oid, status);
    }
    let query = matches!(what, Request::Query(_) | Request::Statistics(_));
    let written = if query && status == NDIS_STATUS_SUCCESS { data.BytesWritten } else { 0 };
    let written_to = query && buffer.iter().take(length).any(|byte| *byte != FRESH);
    buffer.truncate(written as usize);
    OidAnswer { status, bytes: buffer, needed: data.BytesNeeded, written_to }
}

fn deliver(adapter: &Arc<Adapter>, request: *mut NDIS_OID_REQUEST, direct: bool) -> NDIS_STATUS {
    let handlers = &adapter.driver.handlers;
    if !direct {
        let target = handlers.OidRequestHandler.map_or(0, |f| f as usize);
        return call_driver(CallSite::new("MiniportOidRequest", target), || {
            // SAFETY: the adapter's own context; the request lives until it is completed.
            handlers.OidRequestHandler.map_or(NDIS_STATUS_FAILURE, |f| unsafe { f(adapter.context(), request) })
        });
    }
    let Some(handler) = handlers.DirectOidRequestHandler else { return NDIS_STATUS_NOT_SUPPORTED };
    let old = crate::ke::irql::raise(crate::types::DISPATCH_LEVEL);
    let status = call_driver(CallSite::new("MiniportDirectOidRequest", handler as usize), || {
        // SAFETY: as above.
        unsafe { handler(adapter.context(), request) }
    });
    crate::ke::irql::lower(old);
    status
}

fn finish(
    adapter: &Arc<Adapter>,
    request: *mut NDIS_OID_REQUEST,
    latch: &Latch<NDIS_STATUS>,
    status: NDIS_STATUS,
    oid: u32,
) -> NDIS_STATUS {
    if status != NDIS_STATUS_PENDING {
        let open = adapter.oids.open.lock().remove(&request.addr()).is_some();
        if !open {
            let text = format!("OID {oid:#010x} was completed and its handler returned {status:#x} instead of PENDING");
            adapter.violation(&codes::NDIS_OID_DOUBLE_COMPLETE, text);
        }
        return status;
    }
    if oid == OID_NDK_SET_STATE {
        adapter.violation(
            &codes::NDIS_OID_BAD_STATUS,
            "the handler returned PENDING for OID_NDK_SET_STATE (MP-NDKOID-01)",
        );
    }
    latch.wait(PATIENCE).unwrap_or_else(|| {
        let text = format!("OID {oid:#010x} pended and is not complete after {} s", PATIENCE.as_secs());
        adapter.violation(&codes::NDIS_TIMEOUT, text)
    })
}

fn check_answer(
    adapter: &Arc<Adapter>,
    oid: u32,
    status: NDIS_STATUS,
    data: &NDIS_OID_REQUEST_QUERY,
    buffer: &[u8],
    length: usize,
) {
    if status == NDIS_STATUS_SUCCESS && data.BytesWritten as usize > length {
        let text = format!("OID {oid:#010x} reports {} bytes for a buffer of {length}", data.BytesWritten);
        adapter.violation(&codes::NDIS_OID_BAD_LENGTH, text);
    }
    if buffer.get(length..) != Some(GUARD.as_slice()) {
        let text = format!("the handler of OID {oid:#010x} wrote beyond its buffer of {length} bytes");
        adapter.violation(&codes::NDIS_OID_BAD_LENGTH, text);
    }
    if status == NDIS_STATUS_BUFFER_TOO_SHORT && data.BytesWritten != 0 {
        let text = format!("OID {oid:#010x} fails with BUFFER_TOO_SHORT and reports bytes written (MP-OID-04)");
        adapter.violation(&codes::NDIS_OID_BAD_LENGTH, text);
    }
}

fn check_power(adapter: &Arc<Adapter>, oid: u32, status: NDIS_STATUS) {
    let allowed = [NDIS_STATUS_SUCCESS, NDIS_STATUS_NOT_ACCEPTED];
    if oid == OID_PNP_SET_POWER && !allowed.contains(&status) {
        let text = format!("OID_PNP_SET_POWER ended with {status:#x} (MP-PM-02)");
        adapter.violation(&codes::NDIS_OID_BAD_STATUS, text);
    }
}

/// MiniportCancelOidRequest for every pending request with `oid`; the number of them.
pub(super) fn cancel(adapter: &Arc<Adapter>, oid: u32) -> usize {
    let targets: Vec<usize> = {
        let open = adapter.oids.open.lock();
        open.iter().filter(|(_, pending)| pending.oid == oid && !pending.direct).map(|(address, _)| *address).collect()
    };
    let Some(handler) = adapter.driver.handlers.CancelOidRequestHandler else { return 0 };
    for address in &targets {
        let request: *const NDIS_OID_REQUEST = std::ptr::with_exposed_provenance(*address);
        // SAFETY: requests live until they are completed; a cancel races with that on Windows too,
        // and passes the identity only.
        let id = unsafe { (*request).RequestId };
        call_driver(CallSite::new("MiniportCancelOidRequest", handler as usize), || {
            // SAFETY: the adapter's own context.
            unsafe { handler(adapter.context(), id) }
        });
    }
    targets.len()
}

fn complete(handle: NDIS_HANDLE, request: *mut NDIS_OID_REQUEST, status: NDIS_STATUS, direct: bool, routine: &str) {
    let adapter = handles::adapter(handle, routine);
    adapter.no_locks(routine);
    let pending = adapter.oids.open.lock().remove(&request.addr());
    let Some(pending) = pending.filter(|pending| pending.direct == direct) else {
        let text = format!(
            "{routine} is called for {request:p}, which is not pending there: completed twice, or by the wrong function"
        );
        adapter.violation(&codes::NDIS_OID_DOUBLE_COMPLETE, text)
    };
    if status == NDIS_STATUS_PENDING {
        let text = format!("{routine} completes OID {:#010x} with PENDING", pending.oid);
        adapter.violation(&codes::NDIS_OID_BAD_STATUS, text);
    }
    pending.latch.set(status);
}

unsafe fn oid_request_complete(handle: NDIS_HANDLE, request: *mut NDIS_OID_REQUEST, status: NDIS_STATUS) {
    complete(handle, request, status, false, "NdisMOidRequestComplete");
}

unsafe fn direct_oid_request_complete(handle: NDIS_HANDLE, request: *mut NDIS_OID_REQUEST, status: NDIS_STATUS) {
    complete(handle, request, status, true, "NdisMDirectOidRequestComplete");
}

crate::routines! { "ndis.sys";
    fn NdisMOidRequestComplete(handle: NDIS_HANDLE, request: *mut NDIS_OID_REQUEST, status: NDIS_STATUS)
        = oid_request_complete: PASSIVE..=DISPATCH;
    fn NdisMDirectOidRequestComplete(handle: NDIS_HANDLE, request: *mut NDIS_OID_REQUEST, status: NDIS_STATUS)
        = direct_oid_request_complete: PASSIVE..=DISPATCH;
}
