/* A device whose requests bring a user's addresses (METHOD_NEITHER): probed, and used in __try. */
#include "cases.h"

/* Adds up the input's bytes; the answer is the sum. */
#define IOCTL_SUM 0x222003
/* The same, but reads 64 bytes more than the input has: the handler turns that into a status. */
#define IOCTL_SUM_TOO_FAR 0x222007
/* METHOD_BUFFERED: reads behind the kernel's own buffer, where no handler helps. */
#define IOCTL_BUFFERED_TOO_FAR 0x222008

static UNICODE_STRING device_name = STRING(L"\\Device\\NtsimC");
static UNICODE_STRING link_name = STRING(L"\\DosDevices\\NtsimC");

static NTSTATUS complete(IRP *irp, NTSTATUS status, ULONG_PTR information) {
    irp->Status = status;
    irp->Information = information;
    IofCompleteRequest(irp, 0);
    return status;
}

static NOINLINE ULONG sum(const volatile UCHAR *bytes, SIZE_T length) {
    ULONG total = 0;
    for (SIZE_T index = 0; index < length; index++) {
        total += bytes[index];
    }
    return total;
}

static NTSTATUS sum_of_user(IRP *irp, IO_STACK_LOCATION *stack, SIZE_T beyond) {
    ULONG *answer = irp->UserBuffer;
    if (stack->OutputBufferLength < sizeof(ULONG)) {
        return STATUS_INVALID_PARAMETER;
    }
    __try {
        ProbeForRead(stack->Type3InputBuffer, stack->InputBufferLength, 1);
        ProbeForWrite(answer, sizeof(ULONG), sizeof(ULONG));
        *answer = sum(stack->Type3InputBuffer, stack->InputBufferLength + beyond);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

static NTSTATUS dispatch(DEVICE_OBJECT *device, IRP *irp) {
    (void)device;
    IO_STACK_LOCATION *stack = irp->CurrentStackLocation;
    if (stack->MajorFunction != IRP_MJ_DEVICE_CONTROL) {
        return complete(irp, STATUS_SUCCESS, 0);
    }
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    switch (stack->IoControlCode) {
    case IOCTL_SUM:
        status = sum_of_user(irp, stack, 0);
        break;
    case IOCTL_SUM_TOO_FAR:
        status = sum_of_user(irp, stack, 64);
        break;
    case IOCTL_BUFFERED_TOO_FAR:
        __try {
            status = sum(irp->SystemBuffer, stack->InputBufferLength + 64) ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            status = GetExceptionCode();
        }
        break;
    }
    return complete(irp, status, NT_SUCCESS(status) ? sizeof(ULONG) : 0);
}

static void unload(DRIVER_OBJECT *driver) {
    IoDeleteSymbolicLink(&link_name);
    IoDeleteDevice(driver->DeviceObject);
}

NTSTATUS good_ioctl(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)path;
    DEVICE_OBJECT *device;
    CHECK(NT_SUCCESS(IoCreateDevice(driver, 0, &device_name, 0x22, 0, FALSE, &device)));
    CHECK(NT_SUCCESS(IoCreateSymbolicLink(&link_name, &device_name)));
    driver->MajorFunction[IRP_MJ_CREATE] = dispatch;
    driver->MajorFunction[IRP_MJ_CLOSE] = dispatch;
    driver->MajorFunction[IRP_MJ_CLEANUP] = dispatch;
    driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = dispatch;
    driver->DriverUnload = unload;
    return STATUS_SUCCESS;
}
