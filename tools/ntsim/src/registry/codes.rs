//! The rules of the registry routines.

crate::codes! {
    /// RtlQueryRegistryValues writes straight into a variable only with its type checked.
    REGISTRY_DIRECT_WITHOUT_TYPE_CHECK = 0x135;
}
