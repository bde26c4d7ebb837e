//! A healthy connection beside one that comes to grief: of the same opens and domains, with queues of its own.

use super::{
    stage::{Joined, join},
    work_help::{LOCAL, REMOTE, each_with, holds, only, pattern},
};
use crate::{
    ndk::{Cq, Pair, PairOptions, Qp, Region},
    run::{Result, Run},
    workload::Job,
};
use ndkpi_sys::STATUS_SUCCESS;

const LENGTH: usize = 256;

/// One end of it.
struct Side {
    // Fields drop in this order.
    qp: Qp,
    cq: Cq,
    source: Region,
    sink: Region,
    shared: Region,
}

impl Side {
    #[track_caller]
    fn new(end: &crate::ndk::End) -> Result<Self> {
        let cq = end.adapter.cq(64)?;
        Ok(Self {
            qp: end.pd.qp(&cq)?,
            cq,
            source: Region::new(&end.pd, LENGTH, 0)?,
            sink: Region::new(&end.pd, LENGTH, LOCAL)?,
            shared: Region::new(&end.pd, LENGTH, REMOTE)?,
        })
    }
}

/// The connection that nothing may disturb.
pub struct Witness {
    joined: Joined,
    near: Side,
    far: Side,
}

impl Witness {
    /// Connects two QPs of the pair's domains.
    #[track_caller]
    pub fn new(job: &Job, pair: &Pair) -> Result<Self> {
        let (near, far) = (Side::new(&pair.active)?, Side::new(&pair.passive)?);
        let joined = join(job, (&pair.active.adapter, &near.qp), (&pair.passive.adapter, &far.qp))?;
        let witness = Self { joined, near, far };
        witness.well()?;
        Ok(witness)
    }

    /// Expects that messages, writes and reads go both ways, and that nothing has been heard of an end.
    #[track_caller]
    pub fn well(&self) -> Result {
        for (seed, from, to) in [(1, &self.near, &self.far), (2, &self.far, &self.near)] {
            exchange(from, to, seed)?;
        }
        let gone = self.joined.active.disconnects() + self.joined.passive.disconnects();
        self.near.qp.run().equal(gone, 0u32, "NEG no other connection is disturbed")
    }
}

/// A message, a write and a read that fetches what was written.
#[track_caller]
fn exchange(from: &Side, to: &Side, seed: usize) -> Result {
    let run = from.qp.run();
    pattern(from.source.buffer(), 0, LENGTH, seed);
    for side in [from, to] {
        side.sink.buffer().fill(0, LENGTH, 0);
    }
    let (remote, token) = (to.shared.remote(0), to.shared.remote_token());
    run.ok(to.qp.receive(1, &[to.sink.sge(0, LENGTH)]), "NEG the healthy connection receives")?;
    run.ok(from.qp.write(2, &[from.source.sge(0, LENGTH)], remote, token, 0), "NEG it writes")?;
    run.ok(from.qp.read(3, &[from.sink.sge(0, LENGTH)], remote, token, 0), "NEG it reads")?;
    run.ok(from.qp.send(4, &[from.source.sge(0, LENGTH)], 0), "NEG it sends")?;
    for context in 2..5 {
        from.cq.expect(context, STATUS_SUCCESS, "NEG the healthy connection's requests succeed")?;
    }
    to.cq.expect(1, STATUS_SUCCESS, "NEG its message arrives")?;
    holds(run, to.sink.buffer(), 0, LENGTH, (seed, 0), "NEG with its bytes")?;
    holds(run, from.sink.buffer(), 0, LENGTH, (seed, 0), "NEG and what was read is what was written")
}

/// Runs a test with a pair that comes to grief, on one adapter and across two, and looks at another one after.
pub fn beside(job: &Job, test: impl Fn(&Run, &Pair) -> Result) -> Result {
    beside_with(job, &PairOptions::default(), test)
}

/// The same with options of the test's own.
pub fn beside_with(job: &Job, options: &PairOptions, test: impl Fn(&Run, &Pair) -> Result) -> Result {
    each_with(job, options, |run, pair| {
        let witness = Witness::new(job, &pair)?;
        test(run, &pair)?;
        witness.well()?;
        drop(pair);
        witness.well()
    })
}

/// Memory that the peer must not touch: expects a piece to hold one value.
#[track_caller]
pub fn untouched(run: &Run, region: &Region, value: u8) -> Result {
    only(run, region.buffer(), 0, region.buffer().len(), value, "NEG no byte changes")
}
