//! The control device: `\Device\NdkTest`, opened by programs to run workloads.

use crate::{
    kernel::Lock,
    run::{Failure, Run},
    workload,
    wsk::Registration,
};
use core::ptr;
use ndkpi_sys::{
    STATUS_BUFFER_TOO_SMALL, STATUS_DEVICE_BUSY, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND, STATUS_OBJECT_NAME_COLLISION, STATUS_SUCCESS, utf16,
};
use ndktest_api as api;
use wdk_sys::{
    DEVICE_OBJECT, DRIVER_OBJECT, FILE_DEVICE_SECURE_OPEN, FILE_DEVICE_UNKNOWN, IO_NO_INCREMENT, IRP, IRP_MJ_CLOSE,
    IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, NTSTATUS, PDEVICE_OBJECT, UNICODE_STRING,
    ntddk::{IoCreateDevice, IoCreateSymbolicLink, IoDeleteDevice, IoDeleteSymbolicLink, IofCompleteRequest},
};
use zerocopy::{FromBytes, IntoBytes};

const RUNS: usize = 16;

/// The device extension.
struct Extension {
    registration: Registration,
    runs: Lock<[Option<Run>; RUNS]>,
}

static NAME: [u16; api::DEVICE_NAME.len()] = utf16(api::DEVICE_NAME);
static LINK: [u16; api::LINK_NAME.len()] = utf16(api::LINK_NAME);

/// Makes the device, its link and the WSK registration; on failure nothing is left.
pub fn create(driver: &mut DRIVER_OBJECT) -> Result<(), NTSTATUS> {
    let registration = Registration::new()?;
    let mut device: PDEVICE_OBJECT = ptr::null_mut();
    let mut name = name_of(&NAME);
    // SAFETY: the driver object is the system's; name and out pointer are locals.
    let status = unsafe {
        IoCreateDevice(
            driver,
            size_of::<Extension>() as u32,
            &mut name,
            FILE_DEVICE_UNKNOWN,
            FILE_DEVICE_SECURE_OPEN,
            0,
            &mut device,
        )
    };
    if status < STATUS_SUCCESS {
        return Err(status);
    }
    let extension = Extension { registration, runs: Lock::new([const { None }; RUNS]) };
    // SAFETY: the extension has the size asked for, is 16-aligned pool, and no request can come in yet.
    unsafe { (*device).DeviceExtension.cast::<Extension>().write(extension) };
    let mut link = name_of(&LINK);
    // SAFETY: both names are locals over static text.
    let status = unsafe { IoCreateSymbolicLink(&mut link, &mut name) };
    if status < STATUS_SUCCESS {
        // SAFETY: the device is ours and nobody has opened it.
        unsafe { remove(device) };
        return Err(status);
    }
    driver.DriverUnload = Some(unload);
    for (major, routine) in driver.MajorFunction.iter_mut().enumerate() {
        match u32::try_from(major) {
            Ok(IRP_MJ_CREATE | IRP_MJ_CLOSE) => *routine = Some(open_or_close),
            Ok(IRP_MJ_DEVICE_CONTROL) => *routine = Some(control),
            _ => {}
        }
    }
    Ok(())
}

// PASSIVE_LEVEL. The system unloads only when no handle to the device is open, hence no run is under way.
unsafe extern "C" fn unload(driver: *mut DRIVER_OBJECT) {
    let mut link = name_of(&LINK);
    // SAFETY: the name is a local over static text.
    let _ = unsafe { IoDeleteSymbolicLink(&mut link) };
    // SAFETY: the system gives the driver's own object, whose only device is ours.
    unsafe { remove((*driver).DeviceObject) };
}

/// # Safety
/// The device is the one that `create` made, with its extension, and has no requests.
unsafe fn remove(device: PDEVICE_OBJECT) {
    // SAFETY: `create` wrote the extension; it is dropped once.
    unsafe { ptr::drop_in_place((*device).DeviceExtension.cast::<Extension>()) };
    // SAFETY: the device is not used after this.
    unsafe { IoDeleteDevice(device) };
}

unsafe extern "C" fn open_or_close(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the IRP is ours until it is completed.
    unsafe { complete(irp, STATUS_SUCCESS, 0) }
}

// PASSIVE_LEVEL, in the thread of the caller; a run blocks it until the run is over.
unsafe extern "C" fn control(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the extension was written before the first request could come.
    let extension = unsafe { &*(*device).DeviceExtension.cast::<Extension>() };
    // SAFETY: the I/O manager has set up the current stack location of a device control request.
    let parameters = unsafe {
        let stack = (*irp).Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation;
        (*stack).Parameters.DeviceIoControl
    };
    // SAFETY: METHOD_BUFFERED: one system buffer, long enough for the longer of input and output.
    let buffer = unsafe { (*irp).AssociatedIrp.SystemBuffer }.cast::<u8>();
    let (input, output) = (parameters.InputBufferLength as usize, parameters.OutputBufferLength as usize);
    let length = if buffer.is_null() { 0 } else { input.max(output) };
    let buffer = if length == 0 { ptr::NonNull::dangling().as_ptr() } else { buffer };
    // SAFETY: the buffer is the request's alone until it is completed, and has `length` bytes.
    let bytes = unsafe { core::slice::from_raw_parts_mut(buffer, length) };
    let (status, written) =
        match extension.answer(parameters.IoControlCode, bytes, input.min(length), output.min(length)) {
            Ok(written) => (STATUS_SUCCESS, written),
            Err(status) => (status, 0),
        };
    // SAFETY: the slice is not used any more.
    unsafe { complete(irp, status, written) }
}

/// # Safety
/// The IRP belongs to the caller, who does not touch it again.
unsafe fn complete(irp: *mut IRP, status: NTSTATUS, information: usize) -> NTSTATUS {
    // SAFETY: the caller owns the IRP.
    unsafe {
        (*irp).IoStatus.__bindgen_anon_1.Status = status;
        (*irp).IoStatus.Information = information as u64;
    }
    // SAFETY: status and length are set; the IRP is not touched after this.
    unsafe { IofCompleteRequest(irp, IO_NO_INCREMENT as i8) };
    status
}

impl Extension {
    /// Answers a control code: the bytes written, or the status of the request.
    fn answer(&self, code: u32, bytes: &mut [u8], input: usize, output: usize) -> Result<usize, NTSTATUS> {
        match code {
            api::IOCTL_LIST => {
                let mut written = 0;
                let entries = bytes.get_mut(..output).unwrap_or(&mut []);
                for (entry, target) in workload::entries().zip(entries.chunks_exact_mut(size_of::<api::Entry>())) {
                    target.copy_from_slice(entry.as_bytes());
                    written += target.len();
                }
                if written == 0 { Err(STATUS_BUFFER_TOO_SMALL) } else { Ok(written) }
            }
            api::IOCTL_RUN => {
                if output < size_of::<api::Outcome>() {
                    return Err(STATUS_BUFFER_TOO_SMALL);
                }
                let request = bytes.get(..input).unwrap_or(&[]);
                let (request, path) = api::Request::read_from_prefix(request).map_err(|_| STATUS_INVALID_PARAMETER)?;
                let outcome = self.run(request, path)?;
                let target = bytes.get_mut(..size_of::<api::Outcome>()).ok_or(STATUS_BUFFER_TOO_SMALL)?;
                target.copy_from_slice(outcome.as_bytes());
                Ok(target.len())
            }
            api::IOCTL_PROGRESS => {
                let run = self.find(bytes.get(..input))?;
                let progress = run.counts.progress();
                let target = bytes.get_mut(..output.min(size_of::<api::Progress>())).unwrap_or(&mut []);
                let source = progress.as_bytes();
                if target.len() < source.len() {
                    return Err(STATUS_BUFFER_TOO_SMALL);
                }
                target.copy_from_slice(source);
                Ok(source.len())
            }
            api::IOCTL_CANCEL => {
                self.find(bytes.get(..input))?.cancel.set();
                Ok(0)
            }
            api::IOCTL_GO_ON => {
                self.find(bytes.get(..input))?.go_on.set();
                Ok(0)
            }
            _ => Err(STATUS_INVALID_DEVICE_REQUEST),
        }
    }

    fn run(&self, request: api::Request, path: &[u8]) -> Result<api::Outcome, NTSTATUS> {
        let workload = workload::find(request.workload.as_str()).ok_or(STATUS_NOT_FOUND)?;
        let run = Run::new(request).map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
        self.enter(&run)?;
        let mut outcome = api::Outcome::default();
        let result = match self.registration.capture(run.patience()) {
            Ok(provider) => (workload.run)(&workload::Job { run: &run, provider: &provider, path }, &mut outcome),
            Err(failure) => Err(failure),
        };
        self.leave(&run);
        finish(&run, result, &mut outcome);
        Ok(outcome)
    }

    // Notes a run under its id, which no other run of the moment may have.
    fn enter(&self, run: &Run) -> Result<(), NTSTATUS> {
        self.runs.with(|runs| {
            if runs.iter().flatten().any(|other| other.request.id == run.request.id) {
                return Err(STATUS_OBJECT_NAME_COLLISION);
            }
            let free = runs.iter_mut().find(|slot| slot.is_none()).ok_or(STATUS_DEVICE_BUSY)?;
            *free = Some(run.clone());
            Ok(())
        })
    }

    fn leave(&self, run: &Run) {
        // Dropped outside the lock.
        let _noted = self.runs.with(|runs| {
            let slot =
                runs.iter_mut().find(|slot| slot.as_ref().is_some_and(|other| other.request.id == run.request.id));
            slot.and_then(Option::take)
        });
    }

    fn find(&self, id: Option<&[u8]>) -> Result<Run, NTSTATUS> {
        let (id, _) = u64::read_from_prefix(id.unwrap_or(&[])).map_err(|_| STATUS_INVALID_PARAMETER)?;
        self.runs.with(|runs| runs.iter().flatten().find(|run| run.request.id == id).cloned()).ok_or(STATUS_NOT_FOUND)
    }
}

// The first failure counts; what was set aside (in drops) only if nothing else failed.
fn finish(run: &Run, result: Result<(), Failure>, outcome: &mut api::Outcome) {
    outcome.counters = run.counts.report();
    outcome.checks = run.counts.progress().checks;
    if let Some(failure) = result.err().or_else(|| run.aside()) {
        outcome.status = failure.run_status();
        outcome.failure = failure.report();
    }
}

fn name_of(text: &'static [u16]) -> UNICODE_STRING {
    // Names of this driver have a few dozen characters.
    let bytes = size_of_val(text) as u16;
    UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: text.as_ptr().cast_mut() }
}
