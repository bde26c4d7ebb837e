//! The machine as a library, with a real driver.

mod common;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::{Scratch, sys};
use ntsim::machine::{Config, DriverId, Machine, MachineError, NtStatus};

const ECHO: u32 = 0x22_2000;
const ECHO_LATER: u32 = 0x22_2004;
const UNTIL_CANCELLED: u32 = 0x22_2008;
const DEPTH: u32 = 0x22_200C;
const SUM_FILE: u32 = 0x22_2010;
const FILL: u32 = 0x22_2016;

/// There is one machine per process: one test at a time.
static ONE: Mutex<()> = Mutex::new(());

fn booted() -> (MutexGuard<'static, ()>, Machine, DriverId) {
    let guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut machine = Machine::new(Config::default()).unwrap();
    let values = [(r"Parameters\Depth", 77.into())];
    let driver = machine.load(sys("ntsim_echo", "ntsim-echo"), &values).unwrap();
    (guard, machine, driver)
}

fn clean(machine: Machine) {
    for report in machine.shutdown().unwrap() {
        assert!(report.is_clean(), "{report}");
    }
}

#[test]
fn requests_of_every_kind_are_answered() {
    let (_one, machine, _) = booted();
    let file = machine.open(r"\\.\NtsimEcho").unwrap();
    assert_eq!(file.ioctl(ECHO, b"abc", 8).unwrap(), (NtStatus::SUCCESS, b"abc".to_vec()));
    assert_eq!(file.ioctl(ECHO, b"abc", 2).unwrap(), (NtStatus::BUFFER_TOO_SMALL, vec![]));
    assert_eq!(file.ioctl(ECHO_LATER, b"abc", 3).unwrap(), (NtStatus::SUCCESS, b"abc".to_vec()));
    assert_eq!(file.ioctl(DEPTH, &[], 4).unwrap(), (NtStatus::SUCCESS, vec![77, 0, 0, 0]));
    let filled = file.ioctl(FILL, &[9], 10_000).unwrap();
    assert_eq!(filled, (NtStatus::SUCCESS, vec![9; 10_000]));
    let cancelled = file.ioctl_within(Duration::from_millis(30), UNTIL_CANCELLED, &[], 0).unwrap();
    assert_eq!(cancelled.0, NtStatus::CANCELLED);
    assert_eq!(file.read(0, 16).unwrap().0, NtStatus::INVALID_DEVICE_REQUEST);
    assert_eq!(file.write(0, b"x").unwrap().0, NtStatus::INVALID_DEVICE_REQUEST);
    drop(file);
    clean(machine);
}

#[test]
fn drivers_read_the_hosts_files() {
    let (_one, machine, _) = booted();
    let scratch = Scratch::new("machine-file");
    let contents: Vec<u8> = (0..200_000_u32).map(|index| (index % 251) as u8).collect();
    let path = scratch.file("data", &contents);
    let name = format!(r"\??\Z:{}", path.display().to_string().replace('/', r"\"));
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let file = machine.open(r"\Device\NtsimEcho").unwrap();
    let (status, answer) = file.ioctl(SUM_FILE, &name, 16).unwrap();
    assert_eq!(status, NtStatus::SUCCESS);
    let sum: u64 = contents.iter().map(|byte| u64::from(*byte)).sum();
    assert_eq!(answer[..8], 200_000_u64.to_le_bytes());
    assert_eq!(answer[8..], sum.to_le_bytes());
    drop(file);
    clean(machine);
}

#[test]
fn one_file_serves_many_threads() {
    let (_one, machine, _) = booted();
    let file = machine.open(r"\\.\NtsimEcho").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let file = &file;
            scope.spawn(move || {
                for round in 0..200_u8 {
                    let code = if round % 2 == 0 { ECHO } else { ECHO_LATER };
                    let text = [thread, round];
                    let answer = file.ioctl(code, &text, 2).unwrap();
                    assert_eq!(answer, (NtStatus::SUCCESS, text.to_vec()));
                }
            });
        }
    });
    drop(file);
    clean(machine);
}

#[test]
fn a_driver_in_use_stays_loaded() {
    let (_one, mut machine, driver) = booted();
    let file = machine.open(r"\\.\NtsimEcho").unwrap();
    let refused = machine.unload(driver).unwrap_err();
    assert!(matches!(&refused, MachineError::DriverInUse { .. }), "{refused}");
    assert_eq!(refused.to_string(), "`ntsim_echo` cannot be unloaded: 1 files are open on its devices");
    assert_eq!(file.ioctl(ECHO, b"x", 1).unwrap().0, NtStatus::SUCCESS);
    drop(file);
    assert!(machine.unload(driver).unwrap().is_clean());
    assert!(matches!(machine.unload(driver), Err(MachineError::NoSuchDriver)));
    let gone = machine.open(r"\\.\NtsimEcho").unwrap_err();
    assert!(matches!(gone, MachineError::Open { status: NtStatus::OBJECT_NAME_NOT_FOUND, .. }));
    clean(machine);
}

#[test]
fn a_driver_can_be_loaded_again() {
    let (_one, mut machine, mut driver) = booted();
    for depth in 1..20_u8 {
        assert!(machine.unload(driver).unwrap().is_clean());
        let values = [(r"Parameters\Depth", u32::from(depth).into())];
        driver = machine.load(sys("ntsim_echo", "ntsim-echo"), &values).unwrap();
        let file = machine.open(r"\\.\NtsimEcho").unwrap();
        assert_eq!(file.ioctl(DEPTH, &[], 4).unwrap().1, [depth, 0, 0, 0]);
    }
    clean(machine);
}

#[test]
fn wrong_calls_are_errors() {
    let (_one, mut machine, driver) = booted();
    let twice = machine.load(sys("ntsim_echo", "ntsim-echo"), &[]).unwrap_err();
    assert!(matches!(twice, MachineError::DriverLoaded(_)), "{twice}");
    assert!(matches!(Machine::new(Config::default()), Err(MachineError::AlreadyRunning)));
    let config = ntsim::machine::AdapterConfig::new("Ethernet", 5);
    let refused = machine.add_adapter(driver, config).unwrap_err();
    assert!(matches!(&refused, MachineError::AdapterFailed { .. }), "{refused}");
    let bad = machine.load_as("other", sys("ntsim_echo", "ntsim-echo"), &[(r"a\\b", 1.into())]);
    assert!(matches!(bad, Err(MachineError::RegistryPath(_))));
    clean(machine);
}
