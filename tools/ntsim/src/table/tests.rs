//! The macro, called the way a driver calls.

use crate::bugcheck::expect_violation;
use crate::context;
use crate::table::Arguments;

unsafe fn add(a: u32, b: u32, c: u32, d: u32, e: u32) -> u32 {
    a + b + c + d + e
}

unsafe fn allocate(size: usize) -> *mut u8 {
    std::ptr::without_provenance_mut(size)
}

unsafe fn sum(mut words: Arguments) -> u64 {
    // SAFETY: the tests pass a count and as many words.
    unsafe {
        let count = words.word();
        (0..count).map(|_| words.word()).sum()
    }
}

crate::routines! { "test.sys";
    fn Add(a: u32, b: u32, c: u32, d: u32, e: u32) -> u32 = add: PASSIVE..=APC;
    fn Allocate(size: usize) -> *mut u8 = allocate: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    variadic Sum(words: Arguments) -> u64 = sum: PASSIVE..=HIGH;
}

#[test]
fn rows_carry_what_was_declared() {
    assert_eq!(ROWS.len(), 3);
    assert_eq!((Add::ROW.module, Add::ROW.name, Add::ROW.min_irql, Add::ROW.max_irql), ("test.sys", "Add", 0, 1));
    assert_eq!(Allocate::ROW.failures.len(), 1);
    assert!(Add::ROW.failures.is_empty() && !Add::ROW.blocks);
}

#[test]
fn an_export_passes_all_arguments_and_stores_its_caller() {
    context::enter(|| {
        type F = unsafe extern "win64" fn(u32, u32, u32, u32, u32) -> u32;
        // SAFETY: the row's entry has this signature.
        let f: F = unsafe { std::mem::transmute(Add::ROW.target.address()) };
        // SAFETY: any arguments are fine.
        assert_eq!(unsafe { f(1, 2, 3, 4, 5) }, 15);
        let context = context::current();
        assert_eq!(context.routine.get(), &raw const Add::ROW);
        assert_ne!(context.entry_rsp.get(), 0);
    });
}

#[test]
fn a_variadic_export_sees_its_arguments_in_a_row() {
    context::enter(|| {
        type F = unsafe extern "win64" fn(u64, u64, u64, u64, u64, u64) -> u64;
        // SAFETY: to the callee a fixed call of words looks like a variadic one.
        let f: F = unsafe { std::mem::transmute(Sum::ROW.target.address()) };
        // SAFETY: five words follow the count.
        assert_eq!(unsafe { f(5, 1, 20, 300, 4000, 50000) }, 54321);
    });
}

#[test]
fn a_wrong_irql_is_a_violation() {
    context::enter(|| {
        let context = context::current();
        context.irql.set(2);
        let (name, text) = expect_violation(|| crate::table::enter(&Add::ROW));
        context.irql.set(0);
        assert_eq!(name, "ROUTINE_AT_WRONG_IRQL");
        assert!(text.contains("Add was called at IRQL 2 (DISPATCH_LEVEL)"), "{text}");
    });
}

#[test]
fn no_export_has_two_rows() {
    for row in super::all() {
        assert!(std::ptr::eq(super::find(row.module, row.name).expect("listed"), row), "{}", row.name);
    }
}

/// Rows that are laxer than the contract's column, because the column cannot say what the body
/// checks, with the reason.
const LAXER: &[(&str, &str)] = &[
    ("KeWaitForSingleObject", "DISPATCH_LEVEL is right with a zero time-out; the body checks"),
    ("KeWaitForMultipleObjects", "as KeWaitForSingleObject"),
    ("ExDeleteTimer", "DISPATCH_LEVEL is right without Wait; the body checks"),
    ("ExAcquireSpinLockShared", "the column holds what the release needs"),
    ("ExAcquireFastMutexUnsafe", "a critical region at PASSIVE_LEVEL is enough; the body checks"),
    ("ExReleaseFastMutexUnsafe", "as ExAcquireFastMutexUnsafe"),
    ("NdisCancelTimerObject", "PASSIVE_LEVEL is for periodic timers; the body checks"),
    ("WskCaptureProviderNPI", "any IRQL up to DISPATCH_LEVEL without a wait; the body checks"),
];

/// What the contract's column allows.
fn documented(column: &str) -> (u8, u8) {
    match column {
        _ if column.starts_with("<=DISPATCH") || column.starts_with("DPC context") => (0, 2),
        _ if column.starts_with("<DISPATCH") || column.starts_with("<=APC") => (0, 1),
        _ if column.starts_with(">=DISPATCH") => (2, 15),
        _ if column.starts_with("=DISPATCH") => (2, 2),
        _ if column.starts_with("=APC") => (1, 1),
        _ if column.starts_with("PASSIVE") => (0, 0),
        _ => (0, 15),
    }
}

#[test]
fn no_row_is_laxer_than_the_contract() {
    let lax: Vec<String> = super::all()
        .filter_map(|row| super::contract_row(row.module, row.name).map(|known| (row, known)))
        .filter(|(row, _)| !LAXER.iter().any(|(name, _)| *name == row.name))
        .filter(|(row, known)| {
            let (min, max) = documented(known.irql);
            row.min_irql < min || row.max_irql > max
        })
        .map(|(row, known)| format!("{}: {}..={} against {}", row.name, row.min_irql, row.max_irql, known.irql))
        .collect();
    assert!(lax.is_empty(), "{lax:#?}");
}
