//! The table: tokens, ranges, life of slots.

use core::ptr::NonNull;
use std::collections::HashSet;
use std::vec::Vec;

use proptest::prelude::*;
use softndk_abi::{Access, Token};

use super::harness::{Event, LOCAL, Log, PD, REMOTE, Rig};
use crate::memory::Backing;
use crate::token::{AllocateError, Drained, Kind, RegionDesc, StateError, Table};

#[test]
fn pd_07_guessed_tokens_open_nothing() {
    let rig = Rig::new();
    let live: Vec<_> = (0..100).map(|_| rig.memory(0, 64, REMOTE)).collect();
    let valid: HashSet<u32> = live.iter().map(|m| m.token.0).collect();
    let near = live[0].token.0;
    let mut hits = 0;
    // 65,536 guesses: neighbours of a known token, small numbers, a spread.
    for guess in
        (0..16_384u32).flat_map(|i| [near.wrapping_add(i), near.wrapping_sub(i), i, i.wrapping_mul(0x9e37_79b1)])
    {
        if valid.contains(&guess) {
            continue;
        }
        for memory in &live[..3] {
            hits += u32::from(
                rig.table.pin_remote(Token(guess), memory.base, 1, Access::REMOTE_READ, PD, 1, &rig.log).is_ok(),
            );
            hits += u32::from(rig.table.pin_local(Token(guess), memory.base, 1, LOCAL, PD, &rig.log).is_ok());
        }
    }
    assert_eq!(hits, 0);
    // And the tokens are no sequence: no fixed step leads from one to the next.
    let steps: HashSet<u32> = live.windows(2).map(|w| w[1].token.0.wrapping_sub(w[0].token.0)).collect();
    assert!(steps.len() > 95, "{}", steps.len());
}

#[test]
fn mr_31_and_mr_32_tokens_are_unique_and_not_zero() {
    let rig = Rig::new();
    let live: Vec<_> = (0..700).map(|_| rig.memory(0, 1, REMOTE)).collect();
    let tokens: HashSet<u32> = live.iter().map(|m| m.token.0).collect();
    assert_eq!(tokens.len(), 700);
    assert!(!tokens.contains(&0) && !tokens.contains(&rig.privileged.0));
    assert!(live.iter().all(|m| rig.table.token(m.index) == m.token));
}

#[test]
fn mr_36_stale_tokens_fail_for_4095_registrations_in_one_slot() {
    let rig = Rig::new();
    let memory = rig.memory(0, 64, REMOTE);
    let backing = Backing::Contiguous(NonNull::new(memory.bytes.as_ptr().cast_mut()).expect("vector"));
    let region = RegionDesc { base: memory.base, length: 64, pd: PD, rights: REMOTE, backing };
    let mut seen = HashSet::from([memory.token.0]);
    for round in 0..4095 {
        assert_eq!(rig.table.invalidate(memory.index, &rig.log), Ok(Drained::Now));
        // SAFETY: the memory lives as long as the test.
        let token = unsafe { rig.table.register(memory.index, &region) }.expect("invalid before");
        assert!(seen.insert(token.0), "round {round}");
        assert!(rig.table.pin_local(memory.token, memory.base, 1, LOCAL, PD, &rig.log).is_err());
    }
}

#[test]
fn mr_36_no_token_returns_for_a_million_registrations_in_fresh_slots() {
    let rig = Rig::new();
    let backing = Backing::Contiguous(NonNull::dangling());
    let region = RegionDesc { base: 0, length: 64, pd: PD, rights: REMOTE, backing };
    let mut seen = HashSet::new();
    for round in 0..1_000_000 {
        let index = rig.slot(Kind::Region);
        // SAFETY: nothing is copied here.
        let token = unsafe { rig.table.register(index, &region) }.expect("fresh");
        assert!(seen.insert(token.0), "round {round}");
        assert_eq!(rig.table.invalidate(index, &rig.log), Ok(Drained::Now));
        assert_eq!(rig.table.release(index), Ok(()));
    }
}

#[test]
fn mr_21_and_mr_26_states_are_kept() {
    let rig = Rig::new();
    let memory = rig.memory(0, 64, REMOTE);
    let backing = Backing::Contiguous(NonNull::dangling());
    let region = RegionDesc { base: 0, length: 0, pd: PD, rights: LOCAL, backing };
    // SAFETY: no bytes.
    assert_eq!(unsafe { rig.table.register(memory.index, &region) }, Err(StateError::WrongState));
    assert_eq!(rig.table.release(memory.index), Err(StateError::WrongState));
    assert_eq!(rig.table.invalidate(memory.index, &rig.log), Ok(Drained::Now));
    assert_eq!(rig.table.invalidate(memory.index, &rig.log), Err(StateError::WrongState));
    assert_eq!(rig.table.release(memory.index), Ok(()));
    assert_eq!(rig.table.release(memory.index), Err(StateError::WrongState));
    assert_eq!(rig.table.token(rig.slot(Kind::Window)), Token(0));
}

#[test]
fn mr_24_invalidation_waits_for_pins_and_stops_new_ones() {
    let rig = Rig::new();
    let memory = rig.memory(0, 64, REMOTE);
    let pin = || rig.table.pin_local(memory.token, memory.base, 64, LOCAL, PD, &rig.log);
    let first = pin().expect("valid");
    let second = pin().expect("valid");
    assert_eq!(rig.table.invalidate(memory.index, &rig.log), Ok(Drained::Later));
    assert!(pin().is_err());
    drop(first);
    assert!(rig.log.take().is_empty());
    assert_eq!(rig.table.release(memory.index), Err(StateError::WrongState));
    drop(second);
    assert_eq!(rig.log.take(), [Event::Drained(memory.index.0)]);
    assert_eq!(rig.table.release(memory.index), Ok(()));
}

#[test]
fn life_37_retire_works_in_every_state() {
    let rig = Rig::new();
    let fresh = rig.slot(Kind::Region);
    assert_eq!(rig.table.retire(fresh, &rig.log), Drained::Now);
    assert_eq!(rig.table.release(fresh), Ok(()));
    let memory = rig.memory(0, 64, REMOTE);
    let pin = rig.table.pin_local(memory.token, memory.base, 64, LOCAL, PD, &rig.log).expect("valid");
    assert_eq!(rig.table.retire(memory.index, &rig.log), Drained::Later);
    drop(pin);
    assert_eq!(rig.log.take(), [Event::Drained(memory.index.0)]);
    assert_eq!(rig.table.release(memory.index), Ok(()));
}

#[test]
fn slots_run_out_chunk_by_chunk_and_come_back_late() {
    let rig = Rig::new();
    let mut taken = Vec::new();
    loop {
        match rig.table.allocate(Kind::Region) {
            Ok(index) => taken.push(index),
            Err(error) => {
                assert_eq!(error, AllocateError::NeedChunk);
                break;
            }
        }
    }
    // One slot is the privileged token's.
    assert_eq!(taken.len(), 767);
    let freed = taken.pop().expect("some");
    rig.table.release(freed).expect("unused");
    assert_ne!(rig.table.allocate(Kind::Region), Ok(freed));
}

#[test]
fn a_full_table_gives_every_slot() {
    let mut directory = super::harness::Block::new(Table::directory_bytes(1));
    let mut chunk = super::harness::Block::new(Table::chunk_bytes());
    // SAFETY: the blocks live as long as the table.
    let table = unsafe { Table::new(directory.pointer(), 1, [3, 4]) };
    assert_eq!(table.allocate(Kind::Region), Err(AllocateError::NeedChunk));
    // SAFETY: as above.
    assert!(unsafe { table.add_chunk(chunk.pointer()) });
    // SAFETY: refused, so not used.
    assert!(!unsafe { table.add_chunk(chunk.pointer()) });
    let all: HashSet<u32> = (0..1024).map(|_| table.allocate(Kind::Region).expect("slot").0).collect();
    assert_eq!(all.len(), 1024);
    assert_eq!(table.allocate(Kind::Region), Err(AllocateError::Full));
    assert_eq!(table.live(), 1024);
}

#[test]
fn lam_20_logical_addresses_of_no_mapping_are_refused() {
    let rig = Rig::new();
    let index = rig.slot(Kind::Mapping);
    let region = RegionDesc {
        base: 0,
        length: 3 * 4096,
        pd: 70,
        rights: LOCAL,
        backing: Backing::Contiguous(NonNull::dangling()),
    };
    // SAFETY: nothing is copied here.
    unsafe { rig.table.register(index, &region) }.expect("fresh");
    let first = rig.table.logical_address(index).expect("registered");
    assert_eq!((first & 0xffff_ffff, first >> 63), (0, 0));
    assert_eq!(Table::mapping_of(first), index);
    let pin = |address: u64, length| rig.table.pin_logical(address, length, 70, &rig.log).is_ok();
    assert!(pin(first, 3 * 4096) && pin(first + 4097, 8191));
    assert!(!pin(first, 3 * 4096 + 1) && !pin(first + 3 * 4096, 1) && !pin(first | 1 << 63, 1));
    assert!(!pin(first ^ 1 << 32, 1) && !pin(first ^ 1 << 43, 1) && !pin(u64::MAX, 1) && !pin(first + 0xffff_ffff, 1));
    assert!(rig.table.pin_logical(first, 1, 71, &rig.log).is_err());
    // A mapping is reached by no token, and a region by no logical address.
    let token = rig.table.token(index);
    assert!(rig.table.pin_local(token, 0, 1, Access::LOCAL_READ, 70, &rig.log).is_err());
    assert!(rig.table.pin_remote(token, 0, 1, Access::empty(), 70, 1, &rig.log).is_err());
    let memory = rig.memory(0, 64, REMOTE);
    for key in 0..2048u64 {
        assert!(!pin(u64::from(memory.index.0) << 43 | key << 32, 1));
    }
    assert_eq!(rig.table.invalidate(index, &rig.log), Ok(Drained::Now));
    assert!(!pin(first, 1));
}

proptest! {
    #[test]
    fn wr_35_ranges_are_judged_without_overflow(
        base in prop_oneof![any::<u64>(), (0u64..5000).prop_map(|d| u64::MAX - d)],
        length in prop_oneof![any::<u64>(), 0u64..5000],
        address in prop_oneof![any::<u64>(), (0u64..6000).prop_map(|d| u64::MAX - d)],
        near in -3000i64..3000,
        use_near in any::<bool>(),
        asked in prop_oneof![0u64..6000, any::<u64>(), (0u64..10).prop_map(|d| u64::MAX - d)],
    ) {
        let address = if use_near { base.wrapping_add(near as u64) } else { address };
        let rig = Rig::new();
        let index = rig.slot(Kind::Region);
        let backing = Backing::Contiguous(NonNull::dangling());
        let region = RegionDesc { base, length, pd: PD, rights: LOCAL, backing };
        // SAFETY: nothing is copied here.
        let token = unsafe { rig.table.register(index, &region) }.expect("fresh");
        let wide = |x: u64| u128::from(x);
        let inside = address >= base && wide(address) + wide(asked) <= wide(base) + wide(length);
        let log = Log::default();
        prop_assert_eq!(rig.table.pin_local(token, address, asked, LOCAL, PD, &log).is_ok(), inside);
    }
}
