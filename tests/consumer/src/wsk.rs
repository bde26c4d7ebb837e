//! The way to NDK adapters: a WSK client, and the control code that gives the NDK functions (OBS-01).

use crate::{
    kernel::{Shared, irql},
    run::{Failure, Result},
};
use core::{cell::UnsafeCell, ptr};
use ndkpi_sys::{
    NDK_ADAPTER, NDK_VERSION, NTSTATUS, PVOID, SIZE_T, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, ULONG,
    WSK_CLIENT_DISPATCH, WSK_CLIENT_NPI, WSK_PROVIDER_NDK_DISPATCH, WSK_PROVIDER_NPI, WSK_REGISTRATION,
    WSK_VERSION_1_0, WSKNDK_GET_WSK_PROVIDER_NDK_DISPATCH, WskCaptureProviderNPI, WskDeregister, WskRegister,
    WskReleaseProviderNPI,
};

static CLIENT: WSK_CLIENT_DISPATCH =
    WSK_CLIENT_DISPATCH { Version: WSK_VERSION_1_0, Reserved: 0, WskClientEvent: Some(client_event) };

struct Block {
    registration: UnsafeCell<WSK_REGISTRATION>,
    // Stays resident as long as the registration, as WSK wants.
    npi: UnsafeCell<WSK_CLIENT_NPI>,
}

// SAFETY: WSK alone looks into the registration; the NPI is only read once it is written.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

/// The registration of this driver as a WSK client. Dropping it waits until no provider is captured.
pub struct Registration(Shared<Block>);

impl Registration {
    /// Registers at PASSIVE_LEVEL.
    pub fn new() -> core::result::Result<Self, NTSTATUS> {
        irql::assert_passive();
        let npi = WSK_CLIENT_NPI { ClientContext: ptr::null_mut(), Dispatch: &CLIENT };
        let block = Block { registration: UnsafeCell::new(WSK_REGISTRATION::default()), npi: UnsafeCell::new(npi) };
        let block = Shared::try_new(block).map_err(|_| ndkpi_sys::STATUS_INSUFFICIENT_RESOURCES)?;
        // SAFETY: both blocks are in pool and stay until `drop` has deregistered.
        let status = unsafe { WskRegister(block.npi.get(), block.registration.get()) };
        if status < STATUS_SUCCESS {
            return Err(status);
        }
        Ok(Self(block))
    }

    /// Waits for the WSK provider at PASSIVE_LEVEL and asks it for the NDK functions.
    pub fn capture(&self, milliseconds: u32) -> Result<Provider> {
        irql::assert_passive();
        let mut npi = WSK_PROVIDER_NPI::default();
        // SAFETY: the registration is in force; the NPI is a local.
        let status = unsafe { WskCaptureProviderNPI(self.0.registration.get(), milliseconds, &mut npi) };
        if status < STATUS_SUCCESS {
            return Err(Failure::new("WskCaptureProviderNPI", status));
        }
        // From here on dropping the provider releases what was captured.
        let captured = Captured { block: self.0.clone(), npi, ndk: WSK_PROVIDER_NDK_DISPATCH::default() };
        let ndk = captured.ask_for_ndk()?;
        let mut captured = captured;
        captured.ndk = ndk;
        Ok(Provider(Shared::try_new(captured)?))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        irql::assert_passive();
        // SAFETY: registered in `new`; nothing of this driver uses WSK any more.
        unsafe { WskDeregister(self.0.registration.get()) };
    }
}

struct Captured {
    block: Shared<Block>,
    npi: WSK_PROVIDER_NPI,
    ndk: WSK_PROVIDER_NDK_DISPATCH,
}

// SAFETY: the pointers are to objects of WSK that any thread may use.
unsafe impl Send for Captured {}
// SAFETY: as above.
unsafe impl Sync for Captured {}

impl Captured {
    fn ask_for_ndk(&self) -> Result<WSK_PROVIDER_NDK_DISPATCH> {
        let mut ndk = WSK_PROVIDER_NDK_DISPATCH::default();
        // SAFETY: the provider is captured, so its table stands.
        let control = unsafe { self.npi.Dispatch.as_ref() }.and_then(|dispatch| dispatch.WskControlClient);
        let Some(control) = control else {
            return Err(Failure::new("a WSK provider with WskControlClient", STATUS_NOT_SUPPORTED));
        };
        // SAFETY: the output is a local of exactly the size given; without an IRP the call is synchronous.
        let status = unsafe {
            control(
                self.npi.Client,
                WSKNDK_GET_WSK_PROVIDER_NDK_DISPATCH,
                0,
                ptr::null_mut(),
                size_of::<WSK_PROVIDER_NDK_DISPATCH>() as SIZE_T,
                (&raw mut ndk).cast(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        if status != STATUS_SUCCESS {
            return Err(Failure::new("WskControlClient(WSKNDK_GET_WSK_PROVIDER_NDK_DISPATCH)", status));
        }
        if ndk.WskOpenNdkAdapter.is_none() || ndk.WskCloseNdkAdapter.is_none() {
            return Err(Failure::new("both NDK functions of WSK", STATUS_NOT_SUPPORTED));
        }
        Ok(ndk)
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        // SAFETY: captured once in `capture`, released once here.
        unsafe { WskReleaseProviderNPI(self.block.registration.get()) };
    }
}

/// The captured provider. It is released when the last adapter opened through it is closed.
#[derive(Clone)]
pub struct Provider(Shared<Captured>);

impl Provider {
    /// `WskOpenNdkAdapter` as it is: PASSIVE_LEVEL, raw status, raw pointer.
    pub fn open(&self, interface: u32, version: NDK_VERSION, adapter: &mut *mut NDK_ADAPTER) -> NTSTATUS {
        irql::assert_passive();
        let Some(open) = self.0.ndk.WskOpenNdkAdapter else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: the client object is the captured one; the out pointer is a live reference.
        unsafe { open(self.0.npi.Client, version, interface, adapter) }
    }

    /// Asks again for the NDK functions, with `room` bytes for them (at most 16) and no place for the size; raw
    /// status, PASSIVE_LEVEL.
    pub fn ask(&self, room: usize) -> NTSTATUS {
        irql::assert_passive();
        let mut ndk = WSK_PROVIDER_NDK_DISPATCH::default();
        let room = room.min(size_of::<WSK_PROVIDER_NDK_DISPATCH>()) as SIZE_T;
        // SAFETY: the provider is captured, so its table stands.
        let Some(control) = (unsafe { self.0.npi.Dispatch.as_ref() }).and_then(|dispatch| dispatch.WskControlClient)
        else {
            return STATUS_NOT_SUPPORTED;
        };
        let (code, output) = (WSKNDK_GET_WSK_PROVIDER_NDK_DISPATCH, (&raw mut ndk).cast());
        // SAFETY: the output is a local of at least the size given; without an IRP the call is synchronous.
        unsafe { control(self.0.npi.Client, code, 0, ptr::null_mut(), room, output, ptr::null_mut(), ptr::null_mut()) }
    }

    /// `WskCloseNdkAdapter` as it is: PASSIVE_LEVEL, waits for everything that descends from the adapter.
    ///
    /// # Safety
    /// The adapter came from [`Provider::open`], and is not used afterwards.
    pub unsafe fn close(&self, adapter: *mut NDK_ADAPTER) {
        irql::assert_passive();
        if let Some(close) = self.0.ndk.WskCloseNdkAdapter {
            // SAFETY: the caller vouches for the adapter.
            unsafe { close(self.0.npi.Client, adapter) };
        }
    }
}

// No events are defined for clients; an unknown one is not ours to fail.
unsafe extern "system" fn client_event(_: PVOID, _: ULONG, _: PVOID, _: SIZE_T) -> NTSTATUS {
    STATUS_SUCCESS
}
