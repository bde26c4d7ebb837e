//! Requests of the I/O manager itself: open, close, control, read and write on a device, for the
//! host's tools and for drivers that open other drivers' devices.
//!
//! The buffers of a request are the I/O manager's own blocks, whatever the method, so that a
//! request that is given up after its time limit leaves nothing dangling.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::codes;
use super::device::{DO_BUFFERED_IO, DO_DIRECT_IO};
use super::file::FileObject;
use super::irp::{self, NO_STATUS, Origin};
use super::memory::Block;
use super::{cancel, dispatch};
use crate::bugcheck::Violation;
use crate::context::current;
use crate::kernel::Kernel;
use crate::sched::{self, Parker};
use crate::types::*;

/// How long a cancelled request may take to come back.
const CANCEL_GRACE: Duration = Duration::from_secs(2);

const IRP_MJ_CREATE: u8 = 0;
const IRP_MJ_CLOSE: u8 = 2;
const IRP_MJ_READ: u8 = 3;
const IRP_MJ_WRITE: u8 = 4;
const IRP_MJ_DEVICE_CONTROL: u8 = 14;
const IRP_MJ_CLEANUP: u8 = 18;

const IRP_BUFFERED_IO: u32 = 0x10;
const IRP_INPUT_OPERATION: u32 = 0x40;
const IRP_CREATE_OPERATION: u32 = 0x80;
const IRP_CLOSE_OPERATION: u32 = 0x400;

const USER_MODE: KPROCESSOR_MODE = 1;

/// A request on its way; completed by [`Request::finish`].
#[derive(Debug, Default)]
pub(crate) struct Request {
    parker: Parker,
    result: Mutex<Option<IO_STATUS_BLOCK>>,
}

/// Why a request has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaveUp {
    /// How long the request was waited for.
    pub after: Duration,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `IoStatus.Status`.
    pub status: NTSTATUS,
    /// `IoStatus.Information`.
    pub information: usize,
    /// The bytes that the driver returned.
    pub output: Vec<u8>,
}

impl Request {
    /// The I/O manager's part of the completion: keeps the result, wakes who waits for it.
    pub fn finish(&self, result: IO_STATUS_BLOCK) {
        *self.result.lock() = Some(result);
        self.parker.unpark();
    }

    fn wait(&self, deadline: Option<Instant>) -> Option<IO_STATUS_BLOCK> {
        loop {
            if let Some(result) = *self.result.lock() {
                return Some(result);
            }
            if !self.parker.park(deadline) && deadline.is_some() {
                return *self.result.lock();
            }
        }
    }
}

/// The buffers of a request.
#[derive(Debug, Default)]
struct Buffers {
    system: Option<Block>,
    input: Option<Block>,
    output: Option<Block>,
    mdl: Option<Mdl>,
}

/// An MDL of the I/O manager over a locked buffer.
#[derive(Debug)]
struct Mdl(*mut MDL);

impl Mdl {
    /// Describes a locked buffer. Physical memory is the host's address space, so a page's frame
    /// number is its address without the offset.
    fn over(block: &Block, length: usize, writable: bool) -> Mdl {
        let start = block.address() as usize;
        let mdl = crate::mm::mdl::allocate(start, length);
        assert!(!mdl.is_null(), "the host has no memory for an MDL");
        let access = if writable { MDL_WRITE_OPERATION } else { 0 };
        let pages = (start % PAGE_SIZE + length).div_ceil(PAGE_SIZE);
        // SAFETY: a fresh MDL with room for its pages' frame numbers.
        unsafe {
            let frames = mdl.add(1).cast::<usize>();
            for index in 0..pages {
                frames.add(index).write((start >> PAGE_SHIFT) + index);
            }
            (*mdl).MdlFlags |= MDL_PAGES_LOCKED | access;
        }
        Mdl(mdl)
    }
}

/// The I/O manager unlocks the buffer, which takes a mapping along that the driver made, and
/// frees the MDL.
impl Drop for Mdl {
    fn drop(&mut self) {
        // SAFETY: the MDL is the I/O manager's own; the request is over.
        unsafe {
            if (*self.0).MdlFlags & MDL_MAPPED_TO_SYSTEM_VA != 0 {
                Kernel::get().leaks.untrack("mapped MDL", self.0 as usize);
            }
            (*self.0).MdlFlags &= !(MDL_PAGES_LOCKED | MDL_WRITE_OPERATION | MDL_MAPPED_TO_SYSTEM_VA);
            crate::mm::mdl::free(self.0);
        }
    }
}

/// Opens a file on the device: counts it and sends IRP_MJ_CREATE.
///
/// # Errors
/// The status with which the device or its driver refuses.
pub(crate) fn create(file: &FileObject, access: u32, options: u32, share: u16) -> Result<(), NTSTATUS> {
    let mut context = SecurityContext { access, ..SecurityContext::default() };
    let parameters = [(&raw mut context) as u64, u64::from(options), u64::from(share) << 16, 0];
    let setup = Setup { major: IRP_MJ_CREATE, parameters, flags: IRP_CREATE_OPERATION, ..Setup::new(file) };
    match perform(setup, Buffers::default(), None) {
        Ok(done) if nt_success(done.0.Status) => Ok(()),
        Ok(done) => Err(done.0.Status),
        Err(_) => unreachable!("a request without a time limit ends"),
    }
}

/// The last handle is closed: IRP_MJ_CLEANUP, then IRP_MJ_CLOSE.
pub(crate) fn close(file: &FileObject) {
    for (major, flags) in [(IRP_MJ_CLEANUP, IRP_CLOSE_OPERATION), (IRP_MJ_CLOSE, IRP_CLOSE_OPERATION)] {
        let setup = Setup { major, flags, ..Setup::new(file) };
        // A driver without such a routine answers STATUS_INVALID_DEVICE_REQUEST; closing goes on.
        let _ = perform(setup, Buffers::default(), None);
    }
}

/// Sends a device control request. The method bits of `code` say how the buffers are passed;
/// `output` gives the second buffer's length, and what is in it at first for the methods that
/// show it to the driver (IN_DIRECT, NEITHER).
///
/// # Errors
/// The time limit passed, and the driver did not end the request after it was cancelled.
pub(crate) fn control(
    file: &FileObject,
    code: u32,
    input: &[u8],
    output: &[u8],
    limit: Option<Duration>,
) -> Result<Answer, GaveUp> {
    const BUFFERED: u32 = 0;
    const NEITHER: u32 = 3;
    let output_length = output.len();
    let method = code & 3;
    let mut buffers = Buffers::default();
    let mut setup = Setup { major: IRP_MJ_DEVICE_CONTROL, ..Setup::new(file) };
    setup.parameters = [output_length as u64, input.len() as u64, u64::from(code), 0];
    match method {
        BUFFERED => {
            let length = input.len().max(output_length);
            if length > 0 {
                buffers.system = Some(filled("system buffer", input, length));
                setup.flags |= IRP_BUFFERED_IO;
            }
        }
        NEITHER => {
            if !input.is_empty() {
                let block = filled("user's input buffer", input, input.len());
                setup.parameters[3] = block.address() as u64;
                buffers.input = Some(block);
            }
            if output_length > 0 {
                buffers.output = Some(filled("user's output buffer", output, output_length));
            }
        }
        direct => {
            if !input.is_empty() {
                buffers.system = Some(filled("system buffer", input, input.len()));
                setup.flags |= IRP_BUFFERED_IO;
            }
            if output_length > 0 {
                let block = filled("direct buffer", output, output_length);
                buffers.mdl = Some(Mdl::over(&block, output_length, direct == 2));
                buffers.output = Some(block);
            }
        }
    }
    if output_length > 0 {
        setup.flags |= IRP_INPUT_OPERATION;
    }
    transfer(setup, buffers, output_length, limit)
}

/// Reads (`input` is empty) or writes, in the way that the device's flags ask for.
///
/// # Errors
/// As for [`control`].
pub(crate) fn read_write(
    file: &FileObject,
    input: Option<&[u8]>,
    output_length: usize,
    offset: i64,
    limit: Option<Duration>,
) -> Result<Answer, GaveUp> {
    let length = input.map_or(output_length, <[u8]>::len);
    let major = if input.is_some() { IRP_MJ_WRITE } else { IRP_MJ_READ };
    let mut setup = Setup { major, ..Setup::new(file) };
    setup.parameters = [length as u64, 0, offset.cast_unsigned(), 0];
    let mut buffers = Buffers::default();
    if length > 0 {
        // SAFETY: an open file keeps its device.
        let flags = unsafe { (*file.device()).Flags } & (DO_BUFFERED_IO | DO_DIRECT_IO);
        let what = if flags == 0 { "user's buffer" } else { "transfer buffer" };
        let block = filled(what, input.unwrap_or_default(), length);
        match flags {
            0 => buffers.output = Some(block),
            flags if flags & DO_BUFFERED_IO != 0 => {
                buffers.system = Some(block);
                setup.flags |= IRP_BUFFERED_IO;
            }
            _ => {
                buffers.mdl = Some(Mdl::over(&block, length, input.is_none()));
                buffers.output = Some(block);
            }
        }
    }
    transfer(setup, buffers, output_length, limit)
}

fn filled(what: &'static str, bytes: &[u8], length: usize) -> Block {
    let block = Block::new(what, length);
    // SAFETY: the block has `length` bytes, at least as many as are copied.
    unsafe { block.address().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    block
}

/// `IO_SECURITY_CONTEXT`
#[repr(C)]
#[derive(Debug, Default)]
struct SecurityContext {
    quality: usize,
    state: usize,
    access: u32,
    options: u32,
}

/// What goes into the first stack location.
struct Setup<'a> {
    file: &'a FileObject,
    major: u8,
    parameters: [u64; 4],
    flags: u32,
}

impl<'a> Setup<'a> {
    fn new(file: &'a FileObject) -> Self {
        Setup { file, major: 0, parameters: [0; 4], flags: 0 }
    }
}

/// Performs a request that returns bytes.
fn transfer(
    setup: Setup<'_>,
    buffers: Buffers,
    output_length: usize,
    limit: Option<Duration>,
) -> Result<Answer, GaveUp> {
    let target = routine(&setup);
    let reads = setup.major != IRP_MJ_WRITE;
    let (result, buffers) = perform(setup, buffers, limit)?;
    // An error returns no bytes; a warning (STATUS_BUFFER_OVERFLOW) does.
    let is_error = result.Status.cast_unsigned() >= 0xC000_0000;
    let mut output = Vec::new();
    if reads && !is_error {
        if result.Information > output_length {
            Violation::new(&codes::IRP_INFORMATION_TOO_LARGE)
                .params([result.Information as u64, output_length as u64, target as u64, 0])
                .guilty(target)
                .text(format!(
                    "{} completed a request with Information {}, but the output buffer has {output_length} bytes",
                    Kernel::get().images.describe(target),
                    result.Information
                ))
                .raise();
        }
        if let Some(block) = buffers.output.as_ref().or(buffers.system.as_ref()) {
            // SAFETY: the block has at least `output_length` bytes; the request is over.
            let bytes = unsafe { std::slice::from_raw_parts(block.address(), result.Information) };
            output = bytes.to_vec();
        }
    }
    Ok(Answer { status: result.Status, information: result.Information, output })
}

/// The dispatch routine that gets the request first, for reports.
fn routine(setup: &Setup<'_>) -> usize {
    // SAFETY: an open file keeps its device, the device its driver.
    let routines = unsafe { &(*(*setup.file.device()).DriverObject).MajorFunction };
    routines[usize::from(setup.major)].map_or(0, |routine| routine as usize)
}

/// Sends a request and waits for its end; the calling host thread is the requesting thread.
fn perform(setup: Setup<'_>, buffers: Buffers, limit: Option<Duration>) -> Result<(IO_STATUS_BLOCK, Buffers), GaveUp> {
    let started = sched::now();
    let request = Arc::new(Request::default());
    let target = setup.file.device();
    // SAFETY: an open file keeps its device.
    let stack_size = unsafe { (*target).StackSize }.max(1);
    let irp = irp::allocate(stack_size, Origin::Manager(Arc::clone(&request)));
    // SAFETY: a fresh IRP with at least one location below the current one.
    unsafe {
        let header = &mut *irp;
        header.Flags = setup.flags;
        header.RequestorMode = USER_MODE;
        header.IoStatus.Status = NO_STATUS;
        header.Tail.Thread = current().thread.get().cast_mut().cast();
        header.Tail.OriginalFileObject = setup.file.pointer();
        header.SystemBuffer = address(buffers.system.as_ref());
        header.UserBuffer = address(buffers.output.as_ref());
        header.MdlAddress = buffers.mdl.as_ref().map_or(std::ptr::null_mut(), |mdl| mdl.0);
        let next = &mut *header.Tail.CurrentStackLocation.wrapping_sub(1);
        next.MajorFunction = setup.major;
        next.Parameters = setup.parameters;
        next.FileObject = setup.file.pointer();
        dispatch::send(target, irp);
    }
    let result = request.wait(limit.map(|limit| started + limit)).or_else(|| {
        // SAFETY: only this thread frees the IRP.
        unsafe { cancel::cancel(irp) };
        request.wait(Some(sched::now() + CANCEL_GRACE))
    });
    let Some(result) = result else {
        // The driver still has the IRP: leave it and its buffers for ever.
        std::mem::forget(buffers);
        return Err(GaveUp { after: sched::now() - started });
    };
    let parts = [&buffers.system, &buffers.input, &buffers.output];
    for block in parts.into_iter().flatten() {
        block.check(routine(&setup));
    }
    drop(irp::table().remove(irp));
    Ok((result, buffers))
}

fn address(block: Option<&Block>) -> PVOID {
    block.map_or(std::ptr::null_mut(), |block| block.address().cast())
}
