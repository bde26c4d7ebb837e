//! Headers, sections and load configuration of an image.

use anyhow::{Context, Result};
use object::LittleEndian as LE;
use object::pe;
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile64};
use object::{Object, ObjectSection, SectionFlags};

/// The address the image prefers.
pub fn image_base(file: &PeFile64) -> u64 {
    file.relative_address_base()
}

/// What is wrong with the headers, sections and load configuration.
pub fn faults(file: &PeFile64) -> Result<Vec<String>> {
    let header = file.nt_headers().optional_header();
    let mut faults = Vec::new();
    let mut expect = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    let machine = file.nt_headers().file_header().machine.get(LE);
    expect(machine == pe::IMAGE_FILE_MACHINE_AMD64, "not an x86_64 image");
    expect(header.subsystem() == pe::IMAGE_SUBSYSTEM_NATIVE, "the subsystem is not native");
    expect(header.address_of_entry_point() != 0, "no entry point");
    expect(header.check_sum() != 0, "no checksum");
    for (flag, name) in [
        (pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, "DYNAMIC_BASE"),
        (pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT, "NX_COMPAT"),
        (pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA, "HIGH_ENTROPY_VA"),
        (pe::IMAGE_DLLCHARACTERISTICS_GUARD_CF, "GUARD_CF"),
    ] {
        expect(header.dll_characteristics() & flag != 0, &format!("flag {name} is missing"));
    }
    for (index, name) in
        [(pe::IMAGE_DIRECTORY_ENTRY_BASERELOC, "relocations"), (pe::IMAGE_DIRECTORY_ENTRY_DEBUG, "debug directory")]
    {
        expect(file.data_directory(index).is_some(), &format!("no {name}"));
    }
    expect(
        file.data_directory(pe::IMAGE_DIRECTORY_ENTRY_TLS).is_none(),
        "thread-local storage does not exist in drivers",
    );
    let exports: Vec<_> =
        file.exports()?.iter().map(|export| String::from_utf8_lossy(export.name()).into_owned()).collect();
    expect(
        exports.iter().all(|name| name == "DriverEntry"),
        &format!("exports beside DriverEntry: {}", exports.join(", ")),
    );
    faults.extend(section_faults(file));
    match load_config(file)? {
        Some(config) => faults.extend(guard_faults(&config)),
        None => faults.push("no load configuration".to_owned()),
    }
    Ok(faults)
}

fn section_faults(file: &PeFile64) -> Vec<String> {
    let both = pe::IMAGE_SCN_MEM_WRITE | pe::IMAGE_SCN_MEM_EXECUTE;
    let bad = file.sections().filter(
        |section| matches!(section.flags(), SectionFlags::Coff { characteristics } if characteristics & both == both),
    );
    bad.map(|section| format!("section {} is writable and executable", section.name().unwrap_or("?"))).collect()
}

/// The fields of the load configuration that matter here.
struct LoadConfig {
    size: u32,
    security_cookie: u64,
    check_pointer: u64,
    dispatch_pointer: u64,
    guarded_functions: u64,
    guard_flags: u32,
}

fn load_config(file: &PeFile64) -> Result<Option<LoadConfig>> {
    let Some(directory) = file.data_directory(pe::IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG) else {
        return Ok(None);
    };
    let bytes = directory.data(file.data(), &file.section_table()).context("load configuration")?;
    let field = |offset: usize| -> Result<u64> {
        let raw = bytes.get(offset..offset + 8).context("short load configuration")?;
        Ok(u64::from_le_bytes(raw.try_into()?))
    };
    let low = |value: u64| (value & 0xFFFF_FFFF) as u32;
    Ok(Some(LoadConfig {
        size: low(field(0)?),
        security_cookie: field(0x58)?,
        check_pointer: field(0x70)?,
        dispatch_pointer: field(0x78)?,
        guarded_functions: field(0x88)?,
        guard_flags: low(field(0x90)?),
    }))
}

fn guard_faults(config: &LoadConfig) -> Vec<String> {
    const INSTRUMENTED: u32 = 0x100;
    const TABLE_PRESENT: u32 = 0x400;
    let rules = [
        (config.size >= 0x140, "the load configuration is shorter than 0x140 bytes"),
        (config.security_cookie != 0, "no security cookie for the loader to set"),
        (
            config.check_pointer != 0 && config.dispatch_pointer != 0,
            "no control flow guard pointers for the loader to set",
        ),
        (config.guarded_functions != 0, "the control flow guard table is empty"),
        (config.guard_flags & INSTRUMENTED != 0, "guard flag CF_INSTRUMENTED is missing"),
        (config.guard_flags & TABLE_PRESENT != 0, "guard flag CF_FUNCTION_TABLE_PRESENT is missing"),
    ];
    rules.iter().filter(|(holds, _)| !holds).map(|(_, fault)| (*fault).to_owned()).collect()
}

/// One line: sizes of the sections, number of guarded functions.
pub fn summary(file: &PeFile64) -> Result<String> {
    let sections = file.sections().map(|section| format!("{} {}", section.name().unwrap_or("?"), section.size()));
    let sections = sections.collect::<Vec<_>>().join(", ");
    Ok(format!(
        "bytes {sections}; {} guarded functions",
        load_config(file)?.map_or(0, |config| config.guarded_functions)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::write::pe::{NtHeaders, Writer};

    /// An image with one section and nothing that a driver needs.
    fn bare(characteristics: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(true, 0x1000, 0x200, &mut bytes);
        writer.reserve_dos_header_and_stub();
        writer.reserve_nt_headers(16);
        writer.reserve_section_headers(1);
        let text = writer.reserve_section(*b".text\0\0\0", characteristics, 16, 16);
        writer.write_dos_header_and_stub().unwrap();
        writer.write_nt_headers(NtHeaders {
            machine: pe::IMAGE_FILE_MACHINE_AMD64,
            time_date_stamp: 0,
            characteristics: pe::IMAGE_FILE_EXECUTABLE_IMAGE,
            major_linker_version: 0,
            minor_linker_version: 0,
            address_of_entry_point: 0x1000,
            image_base: 0x1_8000_0000,
            major_operating_system_version: 10,
            minor_operating_system_version: 0,
            major_image_version: 0,
            minor_image_version: 0,
            major_subsystem_version: 10,
            minor_subsystem_version: 0,
            subsystem: pe::IMAGE_SUBSYSTEM_WINDOWS_CUI,
            dll_characteristics: pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
            size_of_stack_reserve: 0,
            size_of_stack_commit: 0,
            size_of_heap_reserve: 0,
            size_of_heap_commit: 0,
        });
        writer.write_section_headers();
        writer.write_section(text.file_offset, &[0xC3; 16]);
        bytes
    }

    #[test]
    fn every_lacking_property_is_named() {
        let both = pe::IMAGE_SCN_MEM_READ | pe::IMAGE_SCN_MEM_WRITE | pe::IMAGE_SCN_MEM_EXECUTE;
        let bytes = bare(pe::IMAGE_SCN_CNT_CODE | both);
        let file = PeFile64::parse(bytes.as_slice()).unwrap();
        let faults = faults(&file).unwrap();
        for expected in [
            "the subsystem is not native",
            "no checksum",
            "flag DYNAMIC_BASE is missing",
            "flag HIGH_ENTROPY_VA is missing",
            "flag GUARD_CF is missing",
            "no relocations",
            "no debug directory",
            "section .text is writable and executable",
            "no load configuration",
        ] {
            assert!(faults.iter().any(|fault| fault == expected), "{expected} not in {faults:?}");
        }
        assert!(!faults.iter().any(|fault| fault.contains("NX_COMPAT") || fault.contains("entry point")));
    }

    #[test]
    fn a_section_that_is_only_executable_is_fine() {
        let bytes = bare(pe::IMAGE_SCN_CNT_CODE | pe::IMAGE_SCN_MEM_READ | pe::IMAGE_SCN_MEM_EXECUTE);
        let file = PeFile64::parse(bytes.as_slice()).unwrap();
        assert_eq!(section_faults(&file), Vec::<String>::new());
    }

    #[test]
    fn a_guard_without_table_is_a_fault() {
        let config = LoadConfig {
            size: 0x140,
            security_cookie: 1,
            check_pointer: 1,
            dispatch_pointer: 1,
            guarded_functions: 0,
            guard_flags: 0x100,
        };
        assert_eq!(
            guard_faults(&config),
            ["the control flow guard table is empty", "guard flag CF_FUNCTION_TABLE_PRESENT is missing"]
        );
    }
}
