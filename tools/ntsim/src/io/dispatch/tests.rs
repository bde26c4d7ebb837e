//! A driver inside the test, whose device control routine does what the control code says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::super::device::{self, Recipe};
use super::super::file::FileObject;
use super::super::request::{self, GaveUp};
use super::*;
use crate::bugcheck::expect_violation;

const ECHO: u32 = 0x22_2000;
const ECHO_DIRECT: u32 = 0x22_2002;
const LATER: u32 = 0x22_2004;
const NOT_MARKED: u32 = 0x22_2008;
const MARKED_ONLY: u32 = 0x22_200C;
const FORGOTTEN: u32 = 0x22_2010;
const OTHER_STATUS: u32 = 0x22_2014;
const TWICE: u32 = 0x22_2018;
const NO_STATUS_SET: u32 = 0x22_201C;
const CANCEL_ROUTINE_LEFT: u32 = 0x22_2020;
const TOO_MUCH: u32 = 0x22_2024;
const CANCELLABLE: u32 = 0x22_2028;
const STUBBORN: u32 = 0x22_202C;
const WARNING: u32 = 0x22_2030;
const SENT_ON: u32 = 0x22_2034;

fn device_named(name: &'static str) -> FileObject {
    // SAFETY: all fields of a driver object may be zero.
    let driver: &'static mut DRIVER_OBJECT = Box::leak(Box::new(unsafe { std::mem::zeroed() }));
    driver.MajorFunction = [Some(super::super::default_dispatch()); 28];
    driver.MajorFunction[0] = Some(succeed);
    driver.MajorFunction[2] = Some(succeed);
    driver.MajorFunction[14] = Some(control);
    let recipe = Recipe { extension: 16, name: Some(name), kind: 0x22, characteristics: 0, exclusive: false };
    // SAFETY: a driver object that lives for ever.
    unsafe {
        device::create(driver, &recipe).unwrap();
        assert_eq!(FileObject::open(name, 0xC000_0000, 0, 7).unwrap_err(), STATUS_NO_SUCH_DEVICE);
        device::finish_initialization(driver);
    }
    FileObject::open(name, 0xC000_0000, 0, 7).unwrap()
}

unsafe fn finish(irp: *mut IRP, status: NTSTATUS, information: usize) -> NTSTATUS {
    // SAFETY: the test driver holds the IRP.
    unsafe {
        (*irp).IoStatus.Status = status;
        (*irp).IoStatus.Information = information;
        complete(irp);
    }
    status
}

unsafe extern "win64" fn succeed(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the test driver holds the IRP.
    unsafe { finish(irp, STATUS_SUCCESS, 0) }
}

unsafe fn mark(irp: *mut IRP) {
    // SAFETY: the test driver holds the IRP.
    unsafe { (*(*irp).Tail.CurrentStackLocation).Control |= SL_PENDING_RETURNED };
}

#[derive(Clone, Copy)]
struct Sent(*mut IRP);
// SAFETY: the IRP is handed to one thread.
unsafe impl Send for Sent {}

fn later(irp: *mut IRP, f: fn(*mut IRP)) {
    let sent = Sent(irp);
    std::thread::spawn(move || {
        let sent = { sent };
        Kernel::enter(|| {
            std::thread::sleep(Duration::from_millis(20));
            f(sent.0);
        });
    });
}

unsafe extern "win64" fn cancelled(_device: *mut DEVICE_OBJECT, irp: *mut IRP) {
    let lock = crate::context::current().held_locks().last().expect("the cancel lock").lock;
    // SAFETY: the cancel routine owns the IRP and the lock.
    unsafe {
        crate::ke::spin::release(lock, (*irp).CancelIrql);
        finish(irp, STATUS_CANCELLED, 0);
    }
}

unsafe extern "win64" fn control(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the test driver holds the IRP.
    let [out, input, code, _] = unsafe { (*(*irp).Tail.CurrentStackLocation).Parameters };
    let input = usize::try_from(input).unwrap();
    let out = usize::try_from(out).unwrap();
    // SAFETY: as above, in all arms.
    unsafe {
        match u32::try_from(code).unwrap() {
            ECHO => finish(irp, STATUS_SUCCESS, input),
            ECHO_DIRECT => {
                let target = crate::mm::mdl::system_address((*irp).MdlAddress);
                target.copy_from_nonoverlapping((*irp).SystemBuffer.cast(), input);
                finish(irp, STATUS_SUCCESS, input)
            }
            LATER => {
                mark(irp);
                later(irp, |irp| {
                    finish(irp, STATUS_SUCCESS, 1);
                });
                STATUS_PENDING
            }
            NOT_MARKED => STATUS_PENDING,
            MARKED_ONLY => {
                mark(irp);
                finish(irp, STATUS_SUCCESS, 0)
            }
            FORGOTTEN => STATUS_UNSUCCESSFUL,
            OTHER_STATUS => {
                finish(irp, STATUS_UNSUCCESSFUL, 0);
                STATUS_SUCCESS
            }
            TWICE => {
                finish(irp, STATUS_SUCCESS, 0);
                assert_eq!(expect_violation(|| complete(irp)).0, "IRP_COMPLETED_TWICE");
                STATUS_SUCCESS
            }
            NO_STATUS_SET => {
                assert_eq!(expect_violation(|| complete(irp)).0, "IRP_COMPLETED_WITHOUT_STATUS");
                finish(irp, STATUS_SUCCESS, 0)
            }
            CANCEL_ROUTINE_LEFT => {
                (*irp).CancelRoutine = Some(cancelled);
                (*irp).IoStatus.Status = STATUS_SUCCESS;
                let found = expect_violation(|| complete(irp));
                assert_eq!(found.0, "IRP_COMPLETED_WITH_CANCEL_ROUTINE");
                (*irp).CancelRoutine = None;
                finish(irp, STATUS_SUCCESS, 0)
            }
            TOO_MUCH => finish(irp, STATUS_SUCCESS, out + 1),
            CANCELLABLE | STUBBORN => {
                let stubborn = code == u64::from(STUBBORN);
                (*irp).CancelRoutine = (!stubborn).then_some(cancelled as DRIVER_CANCEL);
                mark(irp);
                STATUS_PENDING
            }
            WARNING => finish(irp, STATUS_BUFFER_OVERFLOW, 2),
            SENT_ON => {
                let lower = super::irp::allocate(1, Origin::Driver);
                let next = (*lower).Tail.CurrentStackLocation.sub(1);
                (*next).MajorFunction = 14;
                (*next).Parameters = [0, 0, u64::from(LATER), 0];
                (*next).CompletionRoutine = Some(lower_done);
                (*next).Context = irp.cast();
                (*next).Control = SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR | SL_INVOKE_ON_CANCEL;
                mark(irp);
                assert_eq!(send(device, lower), STATUS_PENDING);
                STATUS_PENDING
            }
            _ => finish(irp, STATUS_INVALID_DEVICE_REQUEST, 0),
        }
    }
}

static LOWER_DONE: AtomicUsize = AtomicUsize::new(0);

unsafe extern "win64" fn lower_done(device: *mut DEVICE_OBJECT, irp: *mut IRP, context: PVOID) -> NTSTATUS {
    assert!(device.is_null(), "the allocator has no stack location of its own");
    // SAFETY: the routine owns the lower IRP, and through its context the upper one.
    unsafe {
        assert_eq!((*irp).PendingReturned, TRUE);
        LOWER_DONE.fetch_add((*irp).IoStatus.Information, Ordering::SeqCst);
        drop(super::irp::table().remove(irp));
        finish(context.cast(), STATUS_SUCCESS, 3);
    }
    STATUS_MORE_PROCESSING_REQUIRED
}

fn ask(file: &FileObject, code: u32, input: &[u8], out: usize) -> (NTSTATUS, Vec<u8>) {
    let answer = request::control(file, code, input, &vec![0; out], None).expect("no time limit");
    (answer.status, answer.output)
}

#[test]
fn buffers_come_back() {
    Kernel::enter(|| {
        let file = device_named(r"\Device\IoTestBuffers");
        assert_eq!(ask(&file, ECHO, b"hello", 8), (STATUS_SUCCESS, b"hello".to_vec()));
        assert_eq!(ask(&file, ECHO_DIRECT, b"hello", 8), (STATUS_SUCCESS, b"hello".to_vec()));
        assert_eq!(ask(&file, ECHO, &[], 0), (STATUS_SUCCESS, vec![]));
        assert_eq!(ask(&file, WARNING, b"ab", 4), (STATUS_BUFFER_OVERFLOW, b"ab".to_vec()));
        assert_eq!(ask(&file, 0x22_2FFC, b"ab", 4), (STATUS_INVALID_DEVICE_REQUEST, vec![]));
    });
}

#[test]
fn a_pending_request_is_waited_for() {
    Kernel::enter(|| {
        let file = device_named(r"\Device\IoTestPending");
        assert_eq!(ask(&file, LATER, b"x", 4), (STATUS_SUCCESS, b"x".to_vec()));
        assert_eq!(ask(&file, SENT_ON, b"xyz", 4), (STATUS_SUCCESS, b"xyz".to_vec()));
        assert_eq!(LOWER_DONE.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn what_a_dispatch_routine_returns_is_held_against_what_it_did() {
    Kernel::enter(|| {
        let file = device_named(r"\Device\IoTestReturns");
        for (code, name) in [
            (NOT_MARKED, "IRP_PENDING_NOT_MARKED"),
            (MARKED_ONLY, "IRP_MARKED_BUT_NOT_PENDING"),
            (FORGOTTEN, "IRP_NOT_COMPLETED"),
            (OTHER_STATUS, "IRP_STATUS_MISMATCH"),
            (TOO_MUCH, "IRP_INFORMATION_TOO_LARGE"),
        ] {
            let found = expect_violation(|| drop(ask(&file, code, b"x", 4)));
            assert_eq!(found.0, name, "{}", found.1);
        }
    });
}

#[test]
fn wrong_completions_are_found() {
    Kernel::enter(|| {
        let file = device_named(r"\Device\IoTestCompletions");
        for code in [TWICE, NO_STATUS_SET, CANCEL_ROUTINE_LEFT] {
            assert_eq!(ask(&file, code, b"x", 4).0, STATUS_SUCCESS);
        }
    });
}

#[test]
fn a_time_limit_cancels() {
    Kernel::enter(|| {
        let file = device_named(r"\Device\IoTestCancel");
        let limit = Some(Duration::from_millis(50));
        let answer = request::control(&file, CANCELLABLE, &[], &[], limit).unwrap();
        assert_eq!(answer.status, STATUS_CANCELLED);
        let gave_up = request::control(&file, STUBBORN, &[], &[], limit).unwrap_err();
        assert!(matches!(gave_up, GaveUp { after } if after > Duration::from_millis(50)));
        std::mem::forget(file);
    });
}

#[test]
fn an_irp_that_nobody_takes_back_is_found() {
    Kernel::enter(|| {
        let file = device_named(r"\Device\IoTestOwner");
        let irp = super::irp::allocate(1, Origin::Driver);
        // SAFETY: a fresh IRP that is sent once, then completed by hand.
        unsafe {
            assert_eq!(expect_violation(|| complete(irp)).0, "IRP_COMPLETED_TWICE");
            take_for_provider(irp);
            let found = expect_violation(|| finish_for_provider(irp, STATUS_SUCCESS, 0));
            assert_eq!(found.0, "IRP_WITHOUT_OWNER_COMPLETED");
            let empty = super::irp::allocate(1, Origin::Driver);
            take_for_provider(empty);
            let found = expect_violation(|| {
                send(file.device(), empty);
            });
            assert_eq!(found.0, "IRP_STACK_EXHAUSTED");
        }
    });
}

#[test]
fn a_deleted_device_lives_until_its_last_file_is_closed() {
    Kernel::enter(|| {
        let file = device_named(r"\Device\IoTestDelete");
        let device = file.device();
        // SAFETY: a live device.
        unsafe { device::delete(device) };
        let again = FileObject::open(r"\Device\IoTestDelete", 0, 0, 7).unwrap_err();
        assert_eq!(again, STATUS_OBJECT_NAME_NOT_FOUND);
        assert_eq!(ask(&file, ECHO, b"x", 1).0, STATUS_SUCCESS);
        drop(file);
        let found = expect_violation(|| {
            device::driver_of(device, "used");
        });
        assert_eq!(found.0, "DEVICE_NOT_VALID");
    });
}
