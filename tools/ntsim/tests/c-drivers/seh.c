/* __try, __except, __finally: faults of the processor, and what routines raise. */
#include "cases.h"

static NOINLINE ULONG read_at(const volatile ULONG *address) {
    return *address;
}

static NOINLINE void write_at(volatile ULONG *address, ULONG value) {
    *address = value;
}

/* In assembler: a quotient that nobody uses is not computed. */
static NOINLINE int divide(int a, int b) {
    int rest = 0;
    __asm__ volatile("idivl %2" : "+a"(a), "+d"(rest) : "r"(b) : "cc");
    return a;
}

static NOINLINE void call_at(void (*volatile target)(void)) {
    target();
}

static NOINLINE void breakpoint(void) {
    __asm__ volatile("int3");
}

static NOINLINE void failed_assertion(void) {
    __asm__ volatile("int $0x2c");
}

static NOINLINE void no_instruction(void) {
    __asm__ volatile("ud2");
}

static NOINLINE void privileged(void) {
    __asm__ volatile("cli");
}

/* An address that no driver owns, as a user's might be. */
#define FOREIGN ((volatile ULONG *)0x10000)

/* The code that `action` ends with, 0 if it returns. */
#define CODE_OF(action)                              \
    ({                                               \
        NTSTATUS code_ = 0;                          \
        __try {                                      \
            action;                                  \
        } __except (EXCEPTION_EXECUTE_HANDLER) {     \
            code_ = GetExceptionCode();              \
        }                                            \
        code_;                                       \
    })

typedef struct {
    NTSTATUS code;
    ULONG parameters;
    ULONG_PTR kind;
    ULONG_PTR address;
    ULONG64 at;
    ULONG64 rip;
} Seen;

static int note(EXCEPTION_POINTERS *pointers, Seen *seen) {
    EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    seen->code = record->ExceptionCode;
    seen->parameters = record->NumberParameters;
    seen->kind = record->ExceptionInformation[0];
    seen->address = record->ExceptionInformation[1];
    seen->at = (ULONG64)record->ExceptionAddress;
    seen->rip = pointers->ContextRecord->Rip;
    return EXCEPTION_EXECUTE_HANDLER;
}

ULONG read_rcx(const volatile ULONG *address);

static NOINLINE NTSTATUS filter_sees_everything(void) {
    Seen seen = {0};
    __try {
        write_at(FOREIGN + 3, 1);
        CHECK(FALSE);
    } __except (note(GetExceptionInformation(), &seen)) {
        CHECK(GetExceptionCode() == STATUS_ACCESS_VIOLATION);
    }
    CHECK(seen.code == STATUS_ACCESS_VIOLATION && seen.parameters == 2);
    CHECK(seen.kind == 1 && seen.address == (ULONG_PTR)(FOREIGN + 3));
    CHECK(seen.at == seen.rip);
    __try {
        read_rcx(FOREIGN);
        CHECK(FALSE);
    } __except (note(GetExceptionInformation(), &seen)) {
        CHECK(seen.kind == 0 && seen.rip == (ULONG64)read_rcx);
    }
    return STATUS_SUCCESS;
}

/* The filter mends what was wrong, and the very instruction runs again. */
static volatile ULONG answer = 42;

static int point_at_answer(EXCEPTION_POINTERS *pointers) {
    pointers->ContextRecord->Rcx = (ULONG64)&answer;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static int skip_one_byte(EXCEPTION_POINTERS *pointers) {
    pointers->ContextRecord->Rip += 1;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static NOINLINE NTSTATUS continued(void) {
    ULONG value = 0;
    __try {
        value = read_rcx((const volatile ULONG *)0x20);
    } __except (point_at_answer(GetExceptionInformation())) {
        CHECK(FALSE);
    }
    CHECK(value == 42);
    int reached = 0;
    __try {
        breakpoint();
        reached = 1;
    } __except (skip_one_byte(GetExceptionInformation())) {
        CHECK(FALSE);
    }
    CHECK(reached);
    return STATUS_SUCCESS;
}

static NOINLINE NTSTATUS terminated(void) {
    volatile int order = 0;
    __try {
        order = order * 10 + 1;
    } __finally {
        order = AbnormalTermination() ? 0 : order * 10 + 2;
    }
    CHECK(order == 12);
    __try {
        __try {
            order = 1;
            read_at(FOREIGN);
            order = 100;
        } __finally {
            order = AbnormalTermination() ? order * 10 + 2 : 0;
        }
    } __except (order == 1 ? EXCEPTION_EXECUTE_HANDLER : EXCEPTION_CONTINUE_SEARCH) {
        order = order * 10 + 3;
    }
    CHECK(order == 123);
    return STATUS_SUCCESS;
}

/* Registers of the frame that goes on: many values live over the fault. */
static NOINLINE NTSTATUS locals_survive(volatile ULONG64 *seed) {
    ULONG64 a = seed[0], b = seed[1], c = seed[2], d = seed[3], e = seed[4], f = seed[5];
    NTSTATUS code = CODE_OF(read_at(FOREIGN));
    CHECK(code == STATUS_ACCESS_VIOLATION);
    CHECK(a == seed[0] && b == seed[1] && c == seed[2] && d == seed[3] && e == seed[4] && f == seed[5]);
    return STATUS_SUCCESS;
}

NTSTATUS good_seh(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    volatile ULONG64 seed[6] = {3, 5, 7, 11, 13, 17};
    CHECK(CODE_OF(read_at((const volatile ULONG *)&answer)) == 0);
    CHECK(CODE_OF(read_at(NULL)) == STATUS_ACCESS_VIOLATION);
    CHECK(CODE_OF(read_at((const volatile ULONG *)0x8000000000000000ull)) == STATUS_ACCESS_VIOLATION);
    CHECK(CODE_OF(divide(1, 0)) == STATUS_INTEGER_DIVIDE_BY_ZERO);
    CHECK(CODE_OF(breakpoint()) == STATUS_BREAKPOINT);
    CHECK(CODE_OF(failed_assertion()) == STATUS_ASSERTION_FAILURE);
    CHECK(CODE_OF(no_instruction()) == STATUS_ILLEGAL_INSTRUCTION);
    CHECK(CODE_OF(privileged()) == STATUS_PRIVILEGED_INSTRUCTION);
    CHECK(CODE_OF(call_at((void (*)(void))0x30)) == STATUS_ACCESS_VIOLATION);
    CHECK(NT_SUCCESS(filter_sees_everything()));
    CHECK(NT_SUCCESS(continued()));
    CHECK(NT_SUCCESS(terminated()));
    CHECK(NT_SUCCESS(locals_survive(seed)));
    /* At DISPATCH_LEVEL too, as long as it is no page fault. */
    KIRQL old = KeRaiseIrqlToDpcLevel();
    NTSTATUS code = CODE_OF(divide(1, 0));
    KeLowerIrql(old);
    CHECK(code == STATUS_INTEGER_DIVIDE_BY_ZERO);
    /* Very often: nothing is left over from one to the next. */
    for (int round = 0; round < 2000; round++) {
        CHECK(CODE_OF(read_at(FOREIGN)) == STATUS_ACCESS_VIOLATION);
    }
    return STATUS_SUCCESS;
}

static NOINLINE void probe_and_lock(ULONG operation) {
    MDL *mdl = IoAllocateMdl((PVOID)FOREIGN, 64, FALSE, FALSE, NULL);
    __try {
        MmProbeAndLockPages(mdl, 1, operation);
        MmUnlockPages(mdl);
    } __finally {
        IoFreeMdl(mdl);
    }
}

NTSTATUS good_seh_raised(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    char buffer[64];
    CHECK(CODE_OF(ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES)) == STATUS_INSUFFICIENT_RESOURCES);
    CHECK(CODE_OF(ExRaiseAccessViolation()) == STATUS_ACCESS_VIOLATION);
    CHECK(CODE_OF(ProbeForRead(buffer, sizeof(buffer), 1)) == 0);
    CHECK(CODE_OF(ProbeForRead(FOREIGN, 0, 1)) == 0);
    CHECK(CODE_OF(ProbeForRead(FOREIGN, 16, 1)) == STATUS_ACCESS_VIOLATION);
    CHECK(CODE_OF(ProbeForWrite((PVOID)FOREIGN, 16, 4)) == STATUS_ACCESS_VIOLATION);
    CHECK(CODE_OF(ProbeForRead((PVOID)((ULONG64)FOREIGN + 1), 16, 4)) == STATUS_DATATYPE_MISALIGNMENT);
    CHECK(CODE_OF(probe_and_lock(0)) == STATUS_ACCESS_VIOLATION);
    CHECK(CODE_OF(probe_and_lock(1)) == STATUS_ACCESS_VIOLATION);
    /* What copies and compares touches the driver's memory for it. */
    CHECK(CODE_OF(memcpy(buffer, (const void *)FOREIGN, sizeof(buffer))) == STATUS_ACCESS_VIOLATION);
    CHECK(CODE_OF(memset((void *)FOREIGN, 0, sizeof(buffer))) == STATUS_ACCESS_VIOLATION);
    CHECK(CODE_OF(strlen((const char *)FOREIGN)) == STATUS_ACCESS_VIOLATION);
    /* A record of one's own, which the filter continues. */
    EXCEPTION_RECORD record = {0};
    record.ExceptionCode = (NTSTATUS)0xE0001234;
    record.NumberParameters = 1;
    record.ExceptionInformation[0] = 77;
    volatile int reached = 0;
    Seen seen = {0};
    __try {
        RtlRaiseException(&record);
        reached = 1;
    } __except (note(GetExceptionInformation(), &seen), EXCEPTION_CONTINUE_EXECUTION) {
        CHECK(FALSE);
    }
    CHECK(reached && seen.code == (NTSTATUS)0xE0001234 && seen.kind == 77);
    return STATUS_SUCCESS;
}

NTSTATUS bad_seh_no_handler(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    return (NTSTATUS)read_at(FOREIGN);
}

NTSTATUS bad_seh_declined(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    __try {
        read_at(FOREIGN);
    } __except (GetExceptionCode() == STATUS_BREAKPOINT) {
        return STATUS_SUCCESS;
    }
    return STATUS_SUCCESS;
}

NTSTATUS bad_seh_noncontinuable(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    __try {
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    } __except (EXCEPTION_CONTINUE_EXECUTION) {
        return STATUS_SUCCESS;
    }
    return STATUS_SUCCESS;
}

/* A page fault at DISPATCH_LEVEL ends a real system, whatever __try stands around it. */
NTSTATUS bad_seh_at_dispatch(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    KIRQL old = KeRaiseIrqlToDpcLevel();
    NTSTATUS code = CODE_OF(read_at(FOREIGN));
    KeLowerIrql(old);
    return code == 0 ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}

/* So does a fault on the kernel's own addresses: __except does not hide a use after free. */
NTSTATUS bad_seh_freed_pool(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    ULONG *block = ExAllocatePoolWithTag(512, 64, 'tseT');
    CHECK(block != NULL);
    ExFreePoolWithTag(block, 'tseT');
    return CODE_OF(read_at(block)) == 0 ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}

NTSTATUS bad_seh_raise(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    return STATUS_SUCCESS;
}
