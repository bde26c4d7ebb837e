/* Functions whose use of registers and whose unwind data are exactly known. */
    .text

/* ULONG read_rcx(const volatile ULONG *address): one load through rcx. */
    .globl read_rcx
    .def read_rcx; .scl 2; .type 32; .endef
read_rcx:
    movl (%rcx), %eax
    retq

/* NTSTATUS keeps_registers(void (*catcher)(void)): 0 if the callee gave all back. */
    .globl keeps_registers
    .def keeps_registers; .scl 2; .type 32; .endef
    .seh_proc keeps_registers
keeps_registers:
    pushq %rbx
    .seh_pushreg %rbx
    pushq %rbp
    .seh_pushreg %rbp
    pushq %rsi
    .seh_pushreg %rsi
    pushq %rdi
    .seh_pushreg %rdi
    pushq %r12
    .seh_pushreg %r12
    pushq %r13
    .seh_pushreg %r13
    pushq %r14
    .seh_pushreg %r14
    pushq %r15
    .seh_pushreg %r15
    subq $0xC8, %rsp
    .seh_stackalloc 0xC8
    movaps %xmm6, 0x20(%rsp)
    .seh_savexmm %xmm6, 0x20
    movaps %xmm7, 0x30(%rsp)
    .seh_savexmm %xmm7, 0x30
    movaps %xmm8, 0x40(%rsp)
    .seh_savexmm %xmm8, 0x40
    movaps %xmm9, 0x50(%rsp)
    .seh_savexmm %xmm9, 0x50
    movaps %xmm10, 0x60(%rsp)
    .seh_savexmm %xmm10, 0x60
    movaps %xmm11, 0x70(%rsp)
    .seh_savexmm %xmm11, 0x70
    movaps %xmm12, 0x80(%rsp)
    .seh_savexmm %xmm12, 0x80
    movaps %xmm13, 0x90(%rsp)
    .seh_savexmm %xmm13, 0x90
    movaps %xmm14, 0xA0(%rsp)
    .seh_savexmm %xmm14, 0xA0
    movaps %xmm15, 0xB0(%rsp)
    .seh_savexmm %xmm15, 0xB0
    .seh_endprologue
    movl $3, %ebx
    movl $5, %ebp
    movl $6, %esi
    movl $7, %edi
    movl $12, %r12d
    movl $13, %r13d
    movl $14, %r14d
    movl $15, %r15d
    movq %rbx, %xmm6
    movq %rbp, %xmm7
    movq %rsi, %xmm8
    movq %rdi, %xmm9
    movq %r12, %xmm10
    movq %r13, %xmm11
    movq %r14, %xmm12
    movq %r15, %xmm13
    movq %rbx, %xmm14
    movq %rbp, %xmm15
    callq *%rcx
    xorl %eax, %eax
    .macro expect value, register
    cmpq $\value, \register
    je 1f
    orl $1, %eax
1:
    .endm
    .macro expect_vector value, register
    movq \register, %rcx
    expect \value, %rcx
    .endm
    expect 3, %rbx
    expect 5, %rbp
    expect 6, %rsi
    expect 7, %rdi
    expect 12, %r12
    expect 13, %r13
    expect 14, %r14
    expect 15, %r15
    expect_vector 3, %xmm6
    expect_vector 5, %xmm7
    expect_vector 6, %xmm8
    expect_vector 7, %xmm9
    expect_vector 12, %xmm10
    expect_vector 13, %xmm11
    expect_vector 14, %xmm12
    expect_vector 15, %xmm13
    expect_vector 3, %xmm14
    expect_vector 5, %xmm15
    movaps 0x20(%rsp), %xmm6
    movaps 0x30(%rsp), %xmm7
    movaps 0x40(%rsp), %xmm8
    movaps 0x50(%rsp), %xmm9
    movaps 0x60(%rsp), %xmm10
    movaps 0x70(%rsp), %xmm11
    movaps 0x80(%rsp), %xmm12
    movaps 0x90(%rsp), %xmm13
    movaps 0xA0(%rsp), %xmm14
    movaps 0xB0(%rsp), %xmm15
    addq $0xC8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    retq
    .seh_endproc

/* void changes_registers_and_faults(void): saves what it must, changes it, reads address 0. */
    .globl changes_registers_and_faults
    .def changes_registers_and_faults; .scl 2; .type 32; .endef
    .seh_proc changes_registers_and_faults
changes_registers_and_faults:
    pushq %rbx
    .seh_pushreg %rbx
    pushq %r12
    .seh_pushreg %r12
    subq $0x58, %rsp
    .seh_stackalloc 0x58
    movq %rsi, 0x48(%rsp)
    .seh_savereg %rsi, 0x48
    movq %r15, 0x50(%rsp)
    .seh_savereg %r15, 0x50
    movaps %xmm6, 0x20(%rsp)
    .seh_savexmm %xmm6, 0x20
    movaps %xmm15, 0x30(%rsp)
    .seh_savexmm %xmm15, 0x30
    .seh_endprologue
    xorl %eax, %eax
    movq $-1, %rbx
    movq $-1, %r12
    movq $-1, %rsi
    movq $-1, %r15
    pcmpeqd %xmm6, %xmm6
    pcmpeqd %xmm15, %xmm15
    movl (%rax), %eax
    movaps 0x20(%rsp), %xmm6
    movaps 0x30(%rsp), %xmm15
    movq 0x48(%rsp), %rsi
    movq 0x50(%rsp), %r15
    addq $0x58, %rsp
    popq %r12
    popq %rbx
    retq
    .seh_endproc

/* int with_cookie(int smash, int raise): what a compiler makes of a function with a buffer and a
 * __try. Returns 1, or 2 when an exception was handled. */
    .globl with_cookie
    .def with_cookie; .scl 2; .type 32; .endef
    .seh_proc with_cookie
with_cookie:
    subq $0x48, %rsp
    .seh_stackalloc 0x48
    .seh_endprologue
    .seh_handler __GSHandlerCheck_SEH, @unwind, @except
    movq __security_cookie(%rip), %rax
    xorq %rsp, %rax
    movq %rax, 0x38(%rsp)
    testl %ecx, %ecx
    je 2f
    notq 0x38(%rsp)
2:
try_begin:
    testl %edx, %edx
    je 3f
    callq changes_registers_and_faults
    nop
3:
try_end:
    movl $1, %eax
4:
    movq 0x38(%rsp), %rcx
    xorq %rsp, %rcx
    callq __security_check_cookie
    addq $0x48, %rsp
    retq
except_block:
    movl $2, %eax
    jmp 4b
    .seh_handlerdata
    .long 1
    .long try_begin@IMGREL
    .long try_end@IMGREL
    .long 1
    .long except_block@IMGREL
    /* Where the cookie is, from the frame; the handler is for exceptions and for unwinding. */
    .long 0x38 + 3
    .text
    .seh_endproc
