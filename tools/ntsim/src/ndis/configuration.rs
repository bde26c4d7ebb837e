//! `NdisOpenConfigurationEx` and what is read through it (ndis.md section 2.6).
#![expect(non_upper_case_globals, reason = "enumerators carry the names of the C headers")]

use std::ffi::c_void;
use std::sync::Arc;

use parking_lot::Mutex;

use super::codes;
use super::handles::{self, Object};
use crate::Kernel;
use crate::bugcheck::Violation;
use crate::machine::Keyword;
use ndkpi_sys::*;

/// An open configuration: the adapter's keywords at that time.
#[derive(Debug)]
pub(super) struct Configuration {
    /// The adapter's handle; 0 for a driver's key.
    pub adapter: usize,
    keywords: Mutex<Vec<(String, Keyword)>>,
    /// What was handed out: it dies with the handle.
    parameters: Mutex<Vec<Handed>>,
}

/// A parameter block and the memory that it points to.
struct Handed {
    parameter: Box<NDIS_CONFIGURATION_PARAMETER>,
    _text: Vec<u16>,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Handed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "parameter of type {}", self.parameter.ParameterType)
    }
}

// SAFETY: the pointers point into the same value.
unsafe impl Send for Handed {}

unsafe fn open(object: *mut NDIS_CONFIGURATION_OBJECT, out: *mut NDIS_HANDLE) -> NDIS_STATUS {
    // SAFETY: the caller's structure.
    let (header, handle) = unsafe { ((*object).Header, (*object).NdisHandle) };
    if header.Type != NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT
        || header.Revision < 1
        || header.Size < NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1
    {
        Violation::new(&codes::NDIS_BAD_OBJECT_HEADER)
            .params([header.Type.into(), header.Revision.into(), header.Size.into(), 0])
            .text("NDIS_CONFIGURATION_OBJECT has a wrong header: type 0xA9, revision 1, size 20")
            .raise();
    }
    let (adapter, keywords) = match handles::find(handle.addr()) {
        Some(Object::Adapter(adapter)) => {
            let mut keywords: Vec<(String, Keyword)> =
                adapter.keywords.lock().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            let named = keywords.iter().any(|(name, _)| name.eq_ignore_ascii_case("NetworkAddress"));
            if let Some(mac) = adapter.config.mac.filter(|_| !named) {
                let text = mac.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
                keywords.push(("NetworkAddress".to_owned(), Keyword::Text(text)));
            }
            (adapter.handle, keywords)
        }
        // The service's parameters: per-adapter keywords are not there (MP-CFG-01).
        Some(Object::Driver(_)) => (0, Vec::new()),
        _ => handles::bad("NdisOpenConfigurationEx", "driver or adapter", handle),
    };
    let configuration =
        Arc::new(Configuration { adapter, keywords: Mutex::new(keywords), parameters: Mutex::default() });
    let new = handles::insert(Object::Configuration(configuration));
    Kernel::get().leaks.track("NDIS configuration handle", new, "");
    // SAFETY: the caller's out-parameter.
    unsafe { out.write(handles::as_handle(new)) };
    NDIS_STATUS_SUCCESS
}

unsafe fn close(handle: NDIS_HANDLE) {
    handles::configuration(handle, "NdisCloseConfiguration");
    handles::forget(handle.addr());
    Kernel::get().leaks.untrack("NDIS configuration handle", handle.addr());
}

unsafe fn read(
    status: *mut NDIS_STATUS,
    out: *mut *mut NDIS_CONFIGURATION_PARAMETER,
    handle: NDIS_HANDLE,
    keyword: *mut NDIS_STRING,
    wanted: NDIS_PARAMETER_TYPE,
) {
    let configuration = handles::configuration(handle, "NdisReadConfiguration");
    // SAFETY: the caller's string.
    let name = unsafe { text_of(keyword) };
    if let Some(Object::Adapter(adapter)) = handles::find(configuration.adapter) {
        adapter.keywords_read.lock().push(name.clone());
    }
    let value = configuration
        .keywords
        .lock()
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(&name))
        .map(|(_, value)| value.clone());
    let Some(value) = value else {
        // SAFETY: the caller's out-parameters.
        unsafe {
            out.write(std::ptr::null_mut());
            status.write(NDIS_STATUS_FAILURE);
        }
        return;
    };
    let mut handed = convert(&value, wanted);
    let parameter = &raw mut *handed.parameter;
    configuration.parameters.lock().push(handed);
    // SAFETY: as above; the block lives until the handle is closed.
    unsafe {
        out.write(parameter);
        status.write(NDIS_STATUS_SUCCESS);
    }
}

/// The value in the type that was asked for, where that can be done; else in its own (MP-CFG-03).
fn convert(value: &Keyword, wanted: NDIS_PARAMETER_TYPE) -> Handed {
    let number = match (value, wanted) {
        (Keyword::Number(number), NdisParameterInteger | NdisParameterHexInteger) => Some(*number),
        (Keyword::Text(text), NdisParameterInteger) => text.trim().parse().ok(),
        (Keyword::Text(text), NdisParameterHexInteger) => {
            let text = text.trim();
            u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
        }
        _ => None,
    };
    let mut parameter = Box::new(NDIS_CONFIGURATION_PARAMETER::default());
    if let Some(number) = number {
        parameter.ParameterType = wanted;
        parameter.ParameterData.IntegerData = number;
        return Handed { parameter, _text: Vec::new(), bytes: Vec::new() };
    }
    let (text, bytes) = match value {
        Keyword::Text(text) => (Some(text.clone()), Vec::new()),
        Keyword::Number(number) if wanted == NdisParameterString => (Some(number.to_string()), Vec::new()),
        Keyword::Number(number) => {
            parameter.ParameterType = NdisParameterInteger;
            parameter.ParameterData.IntegerData = *number;
            return Handed { parameter, _text: Vec::new(), bytes: Vec::new() };
        }
        Keyword::Bytes(bytes) => (None, bytes.clone()),
    };
    let mut units: Vec<u16> = text.iter().flat_map(|text| text.encode_utf16().take(32766)).chain([0]).collect();
    let mut bytes = bytes;
    if text.is_some() {
        let length = (units.len() - 1) * 2;
        parameter.ParameterType = NdisParameterString;
        parameter.ParameterData.StringData =
            NDIS_STRING { Length: length as u16, MaximumLength: (length + 2) as u16, Buffer: units.as_mut_ptr() };
    } else {
        parameter.ParameterType = NdisParameterBinary;
        let length = bytes.len().min(usize::from(u16::MAX)) as u16;
        parameter.ParameterData.BinaryData = BINARY_DATA { Length: length, Buffer: bytes.as_mut_ptr().cast() };
    }
    Handed { parameter, _text: units, bytes }
}

unsafe fn write(
    status: *mut NDIS_STATUS,
    handle: NDIS_HANDLE,
    keyword: *mut NDIS_STRING,
    parameter: *mut NDIS_CONFIGURATION_PARAMETER,
) {
    let configuration = handles::configuration(handle, "NdisWriteConfiguration");
    // SAFETY: the caller's string and parameter; the type says which member of the union is there.
    let (name, value) = unsafe {
        let data = &(*parameter).ParameterData;
        let value = match (*parameter).ParameterType {
            NdisParameterInteger | NdisParameterHexInteger => Some(Keyword::Number(data.IntegerData)),
            NdisParameterString => Some(Keyword::Text(text_of(&raw const data.StringData))),
            NdisParameterBinary => {
                let binary = data.BinaryData;
                let bytes = std::slice::from_raw_parts(binary.Buffer.cast::<u8>(), usize::from(binary.Length));
                Some(Keyword::Bytes(bytes.to_vec()))
            }
            _ => None,
        };
        (text_of(keyword), value)
    };
    let result = match value {
        Some(value) => {
            let mut keywords = configuration.keywords.lock();
            keywords.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
            keywords.push((name, value));
            NDIS_STATUS_SUCCESS
        }
        None => NDIS_STATUS_NOT_SUPPORTED,
    };
    // SAFETY: the caller's out-parameter.
    unsafe { status.write(result) };
}

unsafe fn read_network_address(
    status: *mut NDIS_STATUS,
    address: *mut *mut c_void,
    length: *mut u32,
    handle: NDIS_HANDLE,
) {
    let configuration = handles::configuration(handle, "NdisReadNetworkAddress");
    let text = configuration.keywords.lock().iter().find_map(|(name, value)| match value {
        Keyword::Text(text) if name.eq_ignore_ascii_case("NetworkAddress") => Some(text.clone()),
        _ => None,
    });
    let bytes = text.as_deref().and_then(parse_address);
    let Some(bytes) = bytes else {
        // SAFETY: the caller's out-parameters.
        unsafe {
            status.write(NDIS_STATUS_FAILURE);
            length.write(0);
        }
        return;
    };
    let mut handed = Handed { parameter: Box::new(NDIS_CONFIGURATION_PARAMETER::default()), _text: Vec::new(), bytes };
    let (buffer, count) = (handed.bytes.as_mut_ptr(), handed.bytes.len());
    configuration.parameters.lock().push(handed);
    // SAFETY: as above; the bytes live until the handle is closed.
    unsafe {
        address.write(buffer.cast());
        length.write(count as u32);
        status.write(NDIS_STATUS_SUCCESS);
    }
}

/// What an administrator typed, as bytes; lengths and bits are the driver's to judge (MP-CFG-06).
fn parse_address(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|character| !matches!(character, '-' | ':' | ' '))
        .map(|character| character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    if digits.is_empty() || !pairs.remainder().is_empty() {
        return None;
    }
    Some(pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// # Safety
/// `string` must be a counted string with a readable buffer.
pub(super) unsafe fn text_of(string: *const NDIS_STRING) -> String {
    // SAFETY: by contract.
    let (buffer, length) = unsafe { ((*string).Buffer, usize::from((*string).Length / 2)) };
    if buffer.is_null() {
        return String::new();
    }
    // SAFETY: as many units as the length says; read one by one, as alignment is the caller's.
    let units: Vec<u16> = (0..length).map(|at| unsafe { buffer.add(at).read_unaligned() }).collect();
    String::from_utf16_lossy(&units)
}

crate::routines! { "ndis.sys";
    fn NdisOpenConfigurationEx(object: *mut NDIS_CONFIGURATION_OBJECT, out: *mut NDIS_HANDLE) -> NDIS_STATUS
        = open: PASSIVE..=PASSIVE, fails(NDIS_STATUS_RESOURCES, NDIS_STATUS_FAILURE);
    fn NdisCloseConfiguration(handle: NDIS_HANDLE) = close: PASSIVE..=PASSIVE;
    fn NdisReadConfiguration(status: *mut NDIS_STATUS, out: *mut *mut NDIS_CONFIGURATION_PARAMETER,
        handle: NDIS_HANDLE, keyword: *mut NDIS_STRING, wanted: NDIS_PARAMETER_TYPE) = read: PASSIVE..=PASSIVE, fails(unsafe { status.write(NDIS_STATUS_RESOURCES) }, unsafe { status.write(NDIS_STATUS_FAILURE) });
    fn NdisWriteConfiguration(status: *mut NDIS_STATUS, handle: NDIS_HANDLE, keyword: *mut NDIS_STRING,
        parameter: *mut NDIS_CONFIGURATION_PARAMETER) = write: PASSIVE..=PASSIVE, fails(unsafe { status.write(NDIS_STATUS_RESOURCES) });
    fn NdisReadNetworkAddress(status: *mut NDIS_STATUS, address: *mut *mut c_void, length: *mut u32,
        handle: NDIS_HANDLE) = read_network_address: PASSIVE..=PASSIVE, fails(unsafe { status.write(NDIS_STATUS_RESOURCES) }, unsafe { status.write(NDIS_STATUS_FAILURE) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_numbers_where_they_can() {
        let number = |value: &Keyword, wanted| {
            let handed = convert(value, wanted);
            // SAFETY: the type is checked first.
            (handed.parameter.ParameterType, unsafe { handed.parameter.ParameterData.IntegerData })
        };
        assert_eq!(number(&Keyword::Text("12".into()), NdisParameterInteger), (NdisParameterInteger, 12));
        assert_eq!(number(&Keyword::Text("1F".into()), NdisParameterHexInteger), (NdisParameterHexInteger, 31));
        assert_eq!(number(&Keyword::Number(5), NdisParameterInteger), (NdisParameterInteger, 5));
        let odd = convert(&Keyword::Text("many".into()), NdisParameterInteger);
        assert_eq!(odd.parameter.ParameterType, NdisParameterString);
        // SAFETY: a string.
        let text = unsafe { text_of(&raw const odd.parameter.ParameterData.StringData) };
        assert_eq!(text, "many");
    }

    #[test]
    fn addresses_are_parsed_and_not_judged() {
        assert_eq!(parse_address("02-00-5E-00-00-01"), Some(vec![2, 0, 0x5E, 0, 0, 1]));
        assert_eq!(parse_address("0102"), Some(vec![1, 2]));
        for bad in ["", "123", "xy"] {
            assert_eq!(parse_address(bad), None, "{bad}");
        }
    }
}
