//! Counted strings. The code page of 8-bit strings is Latin 1; other characters become `?`.

use crate::ex::pool;
use crate::types::{
    ANSI_STRING, BOOLEAN, NTSTATUS, STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER, STATUS_NO_MEMORY, STATUS_SUCCESS,
    UNICODE_STRING,
};
use std::cmp::Ordering;

crate::routines! { "ntoskrnl.exe";
    fn RtlInitUnicodeString(target: *mut UNICODE_STRING, source: *const u16) = init_unicode: PASSIVE..=HIGH;
    fn RtlInitAnsiString(target: *mut ANSI_STRING, source: *const u8) = init_ansi: PASSIVE..=HIGH;
    fn RtlCopyUnicodeString(target: *mut UNICODE_STRING, source: *const UNICODE_STRING) = copy: PASSIVE..=HIGH;
    fn RtlEqualUnicodeString(a: *const UNICODE_STRING, b: *const UNICODE_STRING, fold: BOOLEAN) -> BOOLEAN = equal: PASSIVE..=PASSIVE;
    fn RtlCompareUnicodeString(a: *const UNICODE_STRING, b: *const UNICODE_STRING, fold: BOOLEAN) -> i32 = compare: PASSIVE..=PASSIVE;
    fn RtlAppendUnicodeStringToString(target: *mut UNICODE_STRING, source: *const UNICODE_STRING) -> NTSTATUS = append_string: PASSIVE..=HIGH;
    fn RtlAppendUnicodeToString(target: *mut UNICODE_STRING, source: *const u16) -> NTSTATUS = append: PASSIVE..=HIGH;
    fn RtlUnicodeStringToAnsiString(target: *mut ANSI_STRING, source: *const UNICODE_STRING, allocate: BOOLEAN) -> NTSTATUS
        = to_ansi: PASSIVE..=PASSIVE, fails(STATUS_NO_MEMORY);
    fn RtlAnsiStringToUnicodeString(target: *mut UNICODE_STRING, source: *const ANSI_STRING, allocate: BOOLEAN) -> NTSTATUS
        = to_unicode: PASSIVE..=PASSIVE, fails(STATUS_NO_MEMORY);
    fn RtlFreeUnicodeString(string: *mut UNICODE_STRING) = free_unicode: PASSIVE..=APC;
    fn RtlFreeAnsiString(string: *mut ANSI_STRING) = free_ansi: PASSIVE..=APC;
    fn RtlIpv4StringToAddressExW(text: *const u16, strict: BOOLEAN, address: *mut [u8; 4], port: *mut u16) -> NTSTATUS = ipv4: PASSIVE..=PASSIVE;
    fn RtlIpv6StringToAddressExW(text: *const u16, address: *mut [u8; 16], scope: *mut u32, port: *mut u16) -> NTSTATUS = ipv6: PASSIVE..=PASSIVE;
}

const TAG: u32 = u32::from_le_bytes(*b"RtlS");

/// The units of a zero-terminated string; at most what a counted string holds.
pub(crate) unsafe fn units<'a>(text: *const u16) -> &'a [u16] {
    if text.is_null() {
        return &[];
    }
    let mut length = 0;
    // SAFETY: the driver's zero-terminated string.
    unsafe {
        while length < 32766 && text.add(length).read() != 0 {
            length += 1;
        }
        std::slice::from_raw_parts(text, length)
    }
}

pub(crate) unsafe fn counted<'a>(string: *const UNICODE_STRING) -> &'a [u16] {
    // SAFETY: the driver's counted string.
    unsafe {
        let length = usize::from((*string).Length / 2);
        if length == 0 { &[] } else { std::slice::from_raw_parts((*string).Buffer, length) }
    }
}

unsafe fn init_unicode(target: *mut UNICODE_STRING, source: *const u16) {
    // SAFETY: the driver's structure and text.
    unsafe {
        let bytes = units(source).len() as u16 * 2;
        target.write(UNICODE_STRING {
            Length: bytes,
            MaximumLength: if source.is_null() { 0 } else { bytes + 2 },
            Buffer: source.cast_mut(),
        });
    }
}

unsafe fn init_ansi(target: *mut ANSI_STRING, source: *const u8) {
    // SAFETY: the driver's structure and zero-terminated text.
    unsafe {
        let length = if source.is_null() {
            0
        } else {
            (0..0xfffe).take_while(|index| source.add(*index).read() != 0).count() as u16
        };
        target.write(ANSI_STRING {
            Length: length,
            MaximumLength: if source.is_null() { 0 } else { length + 1 },
            Buffer: source.cast_mut(),
        });
    }
}

unsafe fn copy(target: *mut UNICODE_STRING, source: *const UNICODE_STRING) {
    // SAFETY: the driver's strings.
    unsafe {
        if source.is_null() {
            (*target).Length = 0;
            return;
        }
        let length = (*source).Length.min((*target).MaximumLength);
        std::ptr::copy((*source).Buffer.cast::<u8>(), (*target).Buffer.cast(), usize::from(length));
        (*target).Length = length;
        terminate(target);
    }
}

/// Puts a zero behind the text if there is room.
unsafe fn terminate(target: *mut UNICODE_STRING) {
    // SAFETY: the driver's string.
    unsafe {
        if (*target).MaximumLength - (*target).Length >= 2 {
            (*target).Buffer.add(usize::from((*target).Length / 2)).write(0);
        }
    }
}

fn upper(unit: u16) -> u16 {
    let mut folded = char::from_u32(u32::from(unit)).map(char::to_uppercase).into_iter().flatten();
    match (folded.next(), folded.next()) {
        (Some(one), None) => u16::try_from(u32::from(one)).unwrap_or(unit),
        _ => unit,
    }
}

unsafe fn compare(a: *const UNICODE_STRING, b: *const UNICODE_STRING, fold: BOOLEAN) -> i32 {
    // SAFETY: the driver's strings.
    let (a, b) = unsafe { (counted(a), counted(b)) };
    let order =
        if fold == 0 { a.cmp(b) } else { a.iter().map(|unit| upper(*unit)).cmp(b.iter().map(|unit| upper(*unit))) };
    order as i32
}

unsafe fn equal(a: *const UNICODE_STRING, b: *const UNICODE_STRING, fold: BOOLEAN) -> BOOLEAN {
    // SAFETY: the driver's strings.
    u8::from(unsafe { compare(a, b, fold) } == Ordering::Equal as i32)
}

unsafe fn append_units(target: *mut UNICODE_STRING, source: &[u16]) -> NTSTATUS {
    // SAFETY: the driver's string.
    unsafe {
        let length = usize::from((*target).Length);
        if length + source.len() * 2 > usize::from((*target).MaximumLength) {
            // STATUS_BUFFER_TOO_SMALL, and nothing is written.
            return crate::types::STATUS_BUFFER_TOO_SMALL;
        }
        std::ptr::copy(source.as_ptr(), (*target).Buffer.add(length / 2), source.len());
        (*target).Length = (length + source.len() * 2) as u16;
        terminate(target);
    }
    STATUS_SUCCESS
}

unsafe fn append_string(target: *mut UNICODE_STRING, source: *const UNICODE_STRING) -> NTSTATUS {
    // SAFETY: the driver's strings.
    unsafe { append_units(target, counted(source)) }
}

unsafe fn append(target: *mut UNICODE_STRING, source: *const u16) -> NTSTATUS {
    // SAFETY: the driver's string and text.
    unsafe { append_units(target, units(source)) }
}

unsafe fn to_ansi(target: *mut ANSI_STRING, source: *const UNICODE_STRING, allocate: BOOLEAN) -> NTSTATUS {
    // SAFETY: the driver's strings; the buffer has room for what is checked.
    unsafe {
        let source = counted(source);
        let needed = source.len() + 1;
        if needed > usize::from(u16::MAX) {
            return STATUS_INVALID_PARAMETER;
        }
        if allocate != 0 {
            let buffer = pool::allocate(needed, TAG, false);
            if buffer.is_null() {
                return STATUS_NO_MEMORY;
            }
            (*target).Buffer = buffer;
            (*target).MaximumLength = needed as u16;
        } else if needed > usize::from((*target).MaximumLength) {
            return STATUS_BUFFER_OVERFLOW;
        }
        for (index, unit) in source.iter().enumerate() {
            (*target).Buffer.add(index).write(u8::try_from(*unit).unwrap_or(b'?'));
        }
        (*target).Buffer.add(source.len()).write(0);
        (*target).Length = source.len() as u16;
    }
    STATUS_SUCCESS
}

unsafe fn to_unicode(target: *mut UNICODE_STRING, source: *const ANSI_STRING, allocate: BOOLEAN) -> NTSTATUS {
    // SAFETY: the driver's strings; the buffer has room for what is checked.
    unsafe {
        let length = usize::from((*source).Length);
        let needed = (length + 1) * 2;
        if needed > usize::from(u16::MAX) {
            return STATUS_INVALID_PARAMETER;
        }
        if allocate != 0 {
            let buffer = pool::allocate(needed, TAG, false);
            if buffer.is_null() {
                return STATUS_NO_MEMORY;
            }
            (*target).Buffer = buffer.cast();
            (*target).MaximumLength = needed as u16;
        } else if needed > usize::from((*target).MaximumLength) {
            return STATUS_BUFFER_OVERFLOW;
        }
        for index in 0..length {
            (*target).Buffer.add(index).write(u16::from((*source).Buffer.add(index).read()));
        }
        (*target).Buffer.add(length).write(0);
        (*target).Length = (length * 2) as u16;
    }
    STATUS_SUCCESS
}

unsafe fn free_unicode(string: *mut UNICODE_STRING) {
    // SAFETY: a string whose buffer one of the routines above allocated.
    unsafe {
        if !(*string).Buffer.is_null() {
            pool::free((*string).Buffer.cast(), TAG);
            string.write_bytes(0, 1);
        }
    }
}

unsafe fn free_ansi(string: *mut ANSI_STRING) {
    // SAFETY: as above.
    unsafe {
        if !(*string).Buffer.is_null() {
            pool::free((*string).Buffer, TAG);
            string.write_bytes(0, 1);
        }
    }
}

/// `a.b.c.d` or `a.b.c.d:port`; the short and hexadecimal forms only if not strict.
unsafe fn ipv4(text: *const u16, strict: BOOLEAN, address: *mut [u8; 4], port: *mut u16) -> NTSTATUS {
    // SAFETY: the driver's text.
    let text = String::from_utf16_lossy(unsafe { units(text) });
    let (host, number) =
        text.split_once(':').map_or((text.as_str(), Ok(0)), |(host, port)| (host, port.parse::<u16>()));
    let parsed = if strict != 0 { host.parse::<std::net::Ipv4Addr>().ok() } else { loose_ipv4(host) };
    let (Some(parsed), Ok(number)) = (parsed, number) else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: the driver's out-parameters; the port is in network order.
    unsafe {
        address.write(parsed.octets());
        port.write(number.to_be());
    }
    STATUS_SUCCESS
}

fn loose_ipv4(text: &str) -> Option<std::net::Ipv4Addr> {
    let number = |part: &str| match (part.strip_prefix("0x").or(part.strip_prefix("0X")), part.strip_prefix('0')) {
        (Some(hex), _) => u32::from_str_radix(hex, 16).ok(),
        (None, Some(octal)) if !octal.is_empty() => u32::from_str_radix(octal, 8).ok(),
        _ => part.parse().ok(),
    };
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let room = 32 - 8 * first.len() as u32;
    if room < 32 && *last >> room != 0 {
        return None;
    }
    let high = first.iter().enumerate().fold(0u32, |sum, (index, part)| sum | part << (24 - 8 * index as u32));
    Some((high | last).into())
}

/// `addr`, `addr%scope`, `[addr]:port`.
unsafe fn ipv6(text: *const u16, address: *mut [u8; 16], scope: *mut u32, port: *mut u16) -> NTSTATUS {
    // SAFETY: the driver's text.
    let text = String::from_utf16_lossy(unsafe { units(text) });
    let Some((parsed, zone, number)) = parse_ipv6(&text) else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: the driver's out-parameters; the port is in network order.
    unsafe {
        address.write(parsed.octets());
        scope.write(zone);
        port.write(number.to_be());
    }
    STATUS_SUCCESS
}

fn parse_ipv6(text: &str) -> Option<(std::net::Ipv6Addr, u32, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            let port = if rest.is_empty() { 0 } else { rest.strip_prefix(':')?.parse().ok()? };
            (host, port)
        }
        None => (text, 0),
    };
    let (host, zone) = match host.split_once('%') {
        Some((host, zone)) => (host, zone.parse().ok()?),
        None => (host, 0),
    };
    Some((host.parse().ok()?, zone, port))
}
