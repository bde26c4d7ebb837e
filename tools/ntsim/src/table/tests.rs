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
    assert!(Allocate::ROW.fails && !Add::ROW.fails && !Add::ROW.blocks);
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
fn no_export_has_two_rows_and_each_is_in_the_contract_with_its_irql() {
    for row in super::all() {
        assert!(std::ptr::eq(super::find(row.module, row.name).expect("listed"), row), "{}", row.name);
    }
}
