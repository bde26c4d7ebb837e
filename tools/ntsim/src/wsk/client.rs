//! Clients of WSK: registration, the provider's NPI, deregistration (ndis.md section 8.1).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::{codes, provider};
use crate::Kernel;
use crate::bugcheck::Violation;
use crate::kernel::ImageId;
use crate::ndis::latch::wait_until;
use crate::symbols::Stack;
use ndkpi_sys::*;

const STATUS_SUCCESS: i32 = 0;
const STATUS_INVALID_PARAMETER: i32 = 0xC000_000D_u32 as i32;
const STATUS_NOINTERFACE: i32 = 0xC000_02B9_u32 as i32;

/// A registered client.
#[derive(Debug)]
pub(super) struct Client {
    /// The client object that the provider's functions get.
    pub id: usize,
    registration: usize,
    /// An address in the client's code: where it registered.
    pub code: usize,
    pub image: Option<ImageId>,
    /// The version that the client speaks.
    version: u16,
    captures: AtomicU32,
    captured_at: Mutex<Option<Stack>>,
}

static CLIENTS: Mutex<Vec<Arc<Client>>> = Mutex::new(Vec::new());
static NEXT: AtomicUsize = AtomicUsize::new(0xFFFF_A05C_0000_0000);

/// The client of a registration block.
fn registered(registration: *mut WSK_REGISTRATION, routine: &str) -> Arc<Client> {
    let found = CLIENTS.lock().iter().find(|client| client.registration == registration.addr()).cloned();
    found.unwrap_or_else(|| {
        Violation::new(&codes::WSK_BAD_REGISTRATION)
            .params([registration.addr() as u64, 0, 0, 0])
            .text(format!("{routine} is called with {registration:p}, which is no registration that WskRegister made"))
            .raise()
    })
}

/// The client object that a provider function got.
pub(super) fn of_object(client: PWSK_CLIENT, routine: &str) -> Arc<Client> {
    let found = CLIENTS.lock().iter().find(|known| known.id == client.addr()).cloned();
    let found = found.filter(|client| client.captures.load(Ordering::Acquire) != 0);
    found.unwrap_or_else(|| {
        Violation::new(&codes::WSK_NPI_NOT_CAPTURED)
            .params([client.addr() as u64, 0, 0, 0])
            .text(format!("{routine} is called with the client {client:p}, which has not captured the provider NPI"))
            .raise()
    })
}

unsafe fn register(npi: *mut WSK_CLIENT_NPI, registration: *mut WSK_REGISTRATION) -> i32 {
    if npi.is_null() || registration.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the caller's structures; the dispatch table stays resident (WSK-REG-01).
    let version = unsafe {
        let dispatch = (*npi).Dispatch;
        if dispatch.is_null() || (*dispatch).Reserved != 0 {
            return STATUS_INVALID_PARAMETER;
        }
        (*dispatch).Version
    };
    if CLIENTS.lock().iter().any(|client| client.registration == registration.addr()) {
        Violation::new(&codes::WSK_BAD_REGISTRATION)
            .params([registration.addr() as u64, 0, 0, 0])
            .text("WskRegister is called with a registration block that is in use")
            .raise();
    }
    let code = crate::context::current().caller();
    let client = Arc::new(Client {
        id: NEXT.fetch_add(0x40, Ordering::Relaxed),
        registration: registration.addr(),
        code,
        image: Kernel::get().images.containing(code).map(|image| image.id),
        version,
        captures: AtomicU32::new(0),
        captured_at: Mutex::new(None),
    });
    // SAFETY: the caller's block, which is ours until WskDeregister.
    unsafe {
        registration.write(WSK_REGISTRATION {
            ReservedRegistrationState: 1,
            ReservedRegistrationContext: std::ptr::without_provenance_mut(client.id),
            ReservedRegistrationLock: 0,
        });
    }
    CLIENTS.lock().push(client);
    Kernel::get().leaks.track("WSK registration", registration.addr(), "");
    STATUS_SUCCESS
}

unsafe fn capture(registration: *mut WSK_REGISTRATION, _wait: u32, out: *mut WSK_PROVIDER_NPI) -> i32 {
    let client = registered(registration, "WskCaptureProviderNPI");
    if client.version >> 8 != WSK_VERSION_1_0 >> 8 {
        return STATUS_NOINTERFACE;
    }
    if client.captures.fetch_add(1, Ordering::AcqRel) == 0 {
        *client.captured_at.lock() = Some(Stack::capture());
        Kernel::get().leaks.track("WSK provider NPI", client.id, "");
    }
    // SAFETY: the caller's out-parameter.
    unsafe {
        out.write(WSK_PROVIDER_NPI {
            Client: std::ptr::without_provenance_mut(client.id),
            Dispatch: provider::dispatch(),
        });
    }
    STATUS_SUCCESS
}

unsafe fn release(registration: *mut WSK_REGISTRATION) {
    let client = registered(registration, "WskReleaseProviderNPI");
    let before = client.captures.fetch_update(Ordering::AcqRel, Ordering::Acquire, |captures| captures.checked_sub(1));
    match before {
        Ok(1) => {
            Kernel::get().leaks.untrack("WSK provider NPI", client.id);
        }
        Ok(_) => {}
        Err(_) => Violation::new(&codes::WSK_NPI_NOT_CAPTURED)
            .params([registration.addr() as u64, 0, 0, 0])
            .text("WskReleaseProviderNPI is called once more than WskCaptureProviderNPI")
            .raise(),
    }
}

unsafe fn query_characteristics(registration: *mut WSK_REGISTRATION, out: *mut WSK_PROVIDER_CHARACTERISTICS) -> i32 {
    registered(registration, "WskQueryProviderCharacteristics");
    // SAFETY: the caller's out-parameter.
    unsafe {
        out.write(WSK_PROVIDER_CHARACTERISTICS { HighestVersion: WSK_VERSION_1_0, LowestVersion: WSK_VERSION_1_0 });
    }
    STATUS_SUCCESS
}

unsafe fn deregister(registration: *mut WSK_REGISTRATION) {
    let client = registered(registration, "WskDeregister");
    let done = wait_until(Some(crate::ndk::patience()), || {
        client.captures.load(Ordering::Acquire) == 0 && crate::ndk::leaked_since(client.code).is_none()
    });
    if !done {
        report_hang(&client);
    }
    CLIENTS.lock().retain(|known| known.id != client.id);
    Kernel::get().leaks.untrack("WSK registration", registration.addr());
    // SAFETY: the caller's block.
    unsafe { registration.write(WSK_REGISTRATION::default()) };
}

/// On Windows WskDeregister waits for ever here.
fn report_hang(client: &Client) -> ! {
    let adapter = crate::ndk::leaked_since(client.code);
    let captures = client.captures.load(Ordering::Acquire);
    let what = match (&adapter, captures) {
        (Some((adapter, _)), _) => format!("the NDK_ADAPTER at {adapter:#x}, which was never closed"),
        (None, 1) => "the provider NPI, which was captured and never released".to_owned(),
        (None, captures) => format!("the provider NPI, which was captured {captures} times more often than released"),
    };
    let mut violation = Violation::new(&codes::WSK_DEREGISTER_HANGS)
        .params([
            client.registration as u64,
            u64::from(captures),
            adapter.as_ref().map_or(0, |(adapter, _)| *adapter as u64),
            0,
        ])
        .text(format!("WskDeregister waits for {what}; on Windows it waits for ever"));
    if let Some((_, stack)) = adapter {
        violation = violation.related("NDK_ADAPTER opened at", stack);
    }
    if let Some(stack) = client.captured_at.lock().clone().filter(|_| captures != 0) {
        violation = violation.related("provider NPI captured at", stack);
    }
    violation.raise()
}

crate::routines! { "netio.sys";
    fn WskRegister(npi: *mut WSK_CLIENT_NPI, registration: *mut WSK_REGISTRATION) -> i32 = register: PASSIVE..=PASSIVE, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn WskCaptureProviderNPI(registration: *mut WSK_REGISTRATION, wait: u32, out: *mut WSK_PROVIDER_NPI) -> i32
        = capture: PASSIVE..=PASSIVE, fails(STATUS_DEVICE_NOT_READY);
    fn WskReleaseProviderNPI(registration: *mut WSK_REGISTRATION) = release: PASSIVE..=DISPATCH;
    fn WskQueryProviderCharacteristics(registration: *mut WSK_REGISTRATION, out: *mut WSK_PROVIDER_CHARACTERISTICS) -> i32
        = query_characteristics: PASSIVE..=DISPATCH;
    fn WskDeregister(registration: *mut WSK_REGISTRATION) = deregister: PASSIVE..=PASSIVE, blocks;
}
