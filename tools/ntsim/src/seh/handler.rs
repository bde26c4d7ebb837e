//! The language handler of C: reads the scope table behind a function's unwind data.

use super::layout::{
    CONTEXT, DISPATCHER_CONTEXT, EXCEPTION_POINTERS, EXCEPTION_RECORD, TARGET_UNWIND, UNWINDING, disposition,
};
use super::state::Walk;
use super::unwind::unwind;
use crate::context::{CallSite, call_handler};

crate::routines! { "ntoskrnl.exe";
    fn __C_specific_handler(record: *mut EXCEPTION_RECORD, frame: u64, machine: *mut CONTEXT, dispatcher: *mut DISPATCHER_CONTEXT) -> i32 = handle: PASSIVE..=HIGH;
}

type Filter = unsafe extern "win64" fn(pointers: *mut EXCEPTION_POINTERS, frame: u64) -> i32;
type Termination = unsafe extern "win64" fn(abnormal: u8, frame: u64);

/// `__except (EXCEPTION_EXECUTE_HANDLER)` has this instead of a filter's address.
const ALWAYS: u32 = 1;

/// One `__try`; offsets from the image's base.
#[derive(Debug, Clone, Copy)]
struct Scope {
    begin: u64,
    end: u64,
    /// Filter, or termination handler.
    handler: u32,
    /// The `__except` block; 0 for `__finally`.
    block: u32,
}

impl Scope {
    fn contains(&self, offset: u64) -> bool {
        (self.begin..self.end).contains(&offset)
    }
}

unsafe fn scope(data: u64, index: u32) -> Scope {
    // SAFETY: the table has been found through the image's own unwind data; index is below its count.
    unsafe {
        let row = (data as *const u32).add(1 + index as usize * 4);
        Scope {
            begin: u64::from(row.read_unaligned()),
            end: u64::from(row.add(1).read_unaligned()),
            handler: row.add(2).read_unaligned(),
            block: row.add(3).read_unaligned(),
        }
    }
}

unsafe fn handle(
    record: *mut EXCEPTION_RECORD,
    frame: u64,
    machine: *mut CONTEXT,
    dispatcher: *mut DISPATCHER_CONTEXT,
) -> i32 {
    // SAFETY: the structures of the walk that called this.
    unsafe {
        if (*record).ExceptionFlags & UNWINDING == 0 {
            offer(record, frame, machine, dispatcher)
        } else {
            terminate(record, frame, dispatcher)
        }
    }
}

/// First pass: asks the filters of the scopes around the instruction, innermost first.
unsafe fn offer(
    record: *mut EXCEPTION_RECORD,
    frame: u64,
    machine: *mut CONTEXT,
    dispatcher: *mut DISPATCHER_CONTEXT,
) -> i32 {
    // SAFETY: as in `handle`.
    unsafe {
        let (base, data) = ((*dispatcher).ImageBase, (*dispatcher).HandlerData);
        let offset = (*dispatcher).ControlPc - base;
        for index in (*dispatcher).ScopeIndex..(data as *const u32).read_unaligned() {
            let scope = scope(data, index);
            if !scope.contains(offset) || scope.block == 0 {
                continue;
            }
            let mut answer = 1;
            if scope.handler != ALWAYS {
                let target = base as usize + scope.handler as usize;
                let mut pointers = EXCEPTION_POINTERS { ExceptionRecord: record, ContextRecord: machine };
                let walk = Walk::Search { from: machine };
                answer = call_handler(CallSite::new("exception filter", target), &raw const walk, || {
                    let filter: Filter = std::mem::transmute(target);
                    filter(&raw mut pointers, frame)
                });
            }
            if answer < 0 {
                return disposition::CONTINUE_EXECUTION;
            }
            if answer > 0 {
                let target = base as usize + scope.block as usize;
                unwind(machine, frame as usize, target, record, u64::from((*record).ExceptionCode));
            }
        }
    }
    disposition::CONTINUE_SEARCH
}

/// Second pass: runs the termination handlers of the scopes that are left.
unsafe fn terminate(record: *mut EXCEPTION_RECORD, frame: u64, dispatcher: *mut DISPATCHER_CONTEXT) -> i32 {
    // SAFETY: as in `handle`.
    unsafe {
        let (base, data) = ((*dispatcher).ImageBase, (*dispatcher).HandlerData);
        let offset = (*dispatcher).ControlPc - base;
        let target = (*dispatcher).TargetIp.wrapping_sub(base);
        let is_target = (*record).ExceptionFlags & TARGET_UNWIND != 0;
        for index in (*dispatcher).ScopeIndex..(data as *const u32).read_unaligned() {
            let scope = scope(data, index);
            if !scope.contains(offset) {
                continue;
            }
            // Control goes on inside this scope: neither it nor those around it are left.
            if is_target && (scope.contains(target) || scope.block != 0 && u64::from(scope.block) == target) {
                break;
            }
            if scope.block == 0 {
                let routine = base as usize + scope.handler as usize;
                // Should this handler raise or unwind, the frame goes on behind it.
                (*dispatcher).ScopeIndex = index + 1;
                let walk = Walk::Unwind { frame: dispatcher };
                call_handler(CallSite::new("termination handler", routine), &raw const walk, || {
                    let termination: Termination = std::mem::transmute(routine);
                    termination(1, frame);
                });
            }
        }
    }
    disposition::CONTINUE_SEARCH
}
