//! `CQ-06`: on which processor a notification runs.

use super::stage::{Probe, adapter};
use crate::{
    kernel::Shared,
    ndk::{Cq, Qp, nothing},
    run::Result,
    workload::Job,
};
use core::sync::atomic::Ordering;
use ndkpi_sys::{GROUP_AFFINITY, NDK_CQ_NOTIFY_ANY, NDK_RESULT_EX, ULONG};
use wdk_sys::{
    PROCESSOR_NUMBER,
    ntddk::{KeGetCurrentProcessorNumberEx, KeQueryActiveProcessorCountEx},
};

contract! {
    "CQ-06" cq_06, "with a usable affinity a notification runs on a processor of the set";
}

/// The processor that this runs on, at DISPATCH_LEVEL: group and number, plus one so that it is never 0.
fn here() -> u32 {
    let mut number = PROCESSOR_NUMBER::default();
    // SAFETY: the output is a local.
    unsafe { KeGetCurrentProcessorNumberEx(&mut number) };
    ((u32::from(number.Group) << 8) | u32::from(number.Number)).wrapping_add(1)
}

fn cq_06(job: &Job) -> Result {
    // SAFETY: takes a group number.
    let processors = unsafe { KeQueryActiveProcessorCountEx(0) }.min(64);
    job.run.check(processors > 0, "a processor")?;
    let all = u64::MAX >> (64 - processors);
    for number in 0..processors {
        notifies_on(job, 1 << number)?;
        // With one that is not there.
        notifies_on(job, (1 << number) | (!all & (1 << 63)))?;
    }
    notifies_on(job, all)?;
    notifies_on(job, all & 0xAAAA_AAAA_AAAA_AAAA)
}

/// Expects all notifications of some CQs on processors of group 0 that the mask names.
fn notifies_on(job: &Job, mask: u64) -> Result {
    if mask == 0 {
        return Ok(());
    }
    let probe = Probe::new(|probe, _| probe.count.store(here(), Ordering::Release))?;
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    for _ in 0..3 {
        let affinity = GROUP_AFFINITY { Mask: mask, ..GROUP_AFFINITY::default() };
        let cq = adapter.create_cq_on(16, Probe::notify(&probe), Some(affinity))?.ok("CQ-05 NdkCreateCq")?;
        let qp = pd.qp(&cq)?;
        for round in 0..4 {
            // Once held back by moderation, which a timer ends.
            let interval: ULONG = if round == 3 { 500 } else { 0 };
            let count: ULONG = if round == 3 { ULONG::MAX } else { 0 };
            job.run.ok(cq.moderate(interval, count), "CQ-61 moderation")?;
            notified(job, &cq, &qp, &probe)?;
            let ran = probe.count.load(Ordering::Acquire).wrapping_sub(1);
            job.run.check(ran < 64 && mask & (1 << ran) != 0, "CQ-06 on a processor of the set")?;
        }
    }
    Ok(())
}

/// Has the CQ notify once.
fn notified(job: &Job, cq: &Cq, qp: &Qp, probe: &Shared<Probe>) -> Result {
    cq.arm(NDK_CQ_NOTIFY_ANY);
    job.run.ok(qp.receive(1, &nothing()), "WR-12 a receive before any connection")?;
    qp.flush();
    job.run.wait(&probe.event, "CQ-11 an armed CQ notifies")?;
    let mut result = [NDK_RESULT_EX::default()];
    job.run.equal(cq.poll_ex(&mut result), 1usize, "FLUSH-01 the receive completes")
}
