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
    expect(
        machine == pe::IMAGE_FILE_MACHINE_AMD64,
        "not an x86_64 image",
    );
    expect(
        header.subsystem() == pe::IMAGE_SUBSYSTEM_NATIVE,
        "the subsystem is not native",
    );
    expect(header.address_of_entry_point() != 0, "no entry point");
    expect(header.check_sum() != 0, "no checksum");
    for (flag, name) in [
        (pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, "DYNAMIC_BASE"),
        (pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT, "NX_COMPAT"),
        (
            pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA,
            "HIGH_ENTROPY_VA",
        ),
        (pe::IMAGE_DLLCHARACTERISTICS_GUARD_CF, "GUARD_CF"),
    ] {
        expect(
            header.dll_characteristics() & flag != 0,
            &format!("flag {name} is missing"),
        );
    }
    for (index, name) in [
        (pe::IMAGE_DIRECTORY_ENTRY_BASERELOC, "relocations"),
        (pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION, "unwind table (.pdata)"),
        (pe::IMAGE_DIRECTORY_ENTRY_DEBUG, "debug directory"),
    ] {
        expect(file.data_directory(index).is_some(), &format!("no {name}"));
    }
    expect(
        file.data_directory(pe::IMAGE_DIRECTORY_ENTRY_TLS).is_none(),
        "thread-local storage does not exist in drivers",
    );
    let exports: Vec<_> = file
        .exports()?
        .iter()
        .map(|export| String::from_utf8_lossy(export.name()).into_owned())
        .collect();
    expect(
        exports.iter().all(|name| name == "DriverEntry"),
        &format!("exports beside DriverEntry: {}", exports.join(", ")),
    );
    faults.extend(section_faults(file));
    faults.extend(guard_faults(&load_config(file)?));
    Ok(faults)
}

fn section_faults(file: &PeFile64) -> Vec<String> {
    let both = pe::IMAGE_SCN_MEM_WRITE | pe::IMAGE_SCN_MEM_EXECUTE;
    let bad = file.sections().filter(|section| {
        matches!(section.flags(), SectionFlags::Coff { characteristics } if characteristics & both == both)
    });
    bad.map(|section| {
        format!(
            "section {} is writable and executable",
            section.name().unwrap_or("?")
        )
    })
    .collect()
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

fn load_config(file: &PeFile64) -> Result<LoadConfig> {
    let directory = file
        .data_directory(pe::IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG)
        .context("no load configuration")?;
    let bytes = directory
        .data(file.data(), &file.section_table())
        .context("load configuration")?;
    let field = |offset: usize| -> Result<u64> {
        let raw = bytes
            .get(offset..offset + 8)
            .context("short load configuration")?;
        Ok(u64::from_le_bytes(raw.try_into()?))
    };
    let low = |value: u64| (value & 0xFFFF_FFFF) as u32;
    Ok(LoadConfig {
        size: low(field(0)?),
        security_cookie: field(0x58)?,
        check_pointer: field(0x70)?,
        dispatch_pointer: field(0x78)?,
        guarded_functions: field(0x88)?,
        guard_flags: low(field(0x90)?),
    })
}

fn guard_faults(config: &LoadConfig) -> Vec<String> {
    const INSTRUMENTED: u32 = 0x100;
    const TABLE_PRESENT: u32 = 0x400;
    let rules = [
        (
            config.size >= 0x140,
            "the load configuration is shorter than 0x140 bytes",
        ),
        (
            config.security_cookie != 0,
            "no security cookie for the loader to set",
        ),
        (
            config.check_pointer != 0 && config.dispatch_pointer != 0,
            "no control flow guard pointers for the loader to set",
        ),
        (
            config.guarded_functions != 0,
            "the control flow guard table is empty",
        ),
        (
            config.guard_flags & INSTRUMENTED != 0,
            "guard flag CF_INSTRUMENTED is missing",
        ),
        (
            config.guard_flags & TABLE_PRESENT != 0,
            "guard flag CF_FUNCTION_TABLE_PRESENT is missing",
        ),
    ];
    rules
        .iter()
        .filter(|(holds, _)| !holds)
        .map(|(_, fault)| (*fault).to_owned())
        .collect()
}

/// One line: sizes of the sections, number of guarded functions.
pub fn summary(file: &PeFile64) -> Result<String> {
    let sections = file
        .sections()
        .map(|section| format!("{} {}", section.name().unwrap_or("?"), section.size()));
    let sections = sections.collect::<Vec<_>>().join(", ");
    Ok(format!(
        "bytes {sections}; {} guarded functions",
        load_config(file)?.guarded_functions
    ))
}
