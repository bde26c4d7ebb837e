use crate::*;

const UP: Step = Step::Connect(0);
const A: Place = Place { link: 0, end: 0 };
const B: Place = Place { link: 0, end: 1 };

fn list(memory: usize, length: usize) -> List {
    List { memory, offset: 0, length, pieces: 1 }
}

fn send(length: usize) -> Step {
    Step::Post(A, Request::Send(list(0, length)), Flags::default())
}

fn oracle(steps: &[Step]) -> Oracle {
    let mut oracle = Oracle::EMPTY;
    oracle.fill();
    for (context, step) in steps.iter().enumerate() {
        assert_eq!(oracle.apply(*step, context), Inline::Taken, "{step:?}");
    }
    oracle
}

#[test]
fn a_message_waits_for_its_receive_and_carries_its_bytes() {
    let both = [Step::Register(0, 0, 0), Step::Register(1, 0, LOCAL_WRITE), UP, send(16)];
    let mut oracle = oracle(&both);
    assert_eq!(oracle.take_sent(A), None);
    assert_eq!(oracle.apply(Step::Receive(B, list(0, 64)), 9), Inline::Taken);
    let sent = Completion { context: 3, status: Status::Success, bytes: None };
    assert_eq!(oracle.take_sent(A), Some(sent));
    assert_eq!(oracle.take_received(B), Some(Completion { context: 9, status: Status::Success, bytes: Some(16) }));
    let bytes = oracle.memory(1, 0).expect("there").bytes;
    assert_eq!(bytes[15], Some(Oracle::initial(0, 0, 15)));
    assert_eq!(bytes[16], Some(Oracle::initial(1, 0, 16)));
}

#[test]
fn a_failure_ends_both_ends_and_everything_that_waits() {
    let mut oracle = oracle(&[UP, Step::Receive(A, list(0, 0)), Step::Receive(B, list(0, 16)), send(16)]);
    assert_eq!(oracle.take_sent(A).map(|due| due.status), Some(Status::Failed));
    assert_eq!(oracle.take_received(A).map(|due| due.status), Some(Status::Cancelled));
    assert_eq!(oracle.take_received(B).map(|due| due.status), Some(Status::Failed));
    assert_eq!(oracle.apply(send(0), 9), Inline::Dead);
}

#[test]
fn deferred_requests_run_with_the_next_that_is_not() {
    let silent = Flags { defer: true, silent: true, fence: false };
    let mut oracle = oracle(&[UP, Step::Receive(B, list(0, 0)), Step::Receive(B, list(0, 0))]);
    assert_eq!(oracle.apply(Step::Post(A, Request::Send(list(0, 0)), silent), 3), Inline::Taken);
    assert_eq!(oracle.take_received(B), None);
    assert_eq!(oracle.apply(send(0), 4), Inline::Taken);
    assert_eq!(oracle.take_sent(A).map(|due| due.context), Some(4), "a silent success tells nothing");
    assert!(oracle.take_received(B).is_some() && oracle.take_received(B).is_some());
}

#[test]
fn a_window_is_for_its_link_and_keeps_its_region() {
    let bind = Bind { window: 0, memory: 0, offset: 16, length: 16, rights: REMOTE_READ };
    let mut oracle = oracle(&[
        Step::Register(1, 0, 0),
        Step::Register(0, 0, LOCAL_WRITE),
        UP,
        Step::Connect(1),
        Step::Post(B, Request::Bind(bind), Flags::default()),
    ]);
    assert_eq!(oracle.apply(Step::Deregister(1, 0), 5), Inline::Busy);
    let read = |link, offset, length| {
        let remote = Remote { target: Target::Window(0), offset };
        Step::Post(Place { link, end: 0 }, Request::Read(list(0, length), remote), Flags::default())
    };
    assert_eq!(oracle.apply(read(0, 16, 16), 6), Inline::Taken);
    assert_eq!(oracle.take_sent(A).map(|due| due.status), Some(Status::Success));
    assert_eq!(oracle.apply(read(1, 16, 16), 7), Inline::Taken);
    assert_eq!(oracle.take_sent(Place { link: 1, end: 0 }).map(|due| due.status), Some(Status::Remote));
    assert_eq!(oracle.apply(read(0, 16, 17), 8), Inline::Taken);
    assert_eq!(oracle.take_sent(A).map(|due| due.status), Some(Status::Remote));
}

#[test]
fn all_bytes_are_a_step() {
    let mut oracle = Oracle::EMPTY;
    oracle.fill();
    let mut word = 1_u32;
    for context in 0..100_000 {
        word = word.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F);
        let _ = oracle.apply(decode(word.to_be_bytes()), context);
        for (link, end) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            while oracle.take_sent(Place { link, end }).is_some() {}
            while oracle.take_received(Place { link, end }).is_some() {}
        }
    }
}
