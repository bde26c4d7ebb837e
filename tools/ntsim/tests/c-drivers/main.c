/*
 * A driver in C that behaves like one built with the kit: each case shows one thing that such
 * drivers do without calling the kernel, or break a rule that way. The service's name is the case.
 */
#include "cases.h"

static const struct {
    const char *name;
    Case *run;
} CASES[] = {
    {"good-cr8", good_cr8},
    {"cr8-wait", bad_cr8_wait},
    {"cr8-left-raised", bad_cr8_left_raised},
    {"cr8-lock-held", bad_cr8_lock_held},
    {"cr8-too-high", bad_cr8_too_high},
    {"good-pcr", good_pcr},
    {"good-shared-data", good_shared_data},
    {"shared-data-write", bad_shared_data_write},
    {"good-seh", good_seh},
    {"good-seh-raised", good_seh_raised},
    {"good-seh-nested", good_seh_nested},
    {"good-seh-registers", good_seh_registers},
    {"good-seh-gs", good_seh_gs},
    {"seh-no-handler", bad_seh_no_handler},
    {"seh-declined", bad_seh_declined},
    {"seh-noncontinuable", bad_seh_noncontinuable},
    {"seh-at-dispatch", bad_seh_at_dispatch},
    {"seh-freed-pool", bad_seh_freed_pool},
    {"seh-raise", bad_seh_raise},
    {"seh-filter-faults", bad_seh_filter_faults},
    {"seh-finally-raises", bad_seh_finally_raises},
    {"seh-in-dpc", bad_seh_in_dpc},
    {"good-print", good_print},
    {"good-cookie", good_cookie},
    {"cookie", bad_cookie},
    {"good-runtime", good_runtime},
    {"good-wpp", good_wpp},
    {"wpp-leak", bad_wpp_leak},
    {"wpp-unbalanced", bad_wpp_unbalanced},
    {"good-devices", good_devices},
    {"good-ioctl", good_ioctl},
};

static void unload(DRIVER_OBJECT *driver) {
    (void)driver;
}

/* The last component of the registry path, as bytes. */
static void case_name(const UNICODE_STRING *path, char *name, SIZE_T size) {
    SIZE_T begin = path->Length / sizeof(WCHAR);
    while (begin > 0 && path->Buffer[begin - 1] != L'\\') {
        begin--;
    }
    SIZE_T length = 0;
    for (SIZE_T at = begin; at < path->Length / sizeof(WCHAR) && length + 1 < size; at++) {
        name[length++] = (char)path->Buffer[at];
    }
    name[length] = 0;
}

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    char name[64];
    case_name(path, name, sizeof(name));
    driver->DriverUnload = unload;
    for (SIZE_T index = 0; index < sizeof(CASES) / sizeof(CASES[0]); index++) {
        if (strcmp(CASES[index].name, name) == 0) {
            return CASES[index].run(driver, path);
        }
    }
    DbgPrint("no case is called %s\n", name);
    return STATUS_INVALID_PARAMETER;
}
