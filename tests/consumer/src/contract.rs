//! The contract as tests: one for each requirement ID, under the ID's name (`docs/contract/ndkpi.md`).
//!
//! The tests stand in `tests/contract/`, one file for each object, and are compiled into this driver.
//! They see the provider through NDKPI only, as any consumer does, and so run on Windows by the same
//! control codes. Each opens what it needs and leaves nothing open.

use crate::workload::Workload;

/// Defines the tests of a file and its list of them:
/// ```ignore
/// contract! {
///     "CQ-02" cq_02, "a depth above MaxCqDepth is refused";
/// }
/// fn cq_02(job: &Job) -> Result { .. }
/// ```
macro_rules! contract {
    ($($id:literal $function:ident, $what:literal;)*) => {
        /// The tests of this file.
        pub static TESTS: &[$crate::workload::Workload] = &[$(
            $crate::workload::Workload {
                name: $id,
                description: $what,
                adapters: 1,
                file: file!(),
                run: |job, _| $function(job),
            },
        )*];
    };
}
#[path = "../../contract/adapter.rs"]
mod adapter;
#[path = "../../contract/adapter_info.rs"]
mod adapter_info;
#[path = "../../contract/address.rs"]
mod address;
#[path = "../../contract/bed.rs"]
mod bed;
#[path = "../../contract/bind.rs"]
mod bind;
#[path = "../../contract/completion.rs"]
mod completion;
#[path = "../../contract/completion_callback.rs"]
mod completion_callback;
#[path = "../../contract/connector.rs"]
mod connector;
#[path = "../../contract/connector_accept.rs"]
mod connector_accept;
#[path = "../../contract/connector_address.rs"]
mod connector_address;
#[path = "../../contract/connector_complete.rs"]
mod connector_complete;
#[path = "../../contract/connector_connect.rs"]
mod connector_connect;
#[path = "../../contract/connector_data.rs"]
mod connector_data;
#[path = "../../contract/connector_end.rs"]
mod connector_end;
#[path = "../../contract/connector_event.rs"]
mod connector_event;
#[path = "../../contract/cq.rs"]
mod cq;
#[path = "../../contract/cq_affinity.rs"]
mod cq_affinity;
#[path = "../../contract/cq_arm.rs"]
mod cq_arm;
#[path = "../../contract/cq_callback.rs"]
mod cq_callback;
#[path = "../../contract/cq_fail.rs"]
mod cq_fail;
#[path = "../../contract/cq_fetch.rs"]
mod cq_fetch;
#[path = "../../contract/cq_moderate.rs"]
mod cq_moderate;
#[path = "../../contract/cq_resize.rs"]
mod cq_resize;
#[path = "../../contract/endpoint.rs"]
mod endpoint;
#[path = "../../contract/ends.rs"]
mod ends;
#[path = "../../contract/fast_register.rs"]
mod fast_register;
#[path = "../../contract/fast_register_refuse.rs"]
mod fast_register_refuse;
#[path = "../../contract/fast_register_use.rs"]
mod fast_register_use;
#[path = "../../contract/flags.rs"]
mod flags;
#[path = "../../contract/flags_defer.rs"]
mod flags_defer;
#[path = "../../contract/flags_inline.rs"]
mod flags_inline;
#[path = "../../contract/flush.rs"]
mod flush;
#[path = "../../contract/habits_connect.rs"]
mod habits_connect;
#[path = "../../contract/habits_memory.rs"]
mod habits_memory;
#[path = "../../contract/habits_open.rs"]
mod habits_open;
#[path = "../../contract/habits_queue.rs"]
mod habits_queue;
#[path = "../../contract/header.rs"]
mod header;
#[path = "../../contract/invalidate.rs"]
mod invalidate;
#[path = "../../contract/invalidate_race.rs"]
mod invalidate_race;
#[path = "../../contract/irql.rs"]
mod irql;
#[path = "../../contract/lam.rs"]
mod lam;
#[path = "../../contract/lam_locked.rs"]
mod lam_locked;
#[path = "../../contract/lam_use.rs"]
mod lam_use;
#[path = "../../contract/lifetime.rs"]
mod lifetime;
#[path = "../../contract/lifetime_close.rs"]
mod lifetime_close;
#[path = "../../contract/lifetime_tree.rs"]
mod lifetime_tree;
#[path = "../../contract/lines.rs"]
mod lines;
#[path = "../../contract/listener.rs"]
mod listener;
#[path = "../../contract/listener_end.rs"]
mod listener_end;
#[path = "../../contract/mapped.rs"]
mod mapped;
#[path = "../../contract/mr.rs"]
mod mr;
#[path = "../../contract/mr_fast.rs"]
mod mr_fast;
#[path = "../../contract/mr_token.rs"]
mod mr_token;
#[path = "../../contract/mw.rs"]
mod mw;
#[path = "../../contract/negative_access.rs"]
mod negative_access;
#[path = "../../contract/negative_close.rs"]
mod negative_close;
#[path = "../../contract/negative_queue.rs"]
mod negative_queue;
#[path = "../../contract/negative_state.rs"]
mod negative_state;
#[path = "../../contract/objects.rs"]
mod objects;
#[path = "../../contract/pages.rs"]
mod pages;
#[path = "../../contract/pd.rs"]
mod pd;
#[path = "../../contract/ports.rs"]
mod ports;
#[path = "../../contract/probe.rs"]
mod probe;
#[path = "../../contract/qp.rs"]
mod qp;
#[path = "../../contract/rdma.rs"]
mod rdma;
#[path = "../../contract/rdma_write.rs"]
mod rdma_write;
#[path = "../../contract/reentry.rs"]
mod reentry;
#[path = "../../contract/regions_parallel.rs"]
mod regions_parallel;
#[path = "../../contract/send.rs"]
mod send;
#[path = "../../contract/sequence.rs"]
mod sequence;
#[path = "../../contract/sequence_world.rs"]
mod sequence_world;
#[path = "../../contract/srq.rs"]
mod srq;
#[path = "../../contract/srq_modify.rs"]
mod srq_modify;
#[path = "../../contract/srq_receive.rs"]
mod srq_receive;
#[path = "../../contract/stage.rs"]
mod stage;
#[path = "../../contract/version.rs"]
mod version;
#[path = "../../contract/version_mixed.rs"]
mod version_mixed;
#[path = "../../contract/version_tables.rs"]
mod version_tables;
#[path = "../../contract/windows.rs"]
mod windows;
#[path = "../../contract/witness.rs"]
mod witness;
#[path = "../../contract/work.rs"]
mod work;
#[path = "../../contract/work_help.rs"]
mod work_help;
#[path = "../../contract/work_order.rs"]
mod work_order;
#[path = "../../contract/work_shared.rs"]
mod work_shared;
#[path = "../../contract/work_state.rs"]
mod work_state;

#[path = "../../contract/ndis/consumer/address.rs"]
mod ndis_address;
#[path = "../../contract/ndis/consumer/hold.rs"]
mod ndis_hold;
#[path = "../../contract/ndis/consumer/links.rs"]
mod ndis_links;
#[path = "../../contract/ndis/consumer/memory.rs"]
mod ndis_memory;
#[path = "../../contract/ndis/consumer/names.rs"]
mod ndis_names;
#[path = "../../contract/ndis/consumer/octets.rs"]
mod ndis_octets;
#[path = "../../contract/ndis/consumer/quota.rs"]
mod ndis_quota;
#[path = "../../contract/ndis/consumer/removal.rs"]
mod ndis_removal;

/// The lists of all files.
static FILES: &[&[Workload]] = &[
    adapter::TESTS,
    adapter_info::TESTS,
    address::TESTS,
    bind::TESTS,
    completion::TESTS,
    completion_callback::TESTS,
    connector::TESTS,
    connector_accept::TESTS,
    connector_address::TESTS,
    connector_complete::TESTS,
    connector_connect::TESTS,
    connector_data::TESTS,
    connector_end::TESTS,
    connector_event::TESTS,
    cq::TESTS,
    cq_affinity::TESTS,
    cq_arm::TESTS,
    cq_callback::TESTS,
    cq_fail::TESTS,
    cq_fetch::TESTS,
    cq_moderate::TESTS,
    cq_resize::TESTS,
    endpoint::TESTS,
    fast_register::TESTS,
    fast_register_refuse::TESTS,
    fast_register_use::TESTS,
    flags::TESTS,
    flags_defer::TESTS,
    flags_inline::TESTS,
    flush::TESTS,
    habits_connect::TESTS,
    habits_memory::TESTS,
    habits_open::TESTS,
    habits_queue::TESTS,
    header::TESTS,
    invalidate::TESTS,
    invalidate_race::TESTS,
    irql::TESTS,
    lam::TESTS,
    lam_use::TESTS,
    lifetime::TESTS,
    lifetime_close::TESTS,
    lifetime_tree::TESTS,
    listener::TESTS,
    listener_end::TESTS,
    mr::TESTS,
    mr_fast::TESTS,
    mr_token::TESTS,
    mw::TESTS,
    objects::TESTS,
    negative_access::TESTS,
    negative_close::TESTS,
    negative_queue::TESTS,
    negative_state::TESTS,
    pd::TESTS,
    ports::TESTS,
    qp::TESTS,
    rdma::TESTS,
    rdma_write::TESTS,
    reentry::TESTS,
    send::TESTS,
    sequence::TESTS,
    srq::TESTS,
    srq_modify::TESTS,
    srq_receive::TESTS,
    version::TESTS,
    version_mixed::TESTS,
    version_tables::TESTS,
    work::TESTS,
    work_shared::TESTS,
    work_order::TESTS,
    work_state::TESTS,
    ndis_address::TESTS,
    ndis_hold::TESTS,
    ndis_links::TESTS,
    ndis_memory::TESTS,
    ndis_names::TESTS,
    ndis_octets::TESTS,
    ndis_quota::TESTS,
    ndis_removal::TESTS,
];

/// All tests.
pub fn tests() -> impl Iterator<Item = &'static Workload> {
    FILES.iter().flat_map(|tests| tests.iter())
}
