//! PsCreateSystemThread: a host thread that runs the driver's start routine.

use crate::bugcheck::{Violation, codes};
use crate::context::{self, CallSite, call_driver};
use crate::ke::thread::{self, Thread};
use crate::kernel::Image;
use crate::types::{
    CLIENT_ID, HANDLE, NTSTATUS, OBJECT_ATTRIBUTES, PASSIVE_LEVEL, PVOID, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_NO_MEMORY, STATUS_SUCCESS,
};
use crate::{ob, sched};
use parking_lot::Mutex;
use std::cell::Cell;

crate::routines! { "ntoskrnl.exe";
    fn PsCreateSystemThread(handle: *mut HANDLE, access: u32, attributes: *mut OBJECT_ATTRIBUTES, process: HANDLE, client: *mut CLIENT_ID,
        start: Option<StartRoutine>, argument: PVOID) -> NTSTATUS = create: PASSIVE..=PASSIVE, fails(STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_MEMORY);
    fn PsTerminateSystemThread(status: NTSTATUS) -> NTSTATUS = terminate: PASSIVE..=PASSIVE;
}

type StartRoutine = unsafe extern "win64" fn(context: PVOID);

/// Threads that run a driver's routine.
static RUNNING: Mutex<Vec<&'static Thread>> = Mutex::new(Vec::new());

/// A running system thread whose start routine is in `image`.
pub(crate) fn running_in(image: &Image) -> Option<&'static Thread> {
    RUNNING.lock().iter().copied().find(|thread| image.contains(thread.start()))
}

thread_local! {
    /// Stack pointer to go back to when the thread terminates itself; 0 outside system threads.
    static ESCAPE: Cell<usize> = const { Cell::new(0) };
    static EXIT_STATUS: Cell<NTSTATUS> = const { Cell::new(STATUS_SUCCESS) };
}

#[derive(Clone, Copy)]
struct Start {
    routine: StartRoutine,
    argument: PVOID,
}

// SAFETY: the argument is the driver's, meant for the new thread.
unsafe impl Send for Start {}

unsafe fn create(
    handle: *mut HANDLE,
    _access: u32,
    _attributes: *mut OBJECT_ATTRIBUTES,
    _process: HANDLE,
    client: *mut CLIENT_ID,
    start: Option<StartRoutine>,
    argument: PVOID,
) -> NTSTATUS {
    let Some(routine) = start else {
        bugcheck!(codes::NULL_CALLBACK, [0, 0, 0, 0], "PsCreateSystemThread was given no start routine");
    };
    let number = RUNNING.lock().len();
    let thread = Thread::with_start(
        format!("system thread {number} of {}", crate::symbols::describe(routine as usize)),
        routine as usize,
    );
    let start = Start { routine, argument };
    RUNNING.lock().push(thread);
    let spawned = sched::spawn(format!("system-{}", thread.id()), move || run(thread, start));
    if spawned.is_err() {
        forget(thread);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: the driver's out-parameters; the client ID is optional.
    unsafe {
        handle.write(ob::create_for_address("thread", thread.header() as usize));
        if !client.is_null() {
            client.write(CLIENT_ID { UniqueProcess: 4 as HANDLE, UniqueThread: thread.id() as usize as HANDLE });
        }
    }
    STATUS_SUCCESS
}

fn run(thread: &'static Thread, start: Start) {
    context::attach_thread(thread);
    let Start { routine, argument } = start;
    call_driver(CallSite::new("system thread", routine as usize), || {
        let slot = ESCAPE.with(Cell::as_ptr);
        // SAFETY: the slot is this thread's; the routine is the driver's with its own argument.
        unsafe { call_with_escape(routine, argument, slot) };
        ESCAPE.with(|escape| escape.set(0));
    });
    let status = EXIT_STATUS.with(Cell::get);
    forget(thread);
    thread.exit(status);
}

fn forget(thread: &'static Thread) {
    RUNNING.lock().retain(|other| !std::ptr::eq(*other, thread));
}

/// Calls `routine(argument)` by the Windows convention, with a way out: the stack pointer goes
/// into `slot`, and `escape` returns from here.
#[unsafe(naked)]
unsafe extern "sysv64" fn call_with_escape(routine: StartRoutine, argument: PVOID, slot: *mut usize) {
    std::arch::naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov qword ptr [rdx], rsp",
        "sub rsp, 40",
        "mov rcx, rsi",
        "call rdi",
        "add rsp, 40",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Leaves everything above `call_with_escape`. The frames left are the driver's and those of the
/// routine below, which own nothing.
#[unsafe(naked)]
unsafe extern "sysv64" fn escape(stack: usize) -> ! {
    std::arch::naked_asm!("mov rsp, rdi", "pop r15", "pop r14", "pop r13", "pop r12", "pop rbx", "pop rbp", "ret",)
}

unsafe fn terminate(status: NTSTATUS) -> NTSTATUS {
    let stack = ESCAPE.with(Cell::get);
    if stack == 0 {
        bugcheck!(
            codes::THREAD_FOREIGN_EXIT,
            [status as u64, 0, 0, 0],
            "PsTerminateSystemThread was called by a thread that PsCreateSystemThread did not make"
        );
    }
    let context = context::current();
    if context.irql.get() != PASSIVE_LEVEL
        || context.held_count.get() != 0
        || context.critical.get() != 0
        || context.guarded.get() != 0
    {
        // A start routine that jumps here leaves no frame of the driver's.
        Violation::new(&codes::THREAD_BAD_EXIT)
            .guilty(thread::current().start())
            .params([
                u64::from(context.irql.get()),
                u64::from(context.held_count.get()),
                u64::from(context.critical.get()),
                0,
            ])
            .text(format!(
                "the system thread {} ends with IRQL {}, {} spin locks and {} open regions",
                thread::current().name(),
                context.irql.get(),
                context.held_count.get(),
                context.critical.get() + context.guarded.get()
            ))
            .raise();
    }
    EXIT_STATUS.with(|slot| slot.set(status));
    // SAFETY: call_with_escape of this thread is below us on the stack and has not returned.
    unsafe { escape(stack) }
}
