//! A driver that runs: driver object, `DriverEntry`, unload.

use super::{Image, LoadError};
use crate::bugcheck::{Violation, codes};
use crate::context::{CallSite, call_driver};
use crate::kernel::Kernel;
use crate::leaks::Owned;
use crate::types::{
    DRIVER_DISPATCH, DRIVER_EXTENSION, DRIVER_INITIALIZE, DRIVER_OBJECT, IO_TYPE_DRIVER, OwnedUnicode, UNICODE_STRING,
    nt_success,
};

/// A started driver.
#[derive(Debug)]
pub struct Driver {
    /// Its driver object.
    pub object: *mut DRIVER_OBJECT,
    /// Its image.
    pub image: &'static Image,
    block: Box<Block>,
}

// SAFETY: the driver object is shared with the driver's code, which runs on any thread.
unsafe impl Send for Driver {}
// SAFETY: as above; fields that ntsim changes are changed by start and unload only.
unsafe impl Sync for Driver {}

/// What the driver object points at, at one address.
#[derive(Debug)]
struct Block {
    object: DRIVER_OBJECT,
    extension: DRIVER_EXTENSION,
    registry_view: UNICODE_STRING,
    hardware_view: UNICODE_STRING,
    /// The buffers of the strings above.
    _texts: [OwnedUnicode; 4],
}

impl Driver {
    /// Makes the driver object and runs `DriverEntry` at PASSIVE_LEVEL.
    ///
    /// `service` is the service's name, `registry_path` the key that `DriverEntry` is told,
    /// `default_dispatch` fills `MajorFunction`.
    ///
    /// # Errors
    /// [`LoadError::EntryFailed`]; what the driver then still owns is a leak, and a violation.
    pub fn start(
        image: &'static Image,
        service: &str,
        registry_path: &str,
        default_dispatch: DRIVER_DISPATCH,
    ) -> Result<Self, LoadError> {
        // SAFETY: the entry point lies in an executable section, which is all a loader can know.
        let entry: DRIVER_INITIALIZE = unsafe { std::mem::transmute(image.entry) };
        let mut block = Box::new(Block::new(image, service, registry_path, entry, default_dispatch));
        block.link();
        let object = &raw mut block.object;
        let registry = &raw mut block.registry_view;
        let status = Kernel::enter(|| {
            // SAFETY: DriverEntry gets a driver object and a path that outlive the driver.
            call_driver(CallSite::new("DriverEntry", image.entry), || unsafe { entry(object, registry) })
        });
        let driver = Self { object, image, block };
        if nt_success(status) {
            return Ok(driver);
        }
        let file = image.name.clone();
        let leaks = driver.close();
        if !leaks.is_empty() {
            report_leaks(image, &leaks, "its DriverEntry failed");
        }
        Err(LoadError::EntryFailed { file, status })
    }

    /// Calls the unload routine, waits for DPCs, checks that nothing of the driver is alive, and
    /// takes its code away. Gives what it has leaked.
    pub fn unload(self) -> Vec<Owned> {
        // SAFETY: the object is ours and alive.
        let unload = unsafe { (*self.object).DriverUnload };
        let Some(unload) = unload else {
            Violation::new(&codes::NO_UNLOAD_ROUTINE)
                .guilty(self.image.entry)
                .text(format!("{} has no DriverUnload, so it cannot be unloaded", self.image.name))
                .raise()
        };
        let object = self.object;
        Kernel::enter(|| {
            // SAFETY: the driver's own unload routine with its own object.
            call_driver(CallSite::new("DriverUnload", unload as usize), || unsafe { unload(object) });
        });
        self.close()
    }

    fn close(self) -> Vec<Owned> {
        Kernel::enter(|| {
            crate::ke::dpc::flush();
            crate::verifier::unload::check(self.image);
        });
        let leaks = Kernel::get().leaks_of(self.image.id);
        // Symbols are read while the image is still known to be mapped; names come from the PDB.
        self.image.close();
        drop(self.block);
        leaks
    }
}

/// Stops the machine because `image` has leaked.
pub(crate) fn report_leaks(image: &Image, leaks: &[Owned], when: &str) -> ! {
    let mut violation = Violation::new(&codes::LEAKED)
        .guilty(image.entry)
        .params([leaks.len() as u64, 0, 0, 0])
        .text(format!("{} still owns {} object(s) after {when}", image.name, leaks.len()));
    for owned in leaks.iter().take(8) {
        violation = violation.related(format!("leaked {} {} made at", owned.kind, owned.detail), owned.stack.clone());
    }
    violation.raise()
}

impl Block {
    fn new(
        image: &Image,
        service: &str,
        registry_path: &str,
        entry: DRIVER_INITIALIZE,
        dispatch: DRIVER_DISPATCH,
    ) -> Self {
        let name = OwnedUnicode::new(&format!("\\Driver\\{service}"));
        let service = OwnedUnicode::new(service);
        let registry = OwnedUnicode::new(registry_path);
        let hardware = OwnedUnicode::new("\\REGISTRY\\MACHINE\\HARDWARE\\DESCRIPTION\\SYSTEM");
        Self {
            object: DRIVER_OBJECT {
                Type: IO_TYPE_DRIVER,
                Size: std::mem::size_of::<DRIVER_OBJECT>() as i16,
                DeviceObject: std::ptr::null_mut(),
                Flags: 0x12,
                DriverStart: image.base as *mut _,
                DriverSize: image.size as u32,
                DriverSection: std::ptr::null_mut(),
                DriverExtension: std::ptr::null_mut(),
                DriverName: name.view(),
                HardwareDatabase: std::ptr::null_mut(),
                FastIoDispatch: std::ptr::null_mut(),
                DriverInit: Some(entry),
                DriverStartIo: std::ptr::null_mut(),
                DriverUnload: None,
                MajorFunction: [Some(dispatch); 28],
            },
            extension: DRIVER_EXTENSION {
                DriverObject: std::ptr::null_mut(),
                AddDevice: None,
                Count: 0,
                ServiceKeyName: service.view(),
            },
            registry_view: registry.view(),
            hardware_view: hardware.view(),
            _texts: [name, service, registry, hardware],
        }
    }

    fn link(&mut self) {
        self.object.DriverExtension = &raw mut self.extension;
        self.object.HardwareDatabase = &raw mut self.hardware_view;
        self.extension.DriverObject = &raw mut self.object;
    }
}
