//! What NDIS knows of the machine's miniports, and the requests that tests make in its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{AdapterId, DriverId, Keyword, Machine, MachineError, OidAnswer};
use crate::kernel::Kernel;
use crate::ndis::{
    self, AttributesCall, NdisError, NdkAttributes, NdkBinding, NdkEvent, NdkOpen, OidRequest, Registration, Watch,
};
use crate::verifier::faults;
use ndkpi_sys::{
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, NDIS_NDK_CAPABILITIES, NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
    NDIS_WMI_NDK_CAPABILITIES, NDK_ADAPTER_INFO,
};

impl Machine {
    /// What a miniport driver registered; `None` for a driver of another kind.
    ///
    /// # Errors
    /// [`MachineError::NoSuchDriver`].
    pub fn registration(&self, driver: DriverId) -> Result<Option<Registration>, MachineError> {
        let index = self.index_of(driver)?;
        Ok(ndis::registration(self.drivers[index].driver.object))
    }

    /// The calls of NdisMSetMiniportAttributes, in order.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn attributes_calls(&self, adapter: AdapterId) -> Result<Vec<AttributesCall>, MachineError> {
        self.look(adapter, ndis::attributes_calls)
    }

    /// The OIDs that the adapter says it supports.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn supported_oids(&self, adapter: AdapterId) -> Result<Vec<u32>, MachineError> {
        self.look(adapter, ndis::supported_oids)
    }

    /// The NDK attributes as they were given; `None` if they were not.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn ndk_attributes(&self, adapter: AdapterId) -> Result<Option<NdkAttributes>, MachineError> {
        self.look(adapter, ndis::ndk_attributes)
    }

    /// The capabilities and the info where the miniport keeps them, read now.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn ndk_capabilities_now(
        &self,
        adapter: AdapterId,
    ) -> Result<Option<(NDIS_NDK_CAPABILITIES, NDK_ADAPTER_INFO)>, MachineError> {
        self.look(adapter, ndis::ndk_capabilities_now)
    }

    /// What a protocol that binds now is told of NDK.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn ndk_binding(&self, adapter: AdapterId) -> Result<NdkBinding, MachineError> {
        self.look(adapter, ndis::ndk_binding)
    }

    /// GUID_NDIS_NDK_STATE.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn wmi_ndk_state(&self, adapter: AdapterId) -> Result<bool, MachineError> {
        self.look(adapter, ndis::wmi_ndk_state)
    }

    /// GUID_NDIS_NDK_CAPABILITIES.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn wmi_ndk_capabilities(&self, adapter: AdapterId) -> Result<Option<NDIS_WMI_NDK_CAPABILITIES>, MachineError> {
        self.look(adapter, ndis::wmi_ndk_capabilities)
    }

    /// The NDK events that the adapter has raised, in order.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn ndk_events(&self, adapter: AdapterId) -> Result<Vec<NdkEvent>, MachineError> {
        self.look(adapter, ndis::ndk_events)
    }

    /// How many NDK adapters are open on the interface.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn open_ndk_adapters(&self, adapter: AdapterId) -> Result<usize, MachineError> {
        self.look(adapter, ndis::open_ndk_adapters)
    }

    /// How many OID requests have gone to the miniport.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn oid_requests(&self, adapter: AdapterId) -> Result<u64, MachineError> {
        self.look(adapter, ndis::oid_requests)
    }

    /// The keywords that the miniport has asked for, in order, with repetitions.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn keywords_read(&self, adapter: AdapterId) -> Result<Vec<String>, MachineError> {
        self.look(adapter, ndis::keywords_read)
    }

    /// Changes a keyword while the adapter runs, without telling it; `None` deletes it.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn set_keyword(&self, adapter: AdapterId, name: &str, value: Option<Keyword>) -> Result<(), MachineError> {
        self.look(adapter, |id| ndis::set_keyword(id, name, value))
    }

    /// Sends a direct OID query, at DISPATCH_LEVEL and beside any other request.
    ///
    /// # Errors
    /// As for [`Machine::query_oid`].
    pub fn query_direct_oid(&self, adapter: AdapterId, oid: u32, capacity: usize) -> Result<OidAnswer, MachineError> {
        self.look(adapter, |id| ndis::query_direct(id, oid, capacity))
    }

    /// Calls OpenNDKAdapterHandler with any parameters, whatever NDIS thinks of the NDK state.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`]; a failing status is an answer.
    pub fn open_ndk(
        &self,
        adapter: AdapterId,
        parameters: NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
    ) -> Result<(i32, Option<NdkOpen>), MachineError> {
        self.look(adapter, |id| ndis::open_ndk(id, parameters))
    }

    /// Tells the miniport that its device is gone; [`Machine::remove_adapter`] halts it later.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn announce_surprise_removal(&self, adapter: AdapterId) -> Result<(), MachineError> {
        self.look(adapter, ndis::announce_surprise_removal)
    }

    /// Sends a regular OID request of any kind.
    ///
    /// # Errors
    /// As for [`Machine::query_oid`].
    pub fn oid_request(&self, adapter: AdapterId, oid: u32, what: OidRequest<'_>) -> Result<OidAnswer, MachineError> {
        self.look(adapter, |id| ndis::oid_request(id, oid, what))
    }

    /// The general attributes as they were given; pointers in them are not to be followed.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn general_attributes(
        &self,
        adapter: AdapterId,
    ) -> Result<Option<NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES>, MachineError> {
        self.look(adapter, ndis::general_attributes)
    }

    /// The statuses that the adapter has indicated, in order.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn indications(&self, adapter: AdapterId) -> Result<Vec<i32>, MachineError> {
        self.look(adapter, ndis::indications)
    }

    /// Calls MiniportDevicePnPEventNotify with any event.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn device_event(&self, adapter: AdapterId, event: i32) -> Result<(), MachineError> {
        self.look(adapter, |id| ndis::device_event(id, event))
    }

    /// Calls MiniportShutdownEx, as at a system shutdown.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn shut_adapter_down(&self, adapter: AdapterId) -> Result<(), MachineError> {
        self.look(adapter, ndis::shutdown)
    }

    /// Looks at an adapter from any thread, also while it is removed, and afterwards.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn watch(&self, adapter: AdapterId) -> Result<Watch, MachineError> {
        self.look(adapter, ndis::watch)
    }

    /// What a driver owns now: the kind of each object and its size and tag, or what else is known; sorted.
    ///
    /// # Errors
    /// [`MachineError::NoSuchDriver`].
    pub fn holdings(&self, driver: DriverId) -> Result<Vec<(String, String)>, MachineError> {
        let index = self.index_of(driver)?;
        let owned = Kernel::get().leaks_of(self.drivers[index].driver.image.id);
        let mut holdings: Vec<_> = owned.into_iter().map(|owned| (owned.kind.to_owned(), owned.detail)).collect();
        holdings.sort();
        Ok(holdings)
    }

    /// From now on counts the calls that can fail and that a driver makes, and lets the one with this number (from 0)
    /// fail; until [`faults::set_chooser`] ends it.
    ///
    /// # Errors
    /// [`MachineError::NoSuchDriver`].
    pub fn fail_call_of(&self, driver: DriverId, number: usize) -> Result<Arc<AtomicUsize>, MachineError> {
        let image = self.drivers[self.index_of(driver)?].driver.image;
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        faults::set_chooser(Some(Box::new(move |_| {
            image.contains(crate::context::current().caller()) && counted.fetch_add(1, Ordering::Relaxed) == number
        })));
        Ok(calls)
    }

    fn look<T>(
        &self,
        adapter: AdapterId,
        what: impl FnOnce(ndis::AdapterId) -> Result<T, NdisError>,
    ) -> Result<T, MachineError> {
        self.adapter(adapter)?.look(what)
    }
}
