/* The registers that a callee has to keep, over an exception. */
#include "cases.h"

NTSTATUS keeps_registers(void (*catcher)(void));
void changes_registers_and_faults(void);

static volatile int caught;

static void catches(void) {
    __try {
        changes_registers_and_faults();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        caught++;
    }
}

NTSTATUS good_seh_registers(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    CHECK(keeps_registers(catches) == 0);
    CHECK(caught == 1);
    return STATUS_SUCCESS;
}

int with_cookie(int smash, int raise);

NTSTATUS good_seh_gs(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)driver, (void)path;
    /* A function whose handler is the one for functions with a cookie and a __try. */
    CHECK(with_cookie(0, 0) == 1);
    CHECK(with_cookie(0, 1) == 2);
    return STATUS_SUCCESS;
}
