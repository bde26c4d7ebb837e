//! `rdma`: reads and writes of patterns in every shape, and what happens with a wrong token.

use crate::{
    ndk::{End, Family, Pair, PairOptions, Place, Region, nothing},
    run::{Failure, Result, Run},
    workload::{Job, Workload},
};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_MR_FLAG_ALLOW_REMOTE_WRITE, NDK_OPERATION_TYPE,
    NDK_SGE, NdkOperationTypeRead, NdkOperationTypeWrite, STATUS_CANCELLED, STATUS_INVALID_PARAMETER,
    STATUS_REMOTE_RESOURCES, STATUS_SUCCESS,
};
use ndktest_api as api;

pub static WORKLOAD: Workload = Workload {
    name: "rdma",
    description: "read and write patterns: multi-SGE, unaligned, zero bytes, wrong tokens",
    adapters: 1,
    file: file!(),
    run,
};

const SIZE: usize = 256 * 1024;
const GUARD: u8 = 0xEE;

/// One transfer: pieces of local memory, and where the other side begins.
struct Shape {
    pieces: &'static [(usize, usize)],
    remote: usize,
}

const SHAPES: [Shape; 9] = [
    Shape { pieces: &[(0, 1)], remote: 0 },
    Shape { pieces: &[(0, 4096)], remote: 0 },
    Shape { pieces: &[(1, 4095)], remote: 3 },
    Shape { pieces: &[(4095, 2), (7, 1), (8192, 4097)], remote: 5 },
    Shape { pieces: &[(0, 0), (100, 50), (200, 0), (300, 7)], remote: 4090 },
    Shape { pieces: &[(65_535, 65_537)], remote: 1 },
    Shape { pieces: &[(0, 65_536), (131_072, 65_536)], remote: 65_536 },
    Shape { pieces: &[(0, SIZE)], remote: 0 },
    Shape { pieces: &[(SIZE - 1, 1)], remote: SIZE - 1 },
];

impl Shape {
    fn length(&self) -> usize {
        self.pieces.iter().map(|(_, length)| length).sum()
    }
}

fn run(job: &Job, outcome: &mut api::Outcome) -> Result {
    let mut ran = 0;
    for place in [Place::Same, Place::Across] {
        for family in Family::ALL {
            let options = PairOptions { place, family, ..PairOptions::default() };
            let Some(pair) = Pair::connect(job.run, job.provider, &options)? else {
                continue;
            };
            let version = pair.active.adapter.version();
            (outcome.major, outcome.minor) = (version.Major, version.Minor);
            outcome.bytes += patterns(job.run, &pair)?;
            drop(pair);
            for wrong in WRONG {
                let Some(pair) = Pair::connect(job.run, job.provider, &options)? else {
                    continue;
                };
                refused(job.run, &pair, wrong)?;
            }
            ran += 1;
        }
    }
    if ran == 0 {
        return Err(Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER));
    }
    Ok(())
}

fn patterns(run: &Run, pair: &Pair) -> Result<u64> {
    let local = Region::new(&pair.active.pd, SIZE, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    let remote_flags = NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE;
    let remote = Region::new(&pair.passive.pd, SIZE, remote_flags)?;
    let mut bytes = 0;
    for (number, shape) in SHAPES.iter().enumerate() {
        run.go_on()?;
        read(run, &pair.active, &local, &remote, shape, number)?;
        write(run, &pair.active, &local, &remote, shape, number)?;
        bytes += 2 * shape.length() as u64;
        run.advance(1);
    }
    zero_bytes(run, &pair.active)?;
    run.equal(
        pair.passive.received.poll_ex(&mut [ndkpi_sys::NDK_RESULT_EX::default()]),
        0usize,
        "RCV-05 no completion at the target",
    )?;
    Ok(bytes)
}

fn entries(local: &Region, shape: &Shape) -> ([NDK_SGE; 4], usize) {
    let mut entries = [local.sge(0, 0); 4];
    let mut count = 0;
    for (entry, (offset, length)) in entries.iter_mut().zip(shape.pieces) {
        *entry = local.sge(*offset, *length);
        count += 1;
    }
    (entries, count)
}

fn read(run: &Run, end: &End, local: &Region, remote: &Region, shape: &Shape, number: usize) -> Result {
    pattern(run, remote, number);
    local.buffer().fill(0, SIZE, GUARD);
    let (entries, count) = entries(local, shape);
    let entries = entries.get(..count).unwrap_or(&[]);
    let status = end.qp.read(number, entries, remote.remote(shape.remote), remote.remote_token(), 0);
    run.ok(status, "WR-01 NdkRead")?;
    done(run, end, number, NdkOperationTypeRead)?;
    same(run, local, remote, shape)?;
    untouched(run, local, shape.pieces)
}

fn write(run: &Run, end: &End, local: &Region, remote: &Region, shape: &Shape, number: usize) -> Result {
    pattern(run, local, number + 100);
    remote.buffer().fill(0, SIZE, GUARD);
    let (entries, count) = entries(local, shape);
    let entries = entries.get(..count).unwrap_or(&[]);
    let status = end.qp.write(number, entries, remote.remote(shape.remote), remote.remote_token(), 0);
    run.ok(status, "WR-01 NdkWrite")?;
    done(run, end, number, NdkOperationTypeWrite)?;
    // A read that follows makes sure of the placement (WRT-05).
    run.ok(end.qp.read(number, &nothing(), 0, 0, 0), "RD-03 a read of zero bytes")?;
    done(run, end, number, NdkOperationTypeRead)?;
    same(run, local, remote, shape)?;
    untouched(run, remote, &[(shape.remote, shape.length())])
}

fn zero_bytes(run: &Run, end: &End) -> Result {
    run.ok(end.qp.write(1, &nothing(), 0, 0, 0), "WRT-03 a write of zero bytes")?;
    done(run, end, 1, NdkOperationTypeWrite)?;
    run.ok(end.qp.read(2, &nothing(), 1, 0xFFFF_FFFF, 0), "RD-03 a read of zero bytes, whatever token")?;
    done(run, end, 2, NdkOperationTypeRead)
}

fn done(run: &Run, end: &End, context: usize, kind: NDK_OPERATION_TYPE) -> Result {
    let result = end.initiated.expect(context, STATUS_SUCCESS, "RD-01, WRT-01 the request succeeds")?;
    run.equal(result.Type.cast_unsigned(), kind.cast_unsigned(), "CQ-45 the type of a result")
}

/// A byte that tells its place: no two shifts of the pattern agree.
fn byte_at(seed: u64, at: usize) -> u8 {
    let mixed = (at as u64 ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 56) as u8
}

fn pattern(run: &Run, region: &Region, number: usize) {
    let seed = run.request.seed.wrapping_add(number as u64);
    let mut chunk = [0u8; 512];
    for start in (0..SIZE).step_by(512) {
        for (place, byte) in chunk.iter_mut().enumerate() {
            *byte = byte_at(seed, start + place);
        }
        region.buffer().write(start, &chunk);
    }
}

/// The local pieces, one after the other, are the remote range.
fn same(run: &Run, local: &Region, remote: &Region, shape: &Shape) -> Result {
    let mut at = shape.remote;
    let mut wrong = 0u64;
    for (offset, length) in shape.pieces {
        local.buffer().for_each(*offset, *length, |bytes| {
            let mut other = [0u8; 1024];
            if let Some(other) = other.get_mut(..bytes.len()) {
                remote.buffer().read(at, other);
                wrong += bytes.iter().zip(other.iter()).filter(|(a, b)| a != b).count() as u64;
            }
            at += bytes.len();
        });
    }
    run.equal(wrong, 0u64, "RD-01, WRT-01 the bytes arrive in order")
}

/// Everything outside the pieces is as it was.
fn untouched(run: &Run, region: &Region, pieces: &[(usize, usize)]) -> Result {
    let mut at = 0;
    let mut wrong = 0u64;
    region.buffer().for_each(0, SIZE, |bytes| {
        for byte in bytes {
            let inside = pieces.iter().any(|(offset, length)| (*offset..offset + length).contains(&at));
            wrong += u64::from(!inside && *byte != GUARD);
            at += 1;
        }
    });
    run.equal(wrong, 0u64, "WRT-07 no byte outside the range is written")
}

/// A request that the peer may not serve.
#[derive(Clone, Copy)]
enum Wrong {
    ReadUnknownToken,
    ReadWithoutRight,
    ReadBeyondEnd,
    WriteUnknownToken,
    WriteWithoutRight,
}

const WRONG: [Wrong; 5] = [
    Wrong::ReadUnknownToken,
    Wrong::ReadWithoutRight,
    Wrong::ReadBeyondEnd,
    Wrong::WriteUnknownToken,
    Wrong::WriteWithoutRight,
];

/// The request fails at the initiator and ends the connection; not a byte moves (RD-08, WRT-06).
fn refused(run: &Run, pair: &Pair, wrong: Wrong) -> Result {
    let end = &pair.active;
    let local = Region::new(&end.pd, 4096, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    let flags = match wrong {
        Wrong::ReadWithoutRight => NDK_MR_FLAG_ALLOW_REMOTE_WRITE,
        Wrong::WriteWithoutRight => NDK_MR_FLAG_ALLOW_REMOTE_READ,
        _ => NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE,
    };
    let remote = Region::new(&pair.passive.pd, 4096, flags)?;
    local.buffer().fill(0, 4096, GUARD);
    remote.buffer().fill(0, 4096, !GUARD);
    let entry = [local.sge(0, 4096)];
    let (token, address) = (remote.remote_token(), remote.remote(0));
    let status = match wrong {
        Wrong::ReadUnknownToken => end.qp.read(1, &entry, address, token ^ 0x0001_0000, 0),
        Wrong::ReadWithoutRight => end.qp.read(1, &entry, address, token, 0),
        Wrong::ReadBeyondEnd => end.qp.read(1, &entry, address.wrapping_add(1), token, 0),
        Wrong::WriteUnknownToken => end.qp.write(1, &entry, address, token ^ 0x0001_0000, 0),
        Wrong::WriteWithoutRight => end.qp.write(1, &entry, address, token, 0),
    };
    run.ok(status, "WR-25 rights are checked when the request is executed")?;
    let result = end.initiated.next()?;
    let reads = matches!(wrong, Wrong::ReadUnknownToken | Wrong::ReadWithoutRight | Wrong::ReadBeyondEnd);
    if reads {
        run.status(result.Status, STATUS_REMOTE_RESOURCES, "RD-08 a read that the peer may not serve")?;
    } else if result.Status == STATUS_SUCCESS {
        // The write was on its way when the peer refused it: a later request is cancelled.
        let status = end.qp.read(2, &nothing(), 0, 0, 0);
        if status == STATUS_SUCCESS {
            run.status(end.initiated.next()?.Status, STATUS_CANCELLED, "WRT-06 later requests are cancelled")?;
        }
    } else {
        run.status(result.Status, STATUS_REMOTE_RESOURCES, "WRT-06 a write that the peer may not take")?;
    }
    pair.passive.connector.wait_for_disconnect()?;
    let mut moved = 0u64;
    local.buffer().for_each(0, 4096, |bytes| moved += bytes.iter().filter(|byte| **byte != GUARD).count() as u64);
    remote.buffer().for_each(0, 4096, |bytes| moved += bytes.iter().filter(|byte| **byte != !GUARD).count() as u64);
    run.equal(moved, 0u64, "RD-08, WRT-06 no byte moves")?;
    run.equal(pair.passive.connector.disconnects(), 1u32, "CONN-73 one disconnect event")
}
