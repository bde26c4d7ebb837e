//! WSK, and through it the adapter.

use core::cell::UnsafeCell;
use core::ptr::null_mut;

use ndkpi_sys::{
    NDK_ADAPTER, NDK_VERSION, WSK_CLIENT_DISPATCH, WSK_CLIENT_NPI, WSK_NO_WAIT, WSK_PROVIDER_NDK_DISPATCH,
    WSK_PROVIDER_NPI, WSK_REGISTRATION, WSK_VERSION_1_0, WSKNDK_GET_WSK_PROVIDER_NDK_DISPATCH, WskCaptureProviderNPI,
    WskDeregister, WskRegister, WskReleaseProviderNPI,
};
use wdk_sys::{NTSTATUS, STATUS_SUCCESS, STATUS_UNSUCCESSFUL};

/// The interface index of the adapter that the scenarios make.
pub const INTERFACE: u32 = 7;

static CLIENT_DISPATCH: WSK_CLIENT_DISPATCH =
    WSK_CLIENT_DISPATCH { Version: WSK_VERSION_1_0, Reserved: 0, WskClientEvent: None };

/// A client of WSK; lives in a static, as its registration must not move.
pub struct Consumer {
    state: UnsafeCell<State>,
}

struct State {
    registration: WSK_REGISTRATION,
    npi: WSK_PROVIDER_NPI,
    ndk: WSK_PROVIDER_NDK_DISPATCH,
}

// SAFETY: DriverEntry and DriverUnload use it, one after the other.
unsafe impl Sync for Consumer {}

impl Consumer {
    /// Nothing registered.
    pub const fn new() -> Self {
        Consumer {
            state: UnsafeCell::new(State {
                registration: WSK_REGISTRATION {
                    ReservedRegistrationState: 0,
                    ReservedRegistrationContext: null_mut(),
                    ReservedRegistrationLock: 0,
                },
                npi: WSK_PROVIDER_NPI { Client: null_mut(), Dispatch: core::ptr::null() },
                ndk: WSK_PROVIDER_NDK_DISPATCH { WskOpenNdkAdapter: None, WskCloseNdkAdapter: None },
            }),
        }
    }

    /// Registers and gets the NDK functions with an output buffer of `size` bytes; 16 is right.
    ///
    /// # Safety
    /// PASSIVE_LEVEL; nobody else uses the consumer now.
    #[inline(never)]
    pub unsafe fn register(&'static self, size: usize) -> NTSTATUS {
        let state = self.state.get();
        let mut npi = WSK_CLIENT_NPI { ClientContext: null_mut(), Dispatch: &raw const CLIENT_DISPATCH };
        // SAFETY: the registration is static, the rest lives over the calls.
        unsafe {
            let status = WskRegister(&raw mut npi, &raw mut (*state).registration);
            if status != STATUS_SUCCESS {
                return status;
            }
            let status = WskCaptureProviderNPI(&raw mut (*state).registration, WSK_NO_WAIT, &raw mut (*state).npi);
            if status != STATUS_SUCCESS {
                WskDeregister(&raw mut (*state).registration);
                return status;
            }
            let Some(control) = (*(*state).npi.Dispatch).WskControlClient else { return STATUS_UNSUCCESSFUL };
            control(
                (*state).npi.Client,
                WSKNDK_GET_WSK_PROVIDER_NDK_DISPATCH,
                0,
                null_mut(),
                size,
                (&raw mut (*state).ndk).cast(),
                null_mut(),
                null_mut(),
            )
        }
    }

    /// The NDK functions, as far as they were got.
    ///
    /// # Safety
    /// As for [`Consumer::register`].
    pub unsafe fn dispatch(&'static self) -> WSK_PROVIDER_NDK_DISPATCH {
        // SAFETY: nobody writes now.
        unsafe { (*self.state.get()).ndk }
    }

    /// Opens the adapter at version 2.0.
    ///
    /// # Errors
    /// The status of the open.
    ///
    /// # Safety
    /// PASSIVE_LEVEL, after [`Consumer::register`].
    #[inline(never)]
    pub unsafe fn open(&'static self) -> Result<*mut NDK_ADAPTER, NTSTATUS> {
        let mut adapter = null_mut();
        // SAFETY: registered; the out-parameter lives over the call.
        let status = unsafe {
            let state = self.state.get();
            let Some(open) = (*state).ndk.WskOpenNdkAdapter else { return Err(STATUS_UNSUCCESSFUL) };
            open((*state).npi.Client, NDK_VERSION { Major: 2, Minor: 0 }, INTERFACE, &raw mut adapter)
        };
        if status == STATUS_SUCCESS { Ok(adapter) } else { Err(status) }
    }

    /// Closes the adapter.
    ///
    /// # Safety
    /// PASSIVE_LEVEL; `adapter` is open.
    #[inline(never)]
    pub unsafe fn close(&'static self, adapter: *mut NDK_ADAPTER) {
        // SAFETY: as the caller promises.
        unsafe {
            let state = self.state.get();
            if let Some(close) = (*state).ndk.WskCloseNdkAdapter {
                close((*state).npi.Client, adapter);
            }
        }
    }

    /// Gives everything back.
    ///
    /// # Safety
    /// PASSIVE_LEVEL, after [`Consumer::register`].
    #[inline(never)]
    pub unsafe fn deregister(&'static self) {
        // SAFETY: registered and captured once.
        unsafe {
            let state = self.state.get();
            WskReleaseProviderNPI(&raw mut (*state).registration);
            WskDeregister(&raw mut (*state).registration);
        }
    }
}

impl Default for Consumer {
    fn default() -> Self {
        Self::new()
    }
}
