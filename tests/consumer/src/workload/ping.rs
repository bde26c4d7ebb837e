//! `ping`: messages go to and fro, over both families, within one adapter and between two.

use crate::{
    ndk::{End, Family, Pair, PairOptions, Place, Region},
    run::{Failure, Result, Run},
    workload::{Job, Workload},
};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_RESULT_EX, NdkOperationTypeReceive, NdkOperationTypeSend,
    STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};
use ndktest_api as api;

pub static WORKLOAD: Workload = Workload {
    name: "ping",
    description: "send and receive to and fro: IPv4 and IPv6, one adapter and two",
    adapters: 1,
    file: file!(),
    run,
};

const LARGEST: usize = 8192;
const SIZES: [usize; 6] = [1, 8, 64, 1000, 4096, LARGEST];

fn run(job: &Job, outcome: &mut api::Outcome) -> Result {
    let rounds = if job.run.request.rounds == 0 { 100 } else { job.run.request.rounds };
    let mut ran = 0;
    for place in [Place::Same, Place::Across] {
        for family in Family::ALL {
            let options = PairOptions { place, family, ..PairOptions::default() };
            let Some(pair) = Pair::connect(job.run, job.provider, &options)? else {
                continue;
            };
            let version = pair.active.adapter.version();
            (outcome.major, outcome.minor) = (version.Major, version.Minor);
            outcome.bytes += play(job.run, &pair, rounds)?;
            ran += 1;
        }
    }
    if ran == 0 {
        return Err(Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER));
    }
    Ok(())
}

/// Buffers of one end: what it sends, and where it receives.
struct Player<'a> {
    end: &'a End,
    out: Region,
    into: Region,
}

impl<'a> Player<'a> {
    fn new(end: &'a End) -> Result<Self> {
        Ok(Self {
            end,
            out: Region::new(&end.pd, LARGEST, 0)?,
            into: Region::new(&end.pd, LARGEST, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?,
        })
    }

    fn await_message(&self, run: &Run, round: usize) -> Result {
        run.ok(self.end.qp.receive(round, &[self.into.sge(0, LARGEST)]), "WR-01 NdkReceive")
    }

    fn send(&self, run: &Run, round: usize, size: usize) -> Result {
        run.ok(self.end.qp.send(round, &[self.out.sge(0, size)], 0), "WR-01 NdkSend")
    }

    /// Takes the message and the result of the own send, if there was one.
    fn take(&self, run: &Run, round: usize, size: usize, sent: bool) -> Result {
        let result = self.end.received.expect(round, STATUS_SUCCESS, "RCV-01 a message arrives")?;
        run.equal(result.BytesTransferred, size, "RCV-02 the length of the message")?;
        kind(run, &result, NdkOperationTypeReceive)?;
        if sent {
            let result = self.end.initiated.expect(round, STATUS_SUCCESS, "SND-03 a send completes")?;
            kind(run, &result, NdkOperationTypeSend)?;
        }
        Ok(())
    }
}

fn kind(run: &Run, result: &NDK_RESULT_EX, wanted: ndkpi_sys::NDK_OPERATION_TYPE) -> Result {
    run.equal(result.Type.cast_unsigned(), wanted.cast_unsigned(), "CQ-45 the type of a result")
}

fn play(run: &Run, pair: &Pair, rounds: u32) -> Result<u64> {
    // Declared after the pair, hence dropped before it: registrations end while the connection stands.
    let active = Player::new(&pair.active)?;
    let passive = Player::new(&pair.passive)?;
    let mut random = run.random(1);
    let mut bytes = 0;
    for round in 1..=rounds as usize {
        run.go_on()?;
        let size = SIZES.get(round % SIZES.len()).copied().unwrap_or(LARGEST);
        let first = random.next().to_le_bytes();
        active.out.buffer().write(0, &first);
        passive.await_message(run, round)?;
        active.await_message(run, round)?;
        active.send(run, round, size)?;
        passive.take(run, round, size, false)?;
        // The answer is the message with every byte turned over.
        answer(&passive, size);
        passive.send(run, round, size)?;
        active.take(run, round, size, true)?;
        run.ok(
            passive.end.initiated.expect(round, STATUS_SUCCESS, "SND-03 a send completes")?.Status,
            "SND-03 a send completes",
        )?;
        compare(run, &active, size)?;
        bytes += 2 * size as u64;
        run.advance(1);
    }
    run.equal(pair.active.received.overlaps(), 0u32, "CQ-23 notifications of one CQ never overlap")?;
    Ok(bytes)
}

fn answer(player: &Player, size: usize) {
    let mut at = 0;
    player.into.buffer().for_each(0, size, |bytes| {
        for byte in bytes {
            player.out.buffer().write(at, &[!byte]);
            at += 1;
        }
    });
}

fn compare(run: &Run, player: &Player, size: usize) -> Result {
    let mut at = 0;
    let mut wrong = 0u32;
    player.into.buffer().for_each(0, size, |bytes| {
        for byte in bytes {
            let mut own = [0];
            player.out.buffer().read(at, &mut own);
            wrong += u32::from(own != [!byte]);
            at += 1;
        }
    });
    run.equal(wrong, 0u32, "SND-01 the bytes come as they were sent")
}
