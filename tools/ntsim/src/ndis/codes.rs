//! The NDIS rules that are enforced, with the requirement IDs of `docs/contract/ndis.md`.

crate::codes! {
    /// NDIS was given a handle that it did not give out, or that is closed.
    NDIS_BAD_HANDLE = 0x7C;
    /// A driver registers as a miniport a second time (MP-REG-01).
    NDIS_REGISTERED_TWICE = 0x7C;
    /// Optional handlers are set outside MiniportSetOptions (MP-OPT-01).
    NDIS_OPTIONAL_HANDLERS_OUTSIDE_SET_OPTIONS = 0x7C;
    /// A miniport deregisters while it has adapters (MP-UNL-01).
    NDIS_DEREGISTERED_WITH_ADAPTERS = 0x7C;
    /// A miniport driver unloads without NdisMDeregisterMiniportDriver (MP-UNL-01).
    NDIS_NOT_DEREGISTERED = 0x7C;
    /// A structure given to NDIS has a wrong type, revision or size (MP-VER-02).
    NDIS_BAD_OBJECT_HEADER = 0x7C;
    /// Attributes are set outside MiniportInitializeEx or in a wrong order (MP-INIT-02, MP-INIT-03).
    NDIS_ATTRIBUTES_ORDER = 0x7C;
    /// A field of the attributes breaks its rule (MP-RATTR, MP-GEN, MP-NATTR).
    NDIS_BAD_ATTRIBUTES = 0x7C;
    /// MiniportInitializeEx succeeded without general attributes, or returned PENDING (MP-INIT-01, MP-INIT-03).
    NDIS_BAD_INITIALIZE = 0x7C;
    /// MiniportPause returned another status than success or PENDING (MP-PAUSE-01).
    NDIS_BAD_PAUSE_STATUS = 0x7C;
    /// MiniportRestart returned a status that it must not return (MP-REST-01).
    NDIS_BAD_RESTART_STATUS = 0x7C;
    /// A pause or restart is completed that is not pending (MP-PAUSE-03).
    NDIS_UNEXPECTED_COMPLETION = 0x7C;
    /// An adapter is paused while received or sent NBLs are still out (MP-PAUSE-01).
    NDIS_PAUSED_WITH_NBLS_OUT = 0x7C;
    /// An operation of an adapter does not end in time (MP-PAUSE-07, MP-OID-08, MP-TX-16).
    NDIS_TIMEOUT = 0xC4;
    /// An adapter halts and leaves NDIS resources of its own behind (MP-HALT-02).
    NDIS_LEFT_AT_HALT = 0x7C;
    /// An OID request is completed twice, or was never pending (MP-OID-02).
    NDIS_OID_DOUBLE_COMPLETE = 0xC4;
    /// An OID request is completed with PENDING, or SET_POWER or an NDK OID with a status it must not have (MP-PM-02, MP-NDKOID-01).
    NDIS_OID_BAD_STATUS = 0xC4;
    /// An OID handler claims to have written more than the buffer holds, or wrote beyond it (MP-OID-05).
    NDIS_OID_BAD_LENGTH = 0xC4;
    /// A status is indicated before the registration attributes, after the halt, or with a spin lock held (MP-LINK-04).
    NDIS_BAD_STATUS_INDICATION = 0x7C;
    /// NdisMNetPnPEvent is called from inside an OID request, or while one is pending (STATE-08, MP-NDKOID-02).
    NDIS_NET_PNP_EVENT_IN_OID = 0xC4;
    /// NdisMNetPnPEvent gives an event that this miniport may not raise, or with wrong fields (STATE-07, MP-NDKEV-01).
    NDIS_BAD_NET_PNP_EVENT = 0xC4;
    /// A completed or returned NBL was not owned by the side that gives it back (MP-TX-01, MP-RX-07).
    NDIS_NBL_NOT_OWNED = 0x7C;
    /// A receive indication in a state in which there is none (MP-RX-04).
    NDIS_INDICATE_IN_WRONG_STATE = 0x7C;
    /// NumberOfNetBufferLists is not the length of the list (MP-RX-05).
    NDIS_WRONG_NBL_COUNT = 0x7C;
    /// A received NBL breaks a rule: SourceHandle, frame size, number of NET_BUFFERs (MP-RX-02, MP-RX-03).
    NDIS_BAD_RECEIVE_NBL = 0x7C;
    /// The DISPATCH_LEVEL flag of a call does not agree with the IRQL (MP-TX-15, DV-11).
    NDIS_FLAGS_IRQL = 0xC4;
    /// NDIS is called with a spin lock held that its callbacks may want (MP-TX-14, MP-RX-12).
    NDIS_CALLED_WITH_LOCK = 0xC4;
    /// A pool is freed while its NBLs or NBs are out, or gets one back that is not its own (MP-NBL-03).
    NDIS_POOL_MISUSE = 0x7C;
    /// A NET_BUFFER's offsets and MDLs do not agree (MP-NBL-02).
    NDIS_BAD_NET_BUFFER = 0x7C;
    /// A pool tag is not four printable characters (MP-NBL-05).
    NDIS_BAD_TAG = 0xC4;
    /// An NDIS timer object is freed while set, or cancelled at a wrong IRQL (MP-HALT-05, KP-TMR-02).
    NDIS_TIMER_MISUSE = 0xC4;
    /// An NDIS work item is queued twice or freed while queued (KP-WI-01).
    NDIS_WORK_ITEM_MISUSE = 0xC4;
    /// NdisMSleep or NdisStallExecution for longer than allowed, or a bad length (KP-TMR-04).
    NDIS_BAD_PARAMETER = 0xC4;
    /// A read-write lock is misused: recursion, release of what is not held (KP-LOCK-08).
    NDIS_RW_LOCK_MISUSE = 0xC4;
}
