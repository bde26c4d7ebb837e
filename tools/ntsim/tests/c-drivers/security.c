/* What the kit's buffer overflow library links into a driver: the cookie, its checks, the entry. */
#include "cases.h"

#define DRIVER_OVERRAN_STACK_BUFFER 0xF7
#define DEFAULT_COOKIE 0x00002B992DDFA232ull

ULONG64 __security_cookie = DEFAULT_COOKIE;
ULONG64 __security_cookie_complement = ~DEFAULT_COOKIE;
int _fltused = 0x9875;

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path);

__attribute__((noreturn, used)) void __report_gsfailure(ULONG64 cookie) {
    KeBugCheckEx(DRIVER_OVERRAN_STACK_BUFFER, cookie, __security_cookie, __security_cookie_complement, 0);
}

/* Called in epilogues: keeps every register. */
__attribute__((naked)) void __security_check_cookie(ULONG64 cookie __attribute__((unused))) {
    __asm__ volatile(
        "cmpq __security_cookie(%rip), %rcx\n"
        "jne 1f\n"
        "rolq $16, %rcx\n"
        "testw $0xFFFF, %cx\n"
        "jne 2f\n"
        "retq\n"
        "2: rorq $16, %rcx\n"
        "1: jmp __report_gsfailure\n");
}

/* The entry point: a loader that left the default cookie in place is refused. */
NTSTATUS GsDriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    if (__security_cookie == 0 || __security_cookie == DEFAULT_COOKIE) {
        __asm__ volatile("movl $6, %%ecx\n int $0x29" : : : "ecx");
    }
    __security_cookie_complement = ~__security_cookie;
    return DriverEntry(driver, path);
}

/* The handler of functions with a cookie and a __try: the cookie first, then C's handler. Behind
 * the scope table stands the cookie's offset, with the kinds of handling in its low bits. */
int __GSHandlerCheck_SEH(EXCEPTION_RECORD *record, PVOID frame, CONTEXT *context, DISPATCHER_CONTEXT *dispatcher) {
    const ULONG EXCEPTION = 1, TERMINATION = 2, UNWINDING = 6;
    ULONG *table = dispatcher->HandlerData;
    ULONG data = table[1 + 4 * table[0]];
    ULONG64 cookie = *(ULONG64 *)((ULONG64)frame + (data & ~7u)) ^ (ULONG64)frame;
    if (cookie != __security_cookie) {
        __report_gsfailure(cookie);
    }
    ULONG kind = record->ExceptionFlags & UNWINDING ? TERMINATION : EXCEPTION;
    return data & kind ? __C_specific_handler(record, frame, context, dispatcher) : 1;
}

/* The load configuration: the loader finds the cookie and the guard tables here. */

extern char __guard_fids_table[], __guard_fids_count[], __guard_flags[];
static void guard_check(void) {}
static __attribute__((naked)) void guard_dispatch(void) { __asm__ volatile("jmpq *%rax"); }
PVOID __guard_check_icall_fptr = guard_check;
PVOID __guard_dispatch_icall_fptr = guard_dispatch;

__attribute__((used)) const struct {
    ULONG Size;
    ULONG Unused[21];
    PVOID SecurityCookie;
    PVOID Handlers[2];
    PVOID GuardCheck;
    PVOID GuardDispatch;
    PVOID GuardTable;
    PVOID GuardCount;
    PVOID GuardFlags;
    PVOID Rest[21];
} _load_config_used = {
    .Size = 0x140,
    .SecurityCookie = &__security_cookie,
    .GuardCheck = &__guard_check_icall_fptr,
    .GuardDispatch = &__guard_dispatch_icall_fptr,
    .GuardTable = __guard_fids_table,
    .GuardCount = __guard_fids_count,
    .GuardFlags = __guard_flags,
};
_Static_assert(sizeof(_load_config_used) == 0x140, "the load configuration");

NTSTATUS good_cookie(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    CHECK(__security_cookie != DEFAULT_COOKIE && __security_cookie != 0);
    CHECK(__security_cookie >> 48 == 0);
    CHECK(__security_cookie_complement == ~__security_cookie);
    return STATUS_SUCCESS;
}

static NOINLINE void overruns(volatile SIZE_T length) {
    volatile char buffer[32];
    volatile char *at = buffer;
    for (SIZE_T index = 0; index < length; index++) {
        at[index] = 'x';
    }
}

NTSTATUS bad_cookie(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    overruns(32);
    overruns(48);
    return STATUS_SUCCESS;
}
