/* Functions of netio.sys that a driver imports, with the highest IRQL of each. */
#pragma once
#include "netioapi.h"
#include "wsk.h"


/* IRQL: PASSIVE */
NTSTATUS WskRegister(PWSK_CLIENT_NPI WskClientNpi, PWSK_REGISTRATION WskRegistration);
VOID WskDeregister(PWSK_REGISTRATION Registration);

/* IRQL: PASSIVE (any <=DISPATCH with no wait) */
NTSTATUS WskCaptureProviderNPI(PWSK_REGISTRATION WskRegistration, ULONG WaitTimeout,
    PWSK_PROVIDER_NPI WskProviderNpi);

/* IRQL: <=DISPATCH */
VOID WskReleaseProviderNPI(PWSK_REGISTRATION Registration);
NTSTATUS WskQueryProviderCharacteristics(PWSK_REGISTRATION Registration,
    PWSK_PROVIDER_CHARACTERISTICS Characteristics);

/* IRQL: PASSIVE */
NTSTATUS NotifyUnicastIpAddressChange(ADDRESS_FAMILY Family, PUNICAST_IPADDRESS_CHANGE_CALLBACK Callback,
    PVOID CallerContext, BOOLEAN InitialNotification, HANDLE *NotificationHandle);
NTSTATUS NotifyIpInterfaceChange(ADDRESS_FAMILY Family, PIPINTERFACE_CHANGE_CALLBACK Callback,
    PVOID CallerContext, BOOLEAN InitialNotification, HANDLE *NotificationHandle);
NTSTATUS NotifyRouteChange2(ADDRESS_FAMILY Family, PIPFORWARD_CHANGE_CALLBACK Callback, PVOID CallerContext,
    BOOLEAN InitialNotification, HANDLE *NotificationHandle);
NTSTATUS CancelMibChangeNotify2(HANDLE Handle);
NTSTATUS GetUnicastIpAddressTable(ADDRESS_FAMILY Family, PMIB_UNICASTIPADDRESS_TABLE *Table);
NTSTATUS GetUnicastIpAddressEntry(PMIB_UNICASTIPADDRESS_ROW Row);
NTSTATUS GetIfEntry2(PMIB_IF_ROW2 Row);
NTSTATUS GetIpInterfaceEntry(PMIB_IPINTERFACE_ROW Row);
NTSTATUS GetBestRoute2(NET_LUID *InterfaceLuid, NET_IFINDEX InterfaceIndex, SOCKADDR_INET *SourceAddress,
    SOCKADDR_INET *DestinationAddress, ULONG AddressSortOptions, PMIB_IPFORWARD_ROW2 BestRoute,
    SOCKADDR_INET *BestSourceAddress);
VOID FreeMibTable(PVOID Memory);
NTSTATUS ConvertInterfaceLuidToIndex(NET_LUID *InterfaceLuid, PNET_IFINDEX InterfaceIndex);
NTSTATUS ConvertInterfaceIndexToLuid(NET_IFINDEX InterfaceIndex, PNET_LUID InterfaceLuid);
NTSTATUS ConvertInterfaceLuidToGuid(NET_LUID *InterfaceLuid, GUID *InterfaceGuid);
NTSTATUS ConvertInterfaceLuidToAlias(NET_LUID *InterfaceLuid, PWSTR InterfaceAlias, SIZE_T Length);
NTSTATUS NmrRegisterClient(PNPI_CLIENT_CHARACTERISTICS ClientCharacteristics, PVOID ClientContext,
    PHANDLE NmrClientHandle);
NTSTATUS NmrDeregisterClient(HANDLE Handle);
NTSTATUS NmrWaitForClientDeregisterComplete(HANDLE Handle);
NTSTATUS NmrRegisterProvider(PNPI_PROVIDER_CHARACTERISTICS ProviderCharacteristics, PVOID ProviderContext,
    PHANDLE NmrProviderHandle);
NTSTATUS NmrDeregisterProvider(HANDLE Handle);
NTSTATUS NmrWaitForProviderDeregisterComplete(HANDLE Handle);
NTSTATUS NmrClientAttachProvider(HANDLE NmrBindingHandle, PVOID ClientBindingContext, VOID *ClientDispatch,
    PVOID *ProviderBindingContext, VOID **ProviderDispatch);
