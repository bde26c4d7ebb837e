//! What the kit's static libraries add to an image: the load configuration and control flow guard.
//!
//! With the kit, `BufferOverflowFastFailK.lib` brings these symbols; the stand-in takes its place, so
//! that no driver has to write them. They are assembly because a `no_mangle` Rust item would become
//! an export of the driver.
//!
//! - `_load_config_used`: the load configuration directory (0x140 bytes). The linker fills the guard
//!   table symbols, the loader replaces the security cookie and the two guard pointers.
//! - `__guard_check_icall_fptr`, `__guard_dispatch_icall_fptr`: what compiled code calls through.
//!   Until a loader with control flow guard replaces them they let every call pass.
//! - `_fltused`: marker that the compiler emits a reference to as soon as a float appears.
//! - `__CxxFrameHandler3`: personality that a precompiled `core` names; never reached, because drivers
//!   abort on panic. It fails fast.

use core::arch::global_asm;

global_asm!(
    r#"
    .section .rdata,"dr"
    .globl _fltused
    .p2align 2
_fltused:
    .long 0x9875

    .section .data,"dw"
    .globl __security_cookie
    .p2align 3
__security_cookie:
    .quad 0x00002B992DDFA232

    .section .00cfg,"dr"
    .globl __guard_check_icall_fptr
    .globl __guard_dispatch_icall_fptr
    .p2align 3
__guard_check_icall_fptr:
    .quad _guard_check_icall_nop
__guard_dispatch_icall_fptr:
    .quad _guard_dispatch_icall_nop

    .text
    .def _guard_check_icall_nop; .scl 3; .type 32; .endef
    .p2align 4
_guard_check_icall_nop:
    ret
    .def _guard_dispatch_icall_nop; .scl 3; .type 32; .endef
    .p2align 4
_guard_dispatch_icall_nop:
    jmp *%rax
    .def __CxxFrameHandler3; .scl 2; .type 32; .endef
    .globl __CxxFrameHandler3
    .p2align 4
__CxxFrameHandler3:
    movl $7, %ecx
    int $0x29

    .section .rdata,"dr"
    .globl _load_config_used
    .p2align 4
_load_config_used:
    .long 0x140                         # Size
    .zero 0x58 - 0x4
    .quad __security_cookie             # 0x58
    .zero 0x70 - 0x60
    .quad __guard_check_icall_fptr      # 0x70
    .quad __guard_dispatch_icall_fptr   # 0x78
    .quad __guard_fids_table            # 0x80
    .quad __guard_fids_count            # 0x88
    .long __guard_flags                 # 0x90
    .zero 0xA0 - 0x94
    .quad __guard_iat_table             # 0xA0
    .quad __guard_iat_count             # 0xA8
    .quad __guard_longjmp_table         # 0xB0
    .quad __guard_longjmp_count         # 0xB8
    .zero 0x108 - 0xC0
    .quad __guard_eh_cont_table         # 0x108
    .quad __guard_eh_cont_count         # 0x110
    .zero 0x140 - 0x118
"#,
    options(att_syntax)
);

// The compiler calls it for frames of a page or more. It is importable, so that the image links and the
// image check can name the function with the big frame instead of the linker failing.
#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn __chkstk();
}
