//! Strings and formatted output of the C library.

use super::format::format;
use crate::rtl::units;
use crate::table::Arguments;

crate::routines! { "ntoskrnl.exe";
    raising strlen(text: *const u8) -> usize = length: PASSIVE..=HIGH;
    raising wcslen(text: *const u16) -> usize = wide_length: PASSIVE..=HIGH;
    raising wcschr(text: *const u16, unit: u32) -> *const u16 = find_unit: PASSIVE..=HIGH;
    raising _wcsnicmp(a: *const u16, b: *const u16, count: usize) -> i32 = compare_folded: PASSIVE..=HIGH;
    raising strcmp(a: *const u8, b: *const u8) -> i32 = compare: PASSIVE..=HIGH;
    raising strncmp(a: *const u8, b: *const u8, count: usize) -> i32 = compare_some: PASSIVE..=HIGH;
    fn _vsnprintf(target: *mut u8, count: usize, text: *const u8, arguments: *const u64) -> i32 = print: PASSIVE..=HIGH;
    fn _vsnwprintf(target: *mut u16, count: usize, text: *const u16, arguments: *const u64) -> i32 = print_wide: PASSIVE..=PASSIVE;
    variadic _snprintf(arguments: Arguments) -> i32 = print_variadic: PASSIVE..=HIGH;
    variadic _snwprintf(arguments: Arguments) -> i32 = print_wide_variadic: PASSIVE..=PASSIVE;
}

/// The bytes of a zero-terminated string.
pub(crate) unsafe fn bytes<'a>(text: *const u8) -> &'a [u8] {
    // SAFETY: the driver's zero-terminated string.
    unsafe { std::slice::from_raw_parts(text, length(text)) }
}

unsafe fn length(text: *const u8) -> usize {
    // SAFETY: the driver's zero-terminated string.
    (0..).find(|index| unsafe { text.add(*index).read() } == 0).unwrap_or(0)
}

unsafe fn wide_length(text: *const u16) -> usize {
    // SAFETY: the driver's zero-terminated string.
    (0..).find(|index| unsafe { text.add(*index).read() } == 0).unwrap_or(0)
}

unsafe fn find_unit(text: *const u16, unit: u32) -> *const u16 {
    // The upper half is what the caller had there.
    let unit = unit as u16;
    // SAFETY: the driver's zero-terminated string.
    unsafe {
        let mut at = text;
        loop {
            if at.read() == unit {
                return at;
            }
            if at.read() == 0 {
                return std::ptr::null();
            }
            at = at.add(1);
        }
    }
}

unsafe fn compare_folded(a: *const u16, b: *const u16, count: usize) -> i32 {
    let fold = |unit: u16| u8::try_from(unit).map_or(unit, |byte| u16::from(byte.to_ascii_lowercase()));
    for index in 0..count {
        // SAFETY: the driver's strings; the loop ends at their end.
        let (a, b) = unsafe { (fold(a.add(index).read()), fold(b.add(index).read())) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
        if a == 0 {
            return 0;
        }
    }
    0
}

unsafe fn compare(a: *const u8, b: *const u8) -> i32 {
    // SAFETY: the driver's zero-terminated strings.
    unsafe { compare_some(a, b, usize::MAX) }
}

unsafe fn compare_some(a: *const u8, b: *const u8, count: usize) -> i32 {
    for index in 0..count {
        // SAFETY: the driver's strings; the loop ends at their end.
        let (a, b) = unsafe { (a.add(index).read(), b.add(index).read()) };
        if a != b || a == 0 {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// As the old C library: no terminator and -1 when the text does not fit.
unsafe fn put<T: Copy>(target: *mut T, count: usize, text: &[T], zero: T) -> i32 {
    // SAFETY: the driver's buffer of `count` characters.
    unsafe {
        let fits = text.len().min(count);
        std::ptr::copy_nonoverlapping(text.as_ptr(), target, fits);
        if fits < count {
            target.add(fits).write(zero);
        }
    }
    if text.len() > count { -1 } else { text.len() as i32 }
}

unsafe fn print(target: *mut u8, count: usize, text: *const u8, arguments: *const u64) -> i32 {
    // SAFETY: the driver's buffer, format and va_list.
    unsafe {
        let out = format(bytes(text), Arguments::new(arguments), false);
        put(target, count, &out, 0)
    }
}

unsafe fn print_wide(target: *mut u16, count: usize, text: *const u16, arguments: *const u64) -> i32 {
    // SAFETY: the driver's buffer, format and va_list.
    unsafe {
        let out = format(String::from_utf16_lossy(units(text)).as_bytes(), Arguments::new(arguments), true);
        let out: Vec<u16> = String::from_utf8_lossy(&out).encode_utf16().collect();
        put(target, count, &out, 0)
    }
}

unsafe fn print_variadic(mut arguments: Arguments) -> i32 {
    // SAFETY: the three named arguments come first.
    unsafe {
        let (target, count, text) = (arguments.word(), arguments.word(), arguments.word());
        print(target as *mut u8, count as usize, text as *const u8, arguments.rest())
    }
}

unsafe fn print_wide_variadic(mut arguments: Arguments) -> i32 {
    // SAFETY: as above.
    unsafe {
        let (target, count, text) = (arguments.word(), arguments.word(), arguments.word());
        print_wide(target as *mut u16, count as usize, text as *const u16, arguments.rest())
    }
}
