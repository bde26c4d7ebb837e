//! Cases of WSK and of the IP helper routines. Each breaks one rule.

use crate::bad::pause;
use core::cell::UnsafeCell;
use core::hint::black_box;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};
use ndkpi_sys::{
    CancelMibChangeNotify2, FreeMibTable, MIB_NOTIFICATION_TYPE, NotifyUnicastIpAddressChange,
    PMIB_UNICASTIPADDRESS_ROW, WSK_CLIENT_DISPATCH, WSK_CLIENT_NPI, WSK_NO_WAIT, WSK_PROVIDER_NDK_DISPATCH,
    WSK_PROVIDER_NPI, WSK_REGISTRATION, WSK_VERSION_1_0, WSKNDK_GET_WSK_PROVIDER_NDK_DISPATCH, WskCaptureProviderNPI,
    WskDeregister, WskRegister, WskReleaseProviderNPI,
};

/// Runs a case of this file; false if it is none.
pub fn run(name: &[u8]) -> bool {
    let case: fn() = match name {
        b"wsk-not-registered" => wsk_not_registered,
        b"wsk-registered-twice" => wsk_registered_twice,
        b"wsk-not-captured" => wsk_not_captured,
        b"wsk-released-twice" => wsk_released_twice,
        b"wsk-not-released" => wsk_not_released,
        b"wsk-foreign-adapter" => wsk_foreign_adapter,
        b"wsk-lookup" => wsk_lookup,
        b"notification-cancelled-twice" => notification_cancelled_twice,
        b"notification-cancelled-inside" => notification_cancelled_inside,
        b"foreign-table" => foreign_table,
        _ => return false,
    };
    case();
    // A tail call would leave no frame of this function.
    black_box(());
    true
}

/// WSK writes it while it is registered.
struct Registration(UnsafeCell<MaybeUninit<WSK_REGISTRATION>>);

// SAFETY: WSK alone touches it.
unsafe impl Sync for Registration {}

impl Registration {
    const fn get(&self) -> *mut WSK_REGISTRATION {
        self.0.get().cast()
    }
}

static REGISTRATION: Registration = Registration(UnsafeCell::new(MaybeUninit::zeroed()));
static CLIENT: WSK_CLIENT_DISPATCH =
    WSK_CLIENT_DISPATCH { Version: WSK_VERSION_1_0, Reserved: 0, WskClientEvent: None };
/// The notification that the callback cancels.
static NOTIFICATION: AtomicPtr<core::ffi::c_void> = AtomicPtr::new(null_mut());

// SAFETY (all blocks below): none; what they do is wrong on purpose and the kernel has to stop it.

fn register() {
    let mut npi = WSK_CLIENT_NPI { ClientContext: null_mut(), Dispatch: &raw const CLIENT };
    // SAFETY: see above.
    let _ = unsafe { WskRegister(&raw mut npi, REGISTRATION.get()) };
}

fn capture() -> WSK_PROVIDER_NPI {
    let mut npi = WSK_PROVIDER_NPI::default();
    // SAFETY: see above.
    let _ = unsafe { WskCaptureProviderNPI(REGISTRATION.get(), WSK_NO_WAIT, &raw mut npi) };
    npi
}

fn wsk_not_registered() {
    capture();
}

fn wsk_registered_twice() {
    register();
    register();
}

fn wsk_not_captured() {
    register();
    // SAFETY: see above.
    unsafe { WskReleaseProviderNPI(REGISTRATION.get()) };
}

fn wsk_released_twice() {
    register();
    capture();
    // SAFETY: see above.
    unsafe {
        WskReleaseProviderNPI(REGISTRATION.get());
        WskReleaseProviderNPI(REGISTRATION.get());
    }
}

fn wsk_not_released() {
    register();
    capture();
    // SAFETY: see above.
    unsafe { WskDeregister(REGISTRATION.get()) };
}

fn wsk_foreign_adapter() {
    register();
    let npi = capture();
    let mut ndk = WSK_PROVIDER_NDK_DISPATCH::default();
    let size = size_of::<WSK_PROVIDER_NDK_DISPATCH>();
    // SAFETY: see above.
    unsafe {
        let Some(control) = (*npi.Dispatch).WskControlClient else { return };
        let code = WSKNDK_GET_WSK_PROVIDER_NDK_DISPATCH;
        let _ = control(npi.Client, code, 0, null_mut(), size, (&raw mut ndk).cast(), null_mut(), null_mut());
        let Some(close) = ndk.WskCloseNdkAdapter else { return };
        close(npi.Client, REGISTRATION.get().cast());
    }
}

fn wsk_lookup() {
    register();
    let npi = capture();
    // SAFETY: see above.
    unsafe {
        let Some(free) = (*npi.Dispatch).WskFreeAddressInfo else { return };
        free(npi.Client, null_mut());
    }
}

unsafe extern "system" fn ignores(
    _context: *mut core::ffi::c_void,
    _row: PMIB_UNICASTIPADDRESS_ROW,
    _kind: MIB_NOTIFICATION_TYPE,
) {
}

unsafe extern "system" fn cancels(
    _context: *mut core::ffi::c_void,
    _row: PMIB_UNICASTIPADDRESS_ROW,
    _kind: MIB_NOTIFICATION_TYPE,
) {
    // SAFETY: see above.
    let _ = unsafe { CancelMibChangeNotify2(NOTIFICATION.load(Ordering::Acquire)) };
    black_box(());
}

fn notification_cancelled_twice() {
    // SAFETY: see above. 0 is AF_UNSPEC.
    unsafe {
        let _ = NotifyUnicastIpAddressChange(0, Some(ignores), null_mut(), 0, NOTIFICATION.as_ptr());
        let _ = CancelMibChangeNotify2(NOTIFICATION.load(Ordering::Acquire));
        let _ = CancelMibChangeNotify2(NOTIFICATION.load(Ordering::Acquire));
    }
}

/// The kernel stores the handle before the first callback.
fn notification_cancelled_inside() {
    // SAFETY: see above.
    let _ = unsafe { NotifyUnicastIpAddressChange(0, Some(cancels), null_mut(), 1, NOTIFICATION.as_ptr()) };
    pause(5_000);
}

fn foreign_table() {
    // SAFETY: see above.
    unsafe { FreeMibTable(REGISTRATION.get().cast()) };
}
