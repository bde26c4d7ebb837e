//! Every workload of `ndktest.sys` against `softndk.sys`, with all checks of the simulator.

use ndktest_api::{Outcome, Request};
use ndktest_host::{Session, Setup, child};
use std::path::Path;

/// Boots, runs, expects success and nothing left behind.
fn succeed(setup: &Setup, workload: &str, adjust: impl FnOnce(&mut Request), file: Option<&Path>) -> Outcome {
    let session = Session::boot(setup).unwrap_or_else(|error| panic!("{error}"));
    let mut request = session.request(workload);
    adjust(&mut request);
    let outcome = session.run(&request, file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(outcome.status, 0, "{workload} at {}.{}: {:#?}", outcome.major, outcome.minor, outcome.failure);
    assert!(outcome.checks > 0, "{workload} checked nothing");
    session.end().unwrap_or_else(|error| panic!("{error}")).expect_clean();
    outcome
}

fn one_adapter() -> Setup {
    let mut setup = Setup::tests();
    setup.adapters.truncate(1);
    setup
}

macro_rules! workloads {
    ($($name:ident: $setup:expr, $workload:literal, $adjust:expr;)+) => {$(
        #[test]
        fn $name() {
            child::passes(stringify!($name), || {
                succeed(&$setup, $workload, $adjust, None);
            });
        }
    )+};
}

workloads! {
    info: Setup::tests(), "info", |_| {};
    objects: Setup::tests(), "objects", |request| request.rounds = 10;
    objects_at_one_dot_zero: one_adapter(), "objects", |request| (request.major, request.minor) = (1, 0);
    connect: Setup::tests(), "connect", |_| {};
    connect_with_one_adapter: one_adapter(), "connect", |_| {};
    ping: Setup::tests(), "ping", |_| {};
    ping_with_one_adapter: one_adapter(), "ping", |_| {};
    rdma: Setup::tests(), "rdma", |_| {};
}

#[test]
fn transfer_of_any_size() {
    child::passes("transfer_of_any_size", || {
        let folder = std::env::temp_dir().join(format!("ndktest-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let session = Session::boot(&Setup::tests()).unwrap_or_else(|error| panic!("{error}"));
        // Around the piece, and around the window of 8 pieces.
        for size in [0, 1, 4095, 4096, 4097, 65_535, 8 * 4096, 8 * 4096 + 1, 300_000] {
            let file = folder.join(format!("{size}"));
            let bytes: Vec<u8> = (0..size).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            std::fs::write(&file, &bytes).unwrap();
            let mut request = session.request("transfer");
            request.piece = 4096;
            let outcome = session.run(&request, Some(&file)).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(outcome.status, 0, "{size} bytes: {:#?}", outcome.failure);
            assert_eq!(outcome.bytes, u64::from(size));
            let pieces = u64::from(size.div_ceil(4096));
            assert_eq!((outcome.counters.reads, outcome.counters.writes), (pieces, pieces));
            assert!(outcome.counters.peak_outstanding <= 8);
            assert_eq!(outcome.pulled, outcome.source);
            assert_eq!(outcome.pushed, outcome.source);
        }
        session.end().unwrap_or_else(|error| panic!("{error}")).expect_clean();
        std::fs::remove_dir_all(&folder).unwrap();
    });
}

#[test]
fn transfer_that_is_cancelled() {
    child::passes("transfer_that_is_cancelled", || {
        let file = std::env::temp_dir().join(format!("ndktest-cancel-{}", std::process::id()));
        std::fs::write(&file, vec![7; 64 << 20]).unwrap();
        let session = Session::boot(&Setup::tests()).unwrap_or_else(|error| panic!("{error}"));
        let mut request = session.request("transfer");
        request.piece = 4096;
        let outcome = std::thread::scope(|scope| {
            let run = scope.spawn(|| session.run(&request, Some(&file)).unwrap_or_else(|error| panic!("{error}")));
            loop {
                let progress = session.progress(request.id).unwrap_or_else(|error| panic!("{error}"));
                if progress.is_some_and(|progress| progress.done > 0) {
                    break;
                }
                assert!(!run.is_finished(), "the run ended before it could be cancelled");
                std::thread::yield_now();
            }
            assert!(session.cancel(request.id).unwrap_or_else(|error| panic!("{error}")));
            run.join().unwrap()
        });
        assert_eq!(outcome.status.cast_unsigned(), 0xC000_0120, "{:#?}", outcome.failure);
        assert_eq!(session.progress(request.id).unwrap(), None);
        session.end().unwrap_or_else(|error| panic!("{error}")).expect_clean();
        std::fs::remove_file(&file).unwrap();
    });
}

#[test]
fn requests_that_make_no_sense() {
    child::passes("requests_that_make_no_sense", || {
        let session = Session::boot(&one_adapter()).unwrap_or_else(|error| panic!("{error}"));
        let names: Vec<_> = session.workloads().unwrap().iter().map(|entry| entry.name.as_str().to_owned()).collect();
        let workloads = ["settle", "info", "objects", "connect", "ping", "rdma", "transfer"];
        assert!(names.starts_with(&workloads.map(str::to_owned)), "{names:?}");
        assert!(session.run(&session.request("nonsense"), None).is_err());
        // No source file, and one that is not there.
        for file in [None, Some(Path::new("/nonexistent/file"))] {
            let outcome = session.run(&session.request("transfer"), file).unwrap();
            assert!(outcome.status < 0, "{outcome:?}");
        }
        // An adapter that does not exist, a version that nobody speaks.
        let mut request = session.request("objects");
        request.adapters[0].interface = 999;
        assert!(session.run(&request, None).unwrap().status < 0);
        let mut request = session.request("objects");
        request.major = 9;
        assert!(session.run(&request, None).unwrap().status < 0);
        assert!(!session.cancel(12_345).unwrap());
        session.end().unwrap_or_else(|error| panic!("{error}")).expect_clean();
    });
}
