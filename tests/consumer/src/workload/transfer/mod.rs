//! `transfer`: a file goes from client to server and back, in the way of SMB Direct.
//!
//! ```text
//! client (second adapter, or the first)            server (first adapter, own thread)
//!   connect, 8 bytes of read depths        ->        accept
//!   negotiate request                      ->
//!                                          <-        negotiate response, first credits
//!   begin: size, piece, window             ->
//!   offer: piece n, source and sink        ->
//!                                          <=        RDMA read of the source   (a window at a time)
//!                                                    SHA-256 in order
//!                                          =>        RDMA write to the sink
//!                                          <-        done: piece n
//!   SHA-256 in order
//!   end                                    ->
//!                                          <-        finish: SHA-256 of what was pulled
//! ```
//!
//! Every message carries credits: how many more messages the other side may send. Two windows of pieces
//! exist at the client and one at the server, whatever the size of the file.

mod channel;
mod client;
mod message;
mod server;

use crate::{
    kernel::{Buffer, Event, Lock, Shared, thread::Thread, time},
    ndk::Address,
    run::{Failure, Result, Run},
    workload::{Job, Workload},
    wsk::Provider,
};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use ndkpi_sys::{STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES};
use ndktest_api::{self as api, Phase};
use sha2::{Digest, Sha256};

pub static WORKLOAD: Workload = Workload {
    name: "transfer",
    description: "send a file to a server and back by RDMA read and write, as SMB Direct does",
    adapters: 1,
    file: file!(),
    run,
};

/// Sizes of a transfer, from the request.
#[derive(Clone, Copy)]
struct Plan {
    /// Bytes of a piece.
    piece: usize,
    /// Pieces outstanding at once.
    window: usize,
}

impl Plan {
    const LARGEST_WINDOW: usize = 32;

    fn of(request: &api::Request) -> Self {
        let piece = if request.piece == 0 { 1 << 20 } else { request.piece as usize };
        let window = if request.window == 0 { 8 } else { request.window as usize };
        Self { piece: piece.clamp(1, 16 << 20), window: window.clamp(1, Self::LARGEST_WINDOW) }
    }

    /// Receives that each side posts, and so grants. Fewer than two windows of offers: credits matter.
    fn credits(&self) -> usize {
        self.window + 2
    }

    /// Pieces of so many bytes.
    fn pieces(&self, bytes: u64) -> u64 {
        bytes.div_ceil(self.piece as u64)
    }
}

/// What both sides share besides the connection: where to connect, when to stop, and the clocks.
struct Stage {
    run: Run,
    provider: Provider,
    plan: Plan,
    /// Set when `address` is there, or the server has failed.
    ready: Event,
    address: Lock<Option<Address>>,
    failure: Lock<Option<Failure>>,
    pulled: Lock<Option<[u8; 32]>>,
    clocks: [AtomicU64; api::PHASES],
}

impl Stage {
    /// Adds to the time of a phase.
    fn spend(&self, phase: Phase, since: u64) {
        if let Some(clock) = self.clocks.get(phase as usize) {
            clock.fetch_add(time::now().wrapping_sub(since), Relaxed);
        }
    }

    /// Hashes bytes, and takes the time.
    fn hash(&self, hash: &mut Sha256, buffer: &Buffer, length: usize) {
        let since = time::now();
        buffer.for_each(0, length, |bytes| hash.update(bytes));
        self.spend(Phase::Hash, since);
    }
}

fn run(job: &Job, outcome: &mut api::Outcome) -> Result {
    let began = time::now();
    let stage = Shared::try_new(Stage {
        run: job.run.clone(),
        provider: job.provider.clone(),
        plan: Plan::of(&job.run.request),
        ready: Event::manual()?,
        address: Lock::new(None),
        failure: Lock::new(None),
        pulled: Lock::new(None),
        clocks: [const { AtomicU64::new(0) }; api::PHASES],
    })?;
    let server = Shared::try_new(server::Server(stage.clone()))?;
    let thread = Thread::start(server).map_err(|status| Failure::new("a system thread for the server", status))?;
    let client = client::run(&stage, job.path, outcome);
    if client.is_err() {
        // The server may be waiting for a message that does not come.
        stage.run.cancel.set();
    }
    // Waits for the server's end.
    drop(thread);
    stage.spend(Phase::Whole, began);
    for (target, clock) in outcome.nanoseconds.iter_mut().zip(&stage.clocks) {
        *target = clock.load(Relaxed);
    }
    outcome.pulled = stage.pulled.with(|pulled| *pulled).unwrap_or_default();
    verdict(&stage, client)?;
    job.run.check(outcome.pulled == outcome.source, "the server pulled what the client read")?;
    job.run.check(outcome.pushed == outcome.source, "the client got back what it had read")
}

/// Of two failures the one that is not a consequence of the other: of its cancelling, or of its lack of memory.
fn verdict(stage: &Stage, client: Result) -> Result {
    match (client, stage.failure.with(|failure| *failure)) {
        (Err(client), Some(server)) if client.status == STATUS_CANCELLED => Err(server),
        (Err(_), Some(server)) if server.status == STATUS_INSUFFICIENT_RESOURCES => Err(server),
        (Err(client), _) => Err(client),
        (Ok(()), Some(server)) => Err(server),
        (Ok(()), None) => Ok(()),
    }
}
