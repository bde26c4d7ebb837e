//! Miniport drivers register, name their optional handlers, and deregister (ndis.md section 1).

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::codes;
use super::handles::{self, Object};
use crate::Kernel;
use crate::bugcheck::Violation;
use crate::context::{CallSite, call_driver};
use crate::kernel::ImageId;
use crate::types::{DRIVER_OBJECT, UNICODE_STRING};
use ndkpi_sys::*;

/// The NDIS that is simulated: 6.85, that of Windows Server 2022.
pub const NDIS_MINOR: u8 = 85;

/// A registered miniport driver.
#[derive(Debug)]
pub(super) struct Driver {
    pub handle: usize,
    /// Its driver object's address.
    pub object: usize,
    pub image: Option<ImageId>,
    pub context: NDIS_HANDLE,
    pub minor: u8,
    pub handlers: NDIS_MINIPORT_DRIVER_CHARACTERISTICS,
    /// MiniportSetOptions is running.
    in_set_options: AtomicBool,
    pub ndk: Mutex<Option<NDIS_NDK_PROVIDER_CHARACTERISTICS>>,
}

// SAFETY: the pointers in it are words of the driver that NDIS passes back.
unsafe impl Send for Driver {}
// SAFETY: as above; the rest is behind locks.
unsafe impl Sync for Driver {}

/// The registered driver of a driver object.
pub(super) fn of_object(object: *mut DRIVER_OBJECT) -> Option<Arc<Driver>> {
    handles::all(|entry| match entry {
        Object::Driver(driver) if driver.object == object.addr() => Some(Arc::clone(driver)),
        _ => None,
    })
    .pop()
}

unsafe fn register_miniport_driver(
    driver_object: *mut DRIVER_OBJECT,
    _registry_path: *mut UNICODE_STRING,
    context: NDIS_HANDLE,
    given: *mut NDIS_MINIPORT_DRIVER_CHARACTERISTICS,
    handle_out: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    if of_object(driver_object).is_some() {
        Violation::new(&codes::NDIS_REGISTERED_TWICE)
            .params([driver_object.addr() as u64, 0, 0, 0])
            .text("the driver calls NdisMRegisterMiniportDriver a second time")
            .raise();
    }
    // SAFETY: the driver passes its characteristics; the header tells how long they are.
    let handlers = match unsafe { read_characteristics(given) } {
        Ok(handlers) => handlers,
        Err(status) => return status,
    };
    let handle = handles::reserve();
    let caller = crate::context::current().caller();
    let driver = Arc::new(Driver {
        handle,
        object: driver_object.addr(),
        image: Kernel::get().images.containing(caller).map(|image| image.id),
        context,
        minor: handlers.MinorNdisVersion,
        handlers,
        in_set_options: AtomicBool::new(false),
        ndk: Mutex::new(None),
    });
    handles::publish(handle, Object::Driver(Arc::clone(&driver)));
    if let Some(set_options) = handlers.SetOptionsHandler {
        driver.in_set_options.store(true, Ordering::Release);
        let status = call_driver(CallSite::new("MiniportSetOptions", set_options as usize), || {
            // SAFETY: the driver's handler with its own context (MP-REG-09: the handle comes here first).
            unsafe { set_options(handles::as_handle(handle), context) }
        });
        driver.in_set_options.store(false, Ordering::Release);
        if status != NDIS_STATUS_SUCCESS {
            handles::forget(handle);
            return if status < 0 { status } else { NDIS_STATUS_FAILURE };
        }
    }
    // SAFETY: DriverEntry's own driver object; NDIS owns these fields of a miniport (MP-REG-11).
    unsafe {
        let unload =
            handlers.UnloadHandler.map(|unload| std::mem::transmute::<*const c_void, _>(unload as *const c_void));
        (*driver_object).DriverUnload = unload;
        handle_out.write(handles::as_handle(handle));
    }
    Kernel::get().leaks.track("NDIS miniport driver", handle, "");
    NDIS_STATUS_SUCCESS
}

/// Copies the characteristics after MP-VER-01 to MP-VER-03 and MP-REG-02 to MP-REG-07.
///
/// # Safety
/// `given` must point at a characteristics structure as long as its header says.
unsafe fn read_characteristics(
    given: *const NDIS_MINIPORT_DRIVER_CHARACTERISTICS,
) -> Result<NDIS_MINIPORT_DRIVER_CHARACTERISTICS, NDIS_STATUS> {
    // SAFETY: every revision has the header and the version.
    let (header, major, minor) = unsafe { ((*given).Header, (*given).MajorNdisVersion, (*given).MinorNdisVersion) };
    if header.Type != NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS {
        return Err(NDIS_STATUS_BAD_CHARACTERISTICS);
    }
    if major != 6 || minor > NDIS_MINOR {
        return Err(NDIS_STATUS_BAD_VERSION);
    }
    let (revision, size) = match minor {
        80.. => (3, 160),
        1.. => (2, 152),
        0 => (1, 136),
    };
    if header.Revision < revision || header.Size < size {
        return Err(NDIS_STATUS_BAD_CHARACTERISTICS);
    }
    let mut handlers = NDIS_MINIPORT_DRIVER_CHARACTERISTICS::default();
    let length = usize::from(header.Size).min(size_of_val(&handlers));
    // SAFETY: the structure is as long as its header says; the copy is cut to ours.
    unsafe { std::ptr::copy_nonoverlapping(given.cast::<u8>(), (&raw mut handlers).cast::<u8>(), length) };
    let required = handlers.InitializeHandlerEx.is_some()
        && handlers.HaltHandlerEx.is_some()
        && handlers.UnloadHandler.is_some()
        && handlers.PauseHandler.is_some()
        && handlers.RestartHandler.is_some()
        && handlers.OidRequestHandler.is_some()
        && handlers.SendNetBufferListsHandler.is_some()
        && handlers.ReturnNetBufferListsHandler.is_some()
        && handlers.CancelSendHandler.is_some()
        && handlers.DevicePnPEventNotifyHandler.is_some()
        && handlers.ShutdownHandlerEx.is_some()
        && handlers.CancelOidRequestHandler.is_some();
    let pairs = handlers.CheckForHangHandlerEx.is_some() == handlers.ResetHandlerEx.is_some()
        && (handlers.CancelDirectOidRequestHandler.is_none() || handlers.DirectOidRequestHandler.is_some());
    if !required || !pairs || handlers.Flags != 0 {
        return Err(NDIS_STATUS_BAD_CHARACTERISTICS);
    }
    Ok(handlers)
}

unsafe fn deregister_miniport_driver(handle: NDIS_HANDLE) {
    let driver = handles::driver(handle, "NdisMDeregisterMiniportDriver");
    let adapters = handles::all(|entry| match entry {
        Object::Adapter(adapter) if adapter.driver.handle == driver.handle => Some(adapter.config.name.clone()),
        _ => None,
    });
    if !adapters.is_empty() {
        Violation::new(&codes::NDIS_DEREGISTERED_WITH_ADAPTERS)
            .params([handle.addr() as u64, adapters.len() as u64, 0, 0])
            .text(format!(
                "NdisMDeregisterMiniportDriver is called while these adapters are not halted: {}",
                adapters.join(", ")
            ))
            .raise();
    }
    handles::forget(driver.handle);
    Kernel::get().leaks.untrack("NDIS miniport driver", driver.handle);
}

unsafe fn set_optional_handlers(handle: NDIS_HANDLE, given: *mut NDIS_DRIVER_OPTIONAL_HANDLERS) -> NDIS_STATUS {
    let driver = handles::driver(handle, "NdisSetOptionalHandlers");
    if !driver.in_set_options.load(Ordering::Acquire) {
        Violation::new(&codes::NDIS_OPTIONAL_HANDLERS_OUTSIDE_SET_OPTIONS)
            .params([handle.addr() as u64, 0, 0, 0])
            .text("NdisSetOptionalHandlers may be called only from inside MiniportSetOptions")
            .raise();
    }
    // SAFETY: every set of handlers begins with the header.
    let header = unsafe { *given };
    if header.Type != NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS {
        return NDIS_STATUS_NOT_SUPPORTED;
    }
    if header.Revision < 1 || usize::from(header.Size) < size_of::<NDIS_NDK_PROVIDER_CHARACTERISTICS>() {
        return NDIS_STATUS_FAILURE;
    }
    // SAFETY: type and size say what it is.
    let ndk = unsafe { given.cast::<NDIS_NDK_PROVIDER_CHARACTERISTICS>().read() };
    if ndk.Flags != 0 || ndk.OpenNDKAdapterHandler.is_none() || ndk.CloseNDKAdapterHandler.is_none() {
        return NDIS_STATUS_FAILURE;
    }
    *driver.ndk.lock() = Some(ndk);
    NDIS_STATUS_SUCCESS
}

crate::routines! { "ndis.sys";
    fn NdisMRegisterMiniportDriver(driver: *mut DRIVER_OBJECT, path: *mut UNICODE_STRING, context: NDIS_HANDLE,
        characteristics: *mut NDIS_MINIPORT_DRIVER_CHARACTERISTICS, handle: *mut NDIS_HANDLE) -> NDIS_STATUS
        = register_miniport_driver: PASSIVE..=PASSIVE, fails(NDIS_STATUS_RESOURCES, NDIS_STATUS_FAILURE);
    fn NdisMDeregisterMiniportDriver(handle: NDIS_HANDLE) = deregister_miniport_driver: PASSIVE..=PASSIVE;
    fn NdisSetOptionalHandlers(handle: NDIS_HANDLE, handlers: *mut NDIS_DRIVER_OPTIONAL_HANDLERS) -> NDIS_STATUS
        = set_optional_handlers: PASSIVE..=PASSIVE, fails(NDIS_STATUS_RESOURCES);
}
