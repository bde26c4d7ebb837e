//! Targets for routines that are known but not finished: calling one stops the machine loudly.
//!
//! Each gets a few bytes of code that load its row and jump to the common reporter.

use crate::bugcheck::{Violation, codes};
use crate::host::memory::{self, Protection};
use crate::table::ContractRow;
use parking_lot::Mutex;
use std::collections::HashMap;

const STUB: usize = 32;
const PAGE: usize = 4096;

#[derive(Default)]
struct Stubs {
    by_row: HashMap<usize, usize>,
}

static STUBS: Mutex<Option<Stubs>> = Mutex::new(None);

/// The address to bind for `row`.
pub(crate) fn unfinished(row: &'static ContractRow) -> usize {
    let mut guard = STUBS.lock();
    let stubs = guard.get_or_insert_default();
    let key = std::ptr::from_ref(row) as usize;
    if let Some(address) = stubs.by_row.get(&key) {
        return *address;
    }
    // One page for each stub would do, too: there are at most a few hundred, made at load.
    let Ok(page) = memory::map(PAGE, Protection::ReadWrite) else {
        return report_address();
    };
    let code = stub_code(key);
    // SAFETY: the page is new and writable; then it becomes code that nobody writes.
    unsafe {
        std::ptr::copy_nonoverlapping(code.as_ptr(), page, code.len());
        if memory::protect(page, PAGE, Protection::ReadExecute).is_err() {
            return report_address();
        }
    }
    stubs.by_row.insert(key, page as usize);
    page as usize
}

fn report_address() -> usize {
    entry as *const () as usize
}

/// `mov rax, row; mov r10, entry; jmp r10`.
fn stub_code(row: usize) -> [u8; STUB] {
    let mut code = [0xcc; STUB];
    code[..2].copy_from_slice(&[0x48, 0xb8]);
    code[2..10].copy_from_slice(&row.to_le_bytes());
    code[10..12].copy_from_slice(&[0x49, 0xba]);
    code[12..20].copy_from_slice(&report_address().to_le_bytes());
    code[20..23].copy_from_slice(&[0x41, 0xff, 0xe2]);
    code
}

#[unsafe(naked)]
unsafe extern "win64" fn entry() {
    std::arch::naked_asm!(
        "mov r11, qword ptr [rip + ntsim_thread_context@GOTTPOFF]",
        "mov qword ptr fs:[r11], rsp",
        "mov qword ptr fs:[r11 + 8], rbp",
        "mov rcx, rax",
        "jmp {report}",
        report = sym report,
    )
}

unsafe extern "win64" fn report(row: *const ContractRow) -> ! {
    crate::context::current().routine.set(std::ptr::null());
    // SAFETY: stubs pass a static row.
    let row = unsafe { &*row };
    Violation::new(&codes::UNFINISHED_ROUTINE)
        .text(format!(
            "unfinished routine: the driver called {}!{} {}, which ntsim does not have yet",
            row.module, row.name, row.signature
        ))
        .raise()
}
