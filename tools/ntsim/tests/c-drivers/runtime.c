/* The runtime library, formatted text, tracing, devices. */
#include "cases.h"

typedef __builtin_va_list va_list;

/* As the safe string functions of the kit are: inline, around _vsnprintf. */
static NTSTATUS string_printf(char *target, SIZE_T size, const char *format, ...) {
    va_list arguments;
    __builtin_va_start(arguments, format);
    int length = _vsnprintf(target, size - 1, format, arguments);
    __builtin_va_end(arguments);
    target[size - 1] = 0;
    return length < 0 ? (NTSTATUS)0x80000005 : STATUS_SUCCESS;
}

static NTSTATUS string_printf_wide(WCHAR *target, SIZE_T size, const WCHAR *format, ...) {
    va_list arguments;
    __builtin_va_start(arguments, format);
    int length = _vsnwprintf(target, size - 1, format, arguments);
    __builtin_va_end(arguments);
    target[size - 1] = 0;
    return length < 0 ? (NTSTATUS)0x80000005 : STATUS_SUCCESS;
}

static int same_wide(const WCHAR *a, const WCHAR *b) {
    while (*a && *a == *b) {
        a++, b++;
    }
    return *a == *b;
}

NTSTATUS good_print(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver;
    char text[64];
    WCHAR wide[64];
    CHECK(_snprintf(text, sizeof(text), "%d %u %x %s %c", -1, 2u, 0xabc, "four", '5') == 15);
    CHECK(strcmp(text, "-1 2 abc four 5") == 0);
    CHECK(NT_SUCCESS(string_printf(text, sizeof(text), "%I64u|%llx|%5d|%-5d|%05d", 1ull << 40, 1ull << 40, 42, 42, 42)));
    CHECK(strcmp(text, "1099511627776|10000000000|   42|42   |00042") == 0);
    CHECK(NT_SUCCESS(string_printf(text, sizeof(text), "%.2f %d", 2.5, 7)));
    CHECK(strcmp(text, "2.50 7") == 0);
    CHECK(string_printf(text, 8, "%s", "too long for it") == (NTSTATUS)0x80000005);
    CHECK(strlen(text) == 7);
    UNICODE_STRING counted = STRING(L"counted");
    CHECK(NT_SUCCESS(string_printf_wide(wide, 64, L"%s-%hs-%wZ-%d", L"wide", "narrow", &counted, 9)));
    CHECK(same_wide(wide, L"wide-narrow-counted-9"));
    CHECK(wcschr(wide, L'-') == wide + 4);
    CHECK(NT_SUCCESS(string_printf_wide(wide, 64, L"%ws %u", L"a", 1u)));
    CHECK(same_wide(wide, L"a 1"));
    DbgPrint("print: %s %d %wZ\n", "plain", 1, path);
    DbgPrintEx(77, 0, "print ex: %s %p %I64d\n", "more", (PVOID)0x1000, -5ll);
    return STATUS_SUCCESS;
}

static int by_value(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

/* A frame of several pages: the compiler calls __chkstk. */
static NOINLINE int large_frame(volatile int value) {
    volatile char frame[20000];
    frame[0] = (char)value;
    frame[sizeof(frame) - 1] = (char)(value + 1);
    return frame[0] + frame[sizeof(frame) - 1];
}

static NOINLINE double floating(volatile double a, volatile double b) {
    return a * b + 0.5;
}

/* An exception goes through the routine that called the comparison. */
static int raises(const void *a, const void *b) {
    (void)a, (void)b;
    ExRaiseStatus(STATUS_INVALID_PARAMETER);
    return 0;
}

static NOINLINE NTSTATUS exception_through_qsort(int *numbers) {
    NTSTATUS code = 0;
    __try {
        qsort(numbers, 5, sizeof(int), raises);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        code = GetExceptionCode();
    }
    CHECK(code == STATUS_INVALID_PARAMETER && numbers[0] == 1);
    return STATUS_SUCCESS;
}

NTSTATUS good_runtime(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    int numbers[] = {5, 3, 9, 1, 7};
    qsort(numbers, 5, sizeof(int), by_value);
    for (int index = 0; index < 5; index++) {
        CHECK(numbers[index] == 1 + 2 * index);
    }
    CHECK(NT_SUCCESS(exception_through_qsort(numbers)));
    CHECK(large_frame(20) == 41);
    CHECK(floating(2.0, 3.0) == 6.5);
    volatile SIZE_T length = 300;
    char a[300], b[300];
    memset(a, 0x5A, length);
    memcpy(b, a, length);
    CHECK(b[0] == 0x5A && b[299] == 0x5A);
    return STATUS_SUCCESS;
}

static PVOID wpp_control[8];
static const GUID MESSAGES = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

NTSTATUS good_wpp(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    CHECK(NT_SUCCESS(WppAutoLogStart(wpp_control, driver, path)));
    ULONG value = 7;
    /* Pairs of address and size, then null. */
    CHECK(NT_SUCCESS(WppAutoLogTrace(wpp_control, 4, 1, &MESSAGES, 10, &value, sizeof(value), NULL)));
    KIRQL old = KeRaiseIrqlToDpcLevel();
    NTSTATUS status = WppAutoLogTrace(wpp_control, 4, 1, &MESSAGES, 11, NULL);
    KeLowerIrql(old);
    CHECK(NT_SUCCESS(status));
    WppAutoLogStop(wpp_control, driver);
    return STATUS_SUCCESS;
}

NTSTATUS bad_wpp_leak(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    return WppAutoLogStart(wpp_control, driver, path);
}

NTSTATUS bad_wpp_unbalanced(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)path;
    WppAutoLogStop(wpp_control, driver);
    return STATUS_SUCCESS;
}

typedef NTSTATUS CreateSecure(DRIVER_OBJECT *driver, ULONG extension, UNICODE_STRING *name, ULONG kind, ULONG characteristics, BOOLEAN exclusive, UNICODE_STRING *sddl, const GUID *class, DEVICE_OBJECT **device);

static KEVENT worked;

static void work(PVOID object, PVOID context) {
    (void)object, (void)context;
    KeSetEvent(&worked, 0, FALSE);
}

NTSTATUS good_devices(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)path;
    UNICODE_STRING routine = STRING(L"IoCreateDeviceSecure");
    UNICODE_STRING unknown = STRING(L"KeThisRoutineDoesNotExist");
    UNICODE_STRING name = STRING(L"\\Device\\NtsimC");
    UNICODE_STRING sddl = STRING(L"D:P(A;;GA;;;SY)(A;;GA;;;BA)");
    CHECK(MmGetSystemRoutineAddress(&unknown) == NULL);
    CreateSecure *create = (CreateSecure *)MmGetSystemRoutineAddress(&routine);
    CHECK(create != NULL);
    DEVICE_OBJECT *device = NULL;
    CHECK(NT_SUCCESS(create(driver, 0, &name, 0x22, 0x100, FALSE, &sddl, NULL, &device)));
    CHECK(NT_SUCCESS(IoWMIRegistrationControl(device, 1)));
    CHECK(NT_SUCCESS(IoWMIRegistrationControl(device, 2)));
    IoDeleteDevice(device);
    /* Work items are allocated for a driver object, too. */
    KeInitializeEvent(&worked, 0, FALSE);
    WORK_ITEM *item = IoAllocateWorkItem(driver);
    CHECK(item != NULL);
    IoQueueWorkItem(item, work, 1, NULL);
    KeWaitForSingleObject(&worked, 0, 0, FALSE, NULL);
    LONG64 interval = -500000;
    KeDelayExecutionThread(0, FALSE, &interval);
    IoFreeWorkItem(item);
    return STATUS_SUCCESS;
}
