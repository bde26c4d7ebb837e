/* KUSER_SHARED_DATA through every form of load that compilers make. */
#include "cases.h"

#define SHARED(type, offset) (*(const volatile type *)(SharedUserData + (offset)))

static ULONG64 interrupt_time(void) {
    return SHARED(ULONG64, 0x08);
}

/* High word, low word, high word again, as careful code reads. */
static ULONG64 interrupt_time_in_parts(void) {
    ULONG high, low;
    do {
        high = SHARED(ULONG, 0x0C);
        low = SHARED(ULONG, 0x08);
    } while (high != SHARED(ULONG, 0x10));
    return (ULONG64)high << 32 | low;
}

static NTSTATUS loads(void) {
    const ULONG64 base = SharedUserData;
    ULONG64 result;
    /* The 64-bit absolute form has no register. */
    __asm__ volatile("movabsq 0xFFFFF7800000026C, %%rax" : "=a"(result));
    CHECK((ULONG)result == 10);
    result = 0xAAAAAAAAAAAAAAAAull;
    __asm__ volatile("movabsl 0xFFFFF7800000026C, %%eax" : "+a"(result));
    CHECK(result == 10);
    result = 0xAAAAAAAAAAAAAAAAull;
    __asm__ volatile("movabsb 0xFFFFF7800000026C, %%al" : "+a"(result));
    CHECK(result == 0xAAAAAAAAAAAAAA0Aull);
    result = 0xAAAAAAAAAAAAAAAAull;
    __asm__ volatile("movabsw 0xFFFFF7800000026C, %%ax" : "+a"(result));
    CHECK(result == 0xAAAAAAAAAAAA000Aull);
    /* The result replaces the base, whole or in part. */
    result = base;
    __asm__ volatile("movl 0x26C(%0), %k0" : "+r"(result));
    CHECK(result == 10);
    result = base;
    __asm__ volatile("movb 0x26C(%0), %b0" : "+r"(result));
    CHECK(result == (base | 10));
    result = base;
    __asm__ volatile("movw 0x26C(%0), %w0" : "+r"(result));
    CHECK(result == (base | 10));
    result = base;
    __asm__ volatile("movq 0x26C(%0), %0" : "+r"(result));
    CHECK(result == 10);
    /* The base keeps its value when it is not the result. */
    ULONG64 pointer = base;
    __asm__ volatile("movzbl 0x26C(%1), %k0" : "=r"(result), "+r"(pointer));
    CHECK(result == 10 && pointer == base);
    __asm__ volatile("movzwl 0x26A(%1), %k0" : "=&r"(result), "+r"(pointer));
    CHECK(result == 9 && pointer == base);
    __asm__ volatile("movsbq 0x26C(%1), %0" : "=&r"(result), "+r"(pointer));
    CHECK(result == 10 && pointer == base);
    /* With an index; arithmetic; comparison; vectors. */
    ULONG64 index = 0x13;
    __asm__ volatile("movl 0x220(%1,%2,4), %k0" : "=&r"(result) : "r"(base), "r"(index));
    CHECK(result == 10);
    result = 5;
    __asm__ volatile("addl 0x26C(%1), %k0" : "+r"(result) : "r"(base) : "cc");
    CHECK(result == 15);
    UCHAR equal;
    __asm__ volatile("cmpl $10, 0x26C(%1)\n sete %0" : "=r"(equal) : "r"(base) : "cc");
    CHECK(equal);
    __asm__ volatile("movdqu 0x26C(%1), %%xmm1\n movq %%xmm1, %0" : "=r"(result) : "r"(base) : "xmm1");
    CHECK((ULONG)result == 10 && result >> 32 == 0);
    ULONG64 stack;
    __asm__ volatile("pushq 0x26C(%1)\n popq %0" : "=r"(stack) : "r"(base) : "memory");
    CHECK((ULONG)stack == 10);
    return STATUS_SUCCESS;
}

NTSTATUS good_shared_data(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    NTSTATUS status = loads();
    if (!NT_SUCCESS(status)) {
        return status;
    }
    CHECK(SHARED(ULONG, 0x270) == 0);
    CHECK(SHARED(UCHAR, 0x268) == 1);
    CHECK((SHARED(ULONG, 0x260) & 0xFFFF) >= 19041);
    CHECK(SHARED(WCHAR, 0x30) == L'C' && SHARED(WCHAR, 0x32) == L':');
    CHECK(SHARED(ULONG64, 0x300) == 10000000);
    /* The clocks are those of the routines. */
    ULONG64 before, after, now;
    KeQueryInterruptTimePrecise(&before);
    now = interrupt_time();
    KeQueryInterruptTimePrecise(&after);
    CHECK(before <= now && now <= after);
    now = interrupt_time_in_parts();
    CHECK(now >= after);
    LONG64 system, shared;
    KeQuerySystemTimePrecise(&system);
    shared = SHARED(LONG64, 0x14);
    CHECK(shared >= system && shared - system < 600000000);
    ULONG64 ticks = SHARED(ULONG64, 0x320);
    CHECK(ticks * 156250 <= interrupt_time() && (ticks + 100) * 156250 > now);
    CHECK((ULONG64)SHARED(ULONG, 0x4) * 1000 >> 24 == 15625);
    /* Seconds of patience, measured here: polling ends. */
    ULONG64 until = interrupt_time() + 20000;
    ULONG rounds = 0;
    while (interrupt_time() < until) {
        rounds++;
    }
    CHECK(rounds > 0);
    return STATUS_SUCCESS;
}

static NOINLINE void writes_shared_data(void) {
    *(volatile ULONG *)(SharedUserData + 0x26C) = 11;
}

NTSTATUS bad_shared_data_write(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    writes_shared_data();
    return STATUS_SUCCESS;
}
