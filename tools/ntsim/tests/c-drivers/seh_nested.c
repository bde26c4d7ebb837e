/* Exceptions through several functions, inside filters, inside termination handlers. */
#include "cases.h"

#define FOREIGN ((volatile ULONG *)0x10000)

static volatile LONG64 order;

static void mark(LONG64 digit) {
    order = order * 10 + digit;
}

static NOINLINE void faults(void) {
    *FOREIGN = 1;
}

static NOINLINE void inner(void) {
    __try {
        mark(1);
        faults();
        mark(9);
    } __finally {
        mark(4);
    }
}

static int declines(LONG64 digit) {
    mark(digit);
    return EXCEPTION_CONTINUE_SEARCH;
}

static NOINLINE void middle(void) {
    __try {
        __try {
            inner();
            mark(9);
        } __except (declines(2)) {
            mark(9);
        }
    } __finally {
        mark(5);
    }
}

static int accepts(LONG64 digit) {
    mark(digit);
    return EXCEPTION_EXECUTE_HANDLER;
}

/* All filters first, innermost first; then all termination handlers; then the handler. */
static NOINLINE NTSTATUS two_passes(void) {
    order = 0;
    __try {
        middle();
        mark(9);
    } __except (accepts(3)) {
        mark(6);
    }
    CHECK(order == 123456);
    return STATUS_SUCCESS;
}

static int catches_inside(void) {
    int result = EXCEPTION_CONTINUE_SEARCH;
    __try {
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        result = GetExceptionCode() == STATUS_INSUFFICIENT_RESOURCES;
    }
    return result;
}

static NOINLINE NTSTATUS exception_inside_a_filter(void) {
    NTSTATUS code = 0;
    __try {
        faults();
    } __except (catches_inside()) {
        code = GetExceptionCode();
    }
    CHECK(code == STATUS_ACCESS_VIOLATION);
    return STATUS_SUCCESS;
}

/* The termination handler raises: the outer frames get the new exception, and their handlers run
 * once (a collided unwind). */
static NOINLINE void raises_in_finally(void) {
    __try {
        __try {
            mark(1);
            faults();
            /* Not the last call: clang's scopes reach one byte into what follows a call. */
            mark(9);
        } __finally {
            mark(2);
            ExRaiseStatus(STATUS_INVALID_PARAMETER);
        }
    } __finally {
        mark(3);
    }
}

static NOINLINE NTSTATUS collided(void) {
    NTSTATUS code = 0;
    order = 0;
    __try {
        raises_in_finally();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        code = GetExceptionCode();
        mark(4);
    }
    CHECK(code == STATUS_INVALID_PARAMETER);
    CHECK(order == 1234);
    return STATUS_SUCCESS;
}

/* The filter faults and does not catch: the search begins anew, with the new exception. */
static volatile int faulted;

static int filter_that_faults(void) {
    if (!faulted) {
        faulted = 1;
        faults();
    }
    return EXCEPTION_CONTINUE_SEARCH;
}

static NOINLINE void with_faulting_filter(void) {
    __try {
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    } __except (filter_that_faults()) {
        mark(9);
    }
}

static NOINLINE NTSTATUS nested_search(void) {
    NTSTATUS code = 0;
    faulted = 0;
    __try {
        with_faulting_filter();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        code = GetExceptionCode();
    }
    CHECK(code == STATUS_ACCESS_VIOLATION && faulted);
    return STATUS_SUCCESS;
}

static NOINLINE void no_instruction(void) {
    __asm__ volatile("ud2");
}

static NOINLINE NTSTATUS lock_given_back(void) {
    KSPIN_LOCK lock = 0;
    __try {
        KIRQL old = KeAcquireSpinLockRaiseToDpc(&lock);
        __try {
            no_instruction();
        } __finally {
            KeReleaseSpinLock(&lock, old);
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        CHECK(GetExceptionCode() == STATUS_ILLEGAL_INSTRUCTION);
    }
    CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL && lock == 0);
    return STATUS_SUCCESS;
}

static NOINLINE LONG64 recursive(int depth) {
    LONG64 result = 0;
    __try {
        if (depth == 0) {
            faults();
        } else {
            result = recursive(depth - 1);
        }
    } __except (depth % 10 == 0 && depth > 0) {
        result = depth;
    }
    return result;
}

typedef struct {
    KEVENT done;
    NTSTATUS status;
} Worker;

static void worker(PVOID context) {
    Worker *self = context;
    self->status = two_passes();
    KeSetEvent(&self->done, 0, FALSE);
}

NTSTATUS good_seh_nested(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    CHECK(NT_SUCCESS(two_passes()));
    CHECK(NT_SUCCESS(exception_inside_a_filter()));
    CHECK(NT_SUCCESS(collided()));
    CHECK(NT_SUCCESS(nested_search()));
    CHECK(NT_SUCCESS(lock_given_back()));
    CHECK(recursive(25) == 10);
    /* On another thread's stack. */
    Worker other;
    HANDLE handle;
    KeInitializeEvent(&other.done, 0, FALSE);
    CHECK(NT_SUCCESS(PsCreateSystemThread(&handle, 0, NULL, NULL, NULL, worker, &other)));
    KeWaitForSingleObject(&other.done, 0, 0, FALSE, NULL);
    LONG64 interval = -500000;
    KeDelayExecutionThread(0, FALSE, &interval);
    ZwClose(handle);
    CHECK(NT_SUCCESS(other.status));
    return STATUS_SUCCESS;
}

static int filter_faults_always(void) {
    faults();
    return EXCEPTION_EXECUTE_HANDLER;
}

/* Each new exception asks the same filter, which faults again: the stack ends. */
NTSTATUS bad_seh_filter_faults(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    __try {
        faults();
    } __except (filter_faults_always()) {
        return STATUS_SUCCESS;
    }
    return STATUS_SUCCESS;
}

/* Nobody is left outside for what the termination handler raises. */
static NOINLINE void only_inner_handler(void) {
    __try {
        __try {
            faults();
        } __finally {
            ExRaiseStatus(STATUS_INVALID_PARAMETER);
        }
    } __except (GetExceptionCode() == STATUS_ACCESS_VIOLATION) {
        mark(9);
    }
}

NTSTATUS bad_seh_finally_raises(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    only_inner_handler();
    return STATUS_SUCCESS;
}

static void dpc_faults(KDPC *dpc, PVOID context, PVOID first, PVOID second) {
    (void)dpc, (void)context, (void)first, (void)second;
    __asm__ volatile("ud2");
}

/* The kernel stands between the DPC and who queued it: no handler out there is asked. */
NTSTATUS bad_seh_in_dpc(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    static KDPC dpc;
    __try {
        KeInitializeDpc(&dpc, dpc_faults, NULL);
        KeInsertQueueDpc(&dpc, NULL, NULL);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return STATUS_SUCCESS;
    }
    return STATUS_SUCCESS;
}
