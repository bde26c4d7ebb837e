/* CR8 is the IRQL, the processor control region is behind gs. */
#include "cases.h"

static volatile LONG dpc_ran;
static volatile LONG dpc_irql = -1;

static void dpc_routine(KDPC *dpc, PVOID context, PVOID first, PVOID second) {
    (void)dpc, (void)context, (void)first, (void)second;
    dpc_irql = KeGetCurrentIrql();
    dpc_ran = 1;
}

/* Registers that a call may change have to survive `mov cr8`: it is an instruction, no call. */
static ULONG64 registers_over_cr8(void) {
    ULONG64 sum;
    __asm__ volatile(
        "movq $1, %%rax\n movq $2, %%rcx\n movq $4, %%rdx\n movq $8, %%r8\n movq $16, %%r9\n"
        "movq $32, %%r10\n movq $64, %%r11\n movq %%r11, %%xmm0\n movq %%r11, %%xmm5\n movq $2, %%rsi\n"
        "movq %%rsi, %%cr8\n"
        "movq $0, %%rsi\n movq %%rsi, %%cr8\n"
        "addq %%rcx, %%rax\n addq %%rdx, %%rax\n addq %%r8, %%rax\n addq %%r9, %%rax\n addq %%r10, %%rax\n"
        "addq %%r11, %%rax\n movq %%xmm0, %%r8\n addq %%r8, %%rax\n movq %%xmm5, %%r8\n addq %%r8, %%rax\n"
        : "=a"(sum)
        :
        : "rcx", "rdx", "r8", "r9", "r10", "r11", "rsi", "xmm0", "xmm5", "cc", "memory");
    return sum;
}

NTSTATUS good_cr8(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL);
    CHECK(KeRaiseIrqlInline(DISPATCH_LEVEL) == PASSIVE_LEVEL);
    CHECK(KeGetCurrentIrql() == DISPATCH_LEVEL);
    KDPC dpc;
    KeInitializeDpc(&dpc, dpc_routine, NULL);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    CHECK(!dpc_ran);
    /* Lowering runs what waits for the processor, as the write to the task priority does. */
    WriteCr8(PASSIVE_LEVEL);
    CHECK(dpc_ran && dpc_irql == DISPATCH_LEVEL);
    CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL);
    CHECK(registers_over_cr8() == 127 + 64 + 64);
    KSPIN_LOCK lock = 0;
    KIRQL old = KeAcquireSpinLockRaiseToDpc(&lock);
    CHECK(old == PASSIVE_LEVEL && KeGetCurrentIrql() == DISPATCH_LEVEL);
    KeReleaseSpinLock(&lock, old);
    CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL);
    return STATUS_SUCCESS;
}

static NOINLINE void waits_at_raised_irql(void) {
    LONG64 interval = -10000;
    KeDelayExecutionThread(0, FALSE, &interval);
}

NTSTATUS bad_cr8_wait(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    WriteCr8(DISPATCH_LEVEL);
    waits_at_raised_irql();
    WriteCr8(PASSIVE_LEVEL);
    return STATUS_SUCCESS;
}

NTSTATUS bad_cr8_left_raised(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    WriteCr8(DISPATCH_LEVEL);
    return STATUS_SUCCESS;
}

static KSPIN_LOCK held;

static NOINLINE void lowers_with_lock(void) {
    WriteCr8(PASSIVE_LEVEL);
}

NTSTATUS bad_cr8_lock_held(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    KeAcquireSpinLockRaiseToDpc(&held);
    lowers_with_lock();
    return STATUS_SUCCESS;
}

NTSTATUS bad_cr8_too_high(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    WriteCr8(16);
    return STATUS_SUCCESS;
}

static NOINLINE NTSTATUS check_pcr(void) {
    CHECK(READ_GS(PVOID, 0x188) == PsGetCurrentThread());
    ULONG64 self = READ_GS(ULONG64, 0x18);
    CHECK(*(PVOID *)(self + 0x188) == PsGetCurrentThread());
    CHECK(READ_GS(ULONG64, 0x20) == self + 0x180);
    KIRQL old = KeRaiseIrqlToDpcLevel();
    ULONG number = KeGetCurrentProcessorNumberEx(NULL);
    ULONG fast = READ_GS(ULONG, 0x1A4);
    UCHAR legacy = READ_GS(UCHAR, 0x184);
    KeLowerIrql(old);
    CHECK(fast == number && legacy == number);
    return STATUS_SUCCESS;
}

typedef struct {
    KEVENT done;
    PVOID thread;
    NTSTATUS status;
} Other;

static void other_thread(PVOID context) {
    Other *other = context;
    other->thread = READ_GS(PVOID, 0x188);
    other->status = check_pcr();
    KeSetEvent(&other->done, 0, FALSE);
}

NTSTATUS good_pcr(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    NTSTATUS status = check_pcr();
    CHECK(NT_SUCCESS(status));
    for (int round = 0; round < 4; round++) {
        Other other;
        HANDLE handle;
        KeInitializeEvent(&other.done, 0, FALSE);
        CHECK(NT_SUCCESS(PsCreateSystemThread(&handle, 0, NULL, NULL, NULL, other_thread, &other)));
        KeWaitForSingleObject(&other.done, 0, 0, FALSE, NULL);
        /* The thread is on its way out of its routine. */
        LONG64 interval = -500000;
        KeDelayExecutionThread(0, FALSE, &interval);
        ZwClose(handle);
        CHECK(NT_SUCCESS(other.status));
        CHECK(other.thread != READ_GS(PVOID, 0x188));
    }
    return STATUS_SUCCESS;
}
