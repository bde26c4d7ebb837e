//! Registration of the driver: `MP-REG-*`, `MP-OPT-*`, `MP-UNL-01`.

use core::ffi::c_void;
use core::ptr;

use ndkpi_sys as sys;

use super::{Status, VERSION, header};
use crate::irql::{Cx, Passive};

/// The handle of the registered driver.
#[derive(Debug)]
pub struct Driver(sys::NDIS_HANDLE);

// SAFETY: a handle is a name; deregistering works on any thread.
unsafe impl Send for Driver {}
// SAFETY: a shared driver handle can do nothing.
unsafe impl Sync for Driver {}

/// The handlers of a miniport driver. Each is called at its documented IRQL.
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "named as in NDIS_MINIPORT_DRIVER_CHARACTERISTICS")]
pub struct Handlers {
    pub set_options: sys::SET_OPTIONS_HANDLER,
    pub initialize: sys::MINIPORT_INITIALIZE_HANDLER,
    pub halt: sys::MINIPORT_HALT_HANDLER,
    pub unload: sys::MINIPORT_DRIVER_UNLOAD,
    pub pause: sys::MINIPORT_PAUSE_HANDLER,
    pub restart: sys::MINIPORT_RESTART_HANDLER,
    pub oid_request: sys::MINIPORT_OID_REQUEST_HANDLER,
    pub send: sys::MINIPORT_SEND_NET_BUFFER_LISTS_HANDLER,
    pub return_received: sys::MINIPORT_RETURN_NET_BUFFER_LISTS_HANDLER,
    pub cancel_send: sys::MINIPORT_CANCEL_SEND_HANDLER,
    pub pnp_event: sys::MINIPORT_DEVICE_PNP_EVENT_NOTIFY_HANDLER,
    pub shutdown: sys::MINIPORT_SHUTDOWN_HANDLER,
    pub cancel_oid: sys::MINIPORT_CANCEL_OID_REQUEST_HANDLER,
    pub direct_oid: sys::MINIPORT_DIRECT_OID_REQUEST_HANDLER,
    pub cancel_direct_oid: sys::MINIPORT_CANCEL_DIRECT_OID_REQUEST_HANDLER,
}

impl Driver {
    /// Registers the driver. MiniportSetOptions runs inside, and adapters may be initialised as soon
    /// as DriverEntry has returned (`MP-REG-08`).
    ///
    /// # Safety
    /// Called once from DriverEntry with its own arguments; the handlers are what NDIS takes them for.
    ///
    /// # Errors
    /// What NDIS says.
    pub unsafe fn register(
        object: *mut c_void,
        registry_path: *mut c_void,
        version: (u8, u8),
        handlers: &Handlers,
        _: &mut Cx<Passive>,
    ) -> Result<Self, Status> {
        let mut characteristics = sys::NDIS_MINIPORT_DRIVER_CHARACTERISTICS_V2 {
            // 6.50 to 6.70 want revision 2 (MP-VER-03).
            Header: header(
                sys::NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
                sys::NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
                sys::NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
            ),
            MajorNdisVersion: VERSION.0,
            MinorNdisVersion: VERSION.1,
            MajorDriverVersion: version.0,
            MinorDriverVersion: version.1,
            Flags: 0,
            SetOptionsHandler: handlers.set_options,
            InitializeHandlerEx: handlers.initialize,
            HaltHandlerEx: handlers.halt,
            UnloadHandler: handlers.unload,
            PauseHandler: handlers.pause,
            RestartHandler: handlers.restart,
            OidRequestHandler: handlers.oid_request,
            SendNetBufferListsHandler: handlers.send,
            ReturnNetBufferListsHandler: handlers.return_received,
            CancelSendHandler: handlers.cancel_send,
            // A software miniport never hangs and is never reset (MP-REG-04).
            CheckForHangHandlerEx: None,
            ResetHandlerEx: None,
            DevicePnPEventNotifyHandler: handlers.pnp_event,
            ShutdownHandlerEx: handlers.shutdown,
            CancelOidRequestHandler: handlers.cancel_oid,
            DirectOidRequestHandler: handlers.direct_oid,
            CancelDirectOidRequestHandler: handlers.cancel_direct_oid,
        };
        let mut handle: sys::NDIS_HANDLE = ptr::null_mut();
        // SAFETY: the caller's arguments of DriverEntry; the structure lives across the call, which
        // copies it; NDIS goes by its header, which says revision 2.
        let status = unsafe {
            sys::NdisMRegisterMiniportDriver(
                object.cast(),
                registry_path.cast(),
                ptr::null_mut(),
                (&raw mut characteristics).cast(),
                &raw mut handle,
            )
        };
        if status == sys::NDIS_STATUS_SUCCESS { Ok(Self(handle)) } else { Err(status) }
    }

    /// Deregisters; from unload, after all adapters are gone, or from a DriverEntry that fails.
    pub fn deregister(self, _: &mut Cx<Passive>) {
        // SAFETY: the handle is of a successful registration and used for the last time.
        unsafe { sys::NdisMDeregisterMiniportDriver(self.0) };
    }
}

/// Registers the NDK handlers. Only from MiniportSetOptions (`MP-OPT-01`).
///
/// # Safety
/// `driver` is what MiniportSetOptions was given; the handlers are what NDIS takes them for.
///
/// # Errors
/// What NDIS says: NDK is not supported, or no memory.
pub unsafe fn set_ndk_handlers(
    driver: sys::NDIS_HANDLE,
    open: sys::OPEN_NDK_ADAPTER_HANDLER,
    close: sys::CLOSE_NDK_ADAPTER_HANDLER,
    _: &mut Cx<Passive>,
) -> Result<(), Status> {
    let mut characteristics = sys::NDIS_NDK_PROVIDER_CHARACTERISTICS {
        Header: header(
            sys::NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS,
            sys::NDIS_NDK_PROVIDER_CHARACTERISTICS_REVISION_1,
            sys::NDIS_SIZEOF_NDK_PROVIDER_CHARACTERISTICS_REVISION_1,
        ),
        Flags: 0,
        OpenNDKAdapterHandler: open,
        CloseNDKAdapterHandler: close,
    };
    // SAFETY: the structure begins with its header and lives across the call.
    let status = unsafe { sys::NdisSetOptionalHandlers(driver, (&raw mut characteristics).cast()) };
    if status == sys::NDIS_STATUS_SUCCESS { Ok(()) } else { Err(status) }
}

/// The running NDIS: major and minor version.
#[must_use]
pub fn running_version() -> (u16, u16) {
    // SAFETY: no preconditions.
    let version = unsafe { sys::NdisGetVersion() };
    // The halves of 32 bits.
    ((version >> 16) as u16, (version & 0xffff) as u16)
}
