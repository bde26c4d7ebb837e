/* The cases, one function each; main.c calls the one that the service is named after. */
#pragma once
#include "ntddk.h"

typedef NTSTATUS Case(DRIVER_OBJECT *driver, UNICODE_STRING *path);

extern Case good_cr8, bad_cr8_wait, bad_cr8_left_raised, bad_cr8_lock_held, bad_cr8_too_high;
extern Case good_pcr;
extern Case good_shared_data, bad_shared_data_write;
extern Case good_seh, good_seh_raised, good_seh_nested, good_seh_registers, good_seh_gs;
extern Case bad_seh_no_handler, bad_seh_declined, bad_seh_noncontinuable, bad_seh_at_dispatch, bad_seh_freed_pool;
extern Case bad_seh_raise, bad_seh_filter_faults, bad_seh_finally_raises, bad_seh_in_dpc;
extern Case good_print;
extern Case good_cookie, bad_cookie;
extern Case good_runtime, good_wpp, bad_wpp_leak, bad_wpp_unbalanced, good_devices, good_ioctl;
