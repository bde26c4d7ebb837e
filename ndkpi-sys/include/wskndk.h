/* The WSK client control code that leads a kernel consumer to NDK adapters. */
#pragma once
#include "ndis/object.h"
#include "ndkpi.h"
#include "wsk.h"

/** `NDKD`: WskControlClient writes WSK_PROVIDER_NDK_DISPATCH; the output size has to be exact. */
CONST_U32(WSKNDK_GET_WSK_PROVIDER_NDK_DISPATCH, 0x4E444B44);

/** Opens the NDK adapter of an interface; PASSIVE_LEVEL. */
typedef NTSTATUS (*PFN_WSK_OPEN_NDK_ADAPTER)(PWSK_CLIENT WskClient, NDK_VERSION Version,
    NET_IFINDEX InterfaceIndex, NDK_ADAPTER **NdkAdapter);
/** Closes it; PASSIVE_LEVEL, blocks until all its objects are closed. */
typedef VOID (*PFN_WSK_CLOSE_NDK_ADAPTER)(PWSK_CLIENT WskClient, NDK_ADAPTER *NdkAdapter);

typedef struct WSK_PROVIDER_NDK_DISPATCH {
    PFN_WSK_OPEN_NDK_ADAPTER WskOpenNdkAdapter;
    PFN_WSK_CLOSE_NDK_ADAPTER WskCloseNdkAdapter;
} WSK_PROVIDER_NDK_DISPATCH, *PWSK_PROVIDER_NDK_DISPATCH;
