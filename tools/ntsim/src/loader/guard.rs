//! The load configuration: security cookie and control flow guard.
//!
//! As the Windows loader does, the cookie gets an unpredictable value and the two guard pointers
//! get the kernel's functions; ours check that the target is in its image's guard table.

use super::LoadError;
use super::load::Mapped;
use super::pe::directory;
use crate::bugcheck::{Violation, codes};
use crate::kernel::Kernel;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};

const COOKIE: u64 = 0x58;
const CHECK_POINTER: u64 = 0x70;
const DISPATCH_POINTER: u64 = 0x78;
const FUNCTION_TABLE: u64 = 0x80;
const FUNCTION_COUNT: u64 = 0x88;
const FLAGS: u64 = 0x90;

const CF_INSTRUMENTED: u32 = 0x100;
const CF_TABLE_PRESENT: u32 = 0x400;

/// What the load configuration says.
pub(super) struct LoadConfig {
    pub(super) guarded: Option<Vec<u32>>,
}

impl LoadConfig {
    /// Sets cookie and guard pointers in an image whose pages are still writable.
    pub(super) fn apply(mapped: &Mapped<'_>) -> Result<Self, LoadError> {
        let (begin, _) = mapped.pe.directories[directory::LOAD_CONFIG];
        if begin == 0 {
            return Ok(Self { guarded: None });
        }
        let begin = u64::from(begin);
        let size = u64::from(mapped.u32(begin, "the load configuration")?);
        let field = |offset: u64| -> Result<u64, LoadError> {
            if offset + 8 > size { Ok(0) } else { mapped.u64(begin + offset, "the load configuration") }
        };
        let cookie = field(COOKIE)?;
        if cookie != 0 {
            let rva = mapped.rva_of(cookie, "the security cookie")?;
            mapped.write_u64(rva, new_cookie(), "the security cookie")?;
        }
        let flags = if size >= FLAGS + 4 { mapped.u32(begin + FLAGS, "the guard flags")? } else { 0 };
        if flags & CF_INSTRUMENTED == 0 {
            return Ok(Self { guarded: None });
        }
        for (offset, function) in
            [(CHECK_POINTER, check_icall as *const ()), (DISPATCH_POINTER, dispatch_icall as *const ())]
        {
            let pointer = field(offset)?;
            if pointer != 0 {
                let rva = mapped.rva_of(pointer, "a guard pointer")?;
                mapped.write_u64(rva, function as u64, "a guard pointer")?;
            }
        }
        if flags & CF_TABLE_PRESENT == 0 {
            return Ok(Self { guarded: None });
        }
        let stride = 4 + u64::from(flags >> 28);
        let count = field(FUNCTION_COUNT)?;
        if count > mapped.size as u64 {
            return Err(mapped.pe.damaged(format!("the guard table claims {count} functions")));
        }
        let mut guarded = Vec::with_capacity(count as usize);
        if count != 0 {
            let table = mapped.rva_of(field(FUNCTION_TABLE)?, "the guard table")?;
            for index in 0..count {
                guarded.push(mapped.u32(table + index * stride, "the guard table")?);
            }
        }
        guarded.sort_unstable();
        Ok(Self { guarded: Some(guarded) })
    }
}

/// Not the linker's default, not zero, the upper 16 bits zero.
fn new_cookie() -> u64 {
    loop {
        let value = RandomState::new().hash_one(0x6e74_7369) & 0x0000_ffff_ffff_ffff;
        if value != 0 && value != 0x0000_2b99_2ddf_a232 {
            return value;
        }
    }
}

const CACHED: usize = 1024;
/// Targets that were found valid, by bits 4 to 13 of their address.
static CHECKED: [AtomicUsize; CACHED] = [const { AtomicUsize::new(0) }; CACHED];

/// After an unload.
pub(crate) fn forget_checked_targets() {
    for slot in &CHECKED {
        slot.store(0, Ordering::Relaxed);
    }
}

/// The target is in rcx; all registers but rax, r10, r11 survive.
#[unsafe(naked)]
unsafe extern "win64" fn check_icall() {
    std::arch::naked_asm!("mov r10, rsp", "jmp {check}", check = sym check_cached)
}

/// The target is in rax; checks it, then goes there with all argument registers as they are.
#[unsafe(naked)]
unsafe extern "win64" fn dispatch_icall() {
    std::arch::naked_asm!(
        "mov r10, rsp",
        "push rcx",
        "push rax",
        "mov rcx, rax",
        "call {check}",
        "pop rax",
        "pop rcx",
        "jmp rax",
        check = sym check_cached,
    )
}

/// As `check_icall`, with the address of the return address into the driver in r10.
#[unsafe(naked)]
unsafe extern "win64" fn check_cached() {
    std::arch::naked_asm!(
        "mov rax, rcx",
        "shr rax, 4",
        "and eax, {mask}",
        "lea r11, [rip + {cache}]",
        "cmp qword ptr [r11 + rax * 8], rcx",
        "jne {slow}",
        "ret",
        mask = const CACHED - 1,
        cache = sym CHECKED,
        slow = sym check_slow,
    )
}

#[unsafe(naked)]
unsafe extern "win64" fn check_slow() {
    std::arch::naked_asm!(
        "mov r11, qword ptr [rip + ntsim_thread_context@GOTTPOFF]",
        "push qword ptr fs:[r11]",
        "push qword ptr fs:[r11 + 8]",
        "mov qword ptr fs:[r11], r10",
        "mov qword ptr fs:[r11 + 8], rbp",
        "push rcx",
        "push rdx",
        "push r8",
        "push r9",
        "push rbp",
        "mov rbp, rsp",
        "and rsp, -16",
        "sub rsp, 128",
        "movups xmmword ptr [rsp + 32], xmm0",
        "movups xmmword ptr [rsp + 48], xmm1",
        "movups xmmword ptr [rsp + 64], xmm2",
        "movups xmmword ptr [rsp + 80], xmm3",
        "movups xmmword ptr [rsp + 96], xmm4",
        "movups xmmword ptr [rsp + 112], xmm5",
        "call {check}",
        "movups xmm0, xmmword ptr [rsp + 32]",
        "movups xmm1, xmmword ptr [rsp + 48]",
        "movups xmm2, xmmword ptr [rsp + 64]",
        "movups xmm3, xmmword ptr [rsp + 80]",
        "movups xmm4, xmmword ptr [rsp + 96]",
        "movups xmm5, xmmword ptr [rsp + 112]",
        "mov rsp, rbp",
        "pop rbp",
        "pop r9",
        "pop r8",
        "pop rdx",
        "pop rcx",
        "mov r11, qword ptr [rip + ntsim_thread_context@GOTTPOFF]",
        "pop qword ptr fs:[r11 + 8]",
        "pop qword ptr fs:[r11]",
        "ret",
        check = sym check_target,
    )
}

unsafe extern "win64" fn check_target(target: usize) {
    // A call of (nearly) null faults at once and is reported as such.
    if target < 0x10000 {
        return;
    }
    if let Some(image) = Kernel::get().images.containing(target) {
        let rva = (target - image.base) as u32;
        let allowed = image.guarded.as_ref().is_none_or(|table| table.binary_search(&rva).is_ok());
        if !allowed {
            let context = crate::context::current();
            context.routine.set(std::ptr::null());
            Violation::new(&codes::GUARD_CHECK_FAILURE)
                .params([0xA, target as u64, context.caller() as u64, 0])
                .text(format!(
                    "an indirect call goes to {}, which is not in the control flow guard table of {}",
                    Kernel::get().images.describe(target),
                    image.name
                ))
                .raise();
        }
    }
    CHECKED[(target >> 4) & (CACHED - 1)].store(target, Ordering::Relaxed);
}
