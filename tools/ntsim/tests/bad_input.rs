//! Wrong input to ntsim: one clear line, the right exit code, never a crash of ntsim itself.

mod common;

use common::{Ran, Scratch, ntsim_on, sys};

/// Offset of the PE header.
fn pe_offset(image: &[u8]) -> usize {
    u32::from_le_bytes(image[0x3C..0x40].try_into().unwrap()) as usize
}

fn word(image: &[u8], offset: usize) -> usize {
    u32::from_le_bytes(image[offset..offset + 4].try_into().unwrap()) as usize
}

/// Where the parts of an image begin and end.
fn boundaries(image: &[u8]) -> Vec<usize> {
    let pe = pe_offset(image);
    let optional = pe + 24;
    let sections = optional + usize::from(u16::from_le_bytes([image[pe + 20], image[pe + 21]]));
    let count = usize::from(u16::from_le_bytes([image[pe + 6], image[pe + 7]]));
    let mut found = vec![0, 2, 0x3C, 0x40, pe, pe + 4, optional, optional + 2, optional + 112];
    for section in 0..count {
        let header = sections + section * 40;
        let (size, start) = (word(image, header + 16), word(image, header + 20));
        found.extend([header, header + 40, start, start + size]);
    }
    found.sort_unstable();
    found.dedup();
    found.retain(|offset| *offset < image.len());
    found
}

#[test]
fn what_is_no_pe_image_is_refused() {
    let scratch = Scratch::new("no-pe");
    let cases: [(&str, &[u8]); 5] = [
        ("empty.sys", b""),
        ("text.sys", b"This is a text, and not a short one, but it is no driver.\n"),
        ("mz.sys", b"MZ"),
        ("elf.sys", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0"),
        ("zeros.sys", &[0; 4096]),
    ];
    for (name, contents) in cases {
        let file = scratch.file(name, contents);
        for verb in ["load", "inspect"] {
            let ran = ntsim_on(verb, &file);
            ran.refused(2, &[name]);
            let told = ran.stderr.contains("not a PE image") || ran.stderr.contains("truncated");
            assert!(told, "{ran:#?}");
        }
    }
}

#[test]
fn a_missing_file_and_a_directory_are_refused() {
    let scratch = Scratch::new("missing");
    let missing = scratch.path().join("nothing.sys");
    for verb in ["load", "inspect", "run"] {
        ntsim_on(verb, &missing).refused(2, &["nothing.sys", "No such file"]);
        ntsim_on(verb, scratch.path()).refused(2, &["ntsim-missing"]);
    }
}

#[test]
fn a_32_bit_image_is_refused() {
    let mut image = std::fs::read(sys("input_entry_fails", "input-entry-fails")).unwrap();
    let pe = pe_offset(&image);
    image[pe + 4..pe + 6].copy_from_slice(&0x14C_u16.to_le_bytes());
    image[pe + 24..pe + 26].copy_from_slice(&0x10B_u16.to_le_bytes());
    let scratch = Scratch::new("pe32");
    ntsim_on("load", &scratch.file("pe32.sys", &image)).refused(2, &["pe32.sys", "32-bit"]);
}

#[test]
fn an_image_for_another_processor_is_refused() {
    let mut image = std::fs::read(sys("input_entry_fails", "input-entry-fails")).unwrap();
    let pe = pe_offset(&image);
    image[pe + 4..pe + 6].copy_from_slice(&0xAA64_u16.to_le_bytes());
    let scratch = Scratch::new("arm64");
    ntsim_on("load", &scratch.file("arm64.sys", &image)).refused(2, &["arm64.sys", "0xaa64"]);
}

#[test]
fn an_image_cut_at_any_boundary_is_refused() {
    let image = std::fs::read(sys("ntsim_echo", "ntsim-echo")).unwrap();
    let scratch = Scratch::new("cut");
    let mut cuts = 0;
    for boundary in boundaries(&image) {
        for length in [boundary.saturating_sub(1), boundary] {
            let file = scratch.file("cut.sys", &image[..length]);
            for verb in ["load", "inspect"] {
                let ran = ntsim_on(verb, &file);
                ran.survived();
                ran.refused(2, &["cut.sys"]);
            }
            cuts += 1;
        }
    }
    assert!(cuts > 20, "only {cuts} cuts");
}

/// Every byte of the headers takes a few wrong values; only `inspect`, which runs no code.
#[test]
fn damaged_headers_do_not_crash_the_inspector() {
    let image = std::fs::read(sys("ntsim_echo", "ntsim-echo")).unwrap();
    let scratch = Scratch::new("damaged");
    let pe = pe_offset(&image);
    let headers = pe..pe + 24 + 240 + 5 * 40;
    for (step, offset) in headers.step_by(5).enumerate() {
        let mut damaged = image.clone();
        damaged[offset] = [0xFF, 0x00, 0x80, 0x7F][step % 4];
        let ran = ntsim_on("inspect", &scratch.file("damaged.sys", &damaged));
        ran.survived();
        assert!(matches!(ran.code, Some(0 | 2)), "byte {offset:#x}: {ran:#?}");
    }
}

#[test]
fn an_unknown_import_is_named() {
    let image = std::fs::read(sys("ntsim_echo", "ntsim-echo")).unwrap();
    let name = b"IoCreateSymbolicLink\0";
    let at = image.windows(name.len()).position(|window| window == name).expect("the import");
    let mut changed = image.clone();
    changed[at..at + name.len()].copy_from_slice(b"IoCreateSymbolicSong\0");
    let scratch = Scratch::new("import");
    let ran = ntsim_on("load", &scratch.file("song.sys", &changed));
    ran.refused(2, &["song.sys", "ntoskrnl.exe!IoCreateSymbolicSong"]);
}

#[test]
fn a_failing_driver_entry_is_told_with_its_status() {
    let ran = ntsim_on("load", &sys("input_entry_fails", "input-entry-fails"));
    ran.refused(2, &["DriverEntry of input_entry_fails.sys failed", "STATUS_NO_SUCH_DEVICE"]);
}

#[test]
fn a_driver_that_faults_is_a_bugcheck_with_its_place() {
    let ran: Ran = ntsim_on("load", &sys("input_entry_faults", "input-entry-faults"));
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    ran.says(&[
        "simulated bugcheck",
        "driver: input_entry_faults.sys",
        "0x30",
        "read_depth",
        "entry-faults/src/lib.rs:",
    ]);
}

#[test]
fn what_a_driver_leaves_behind_is_listed_with_its_place() {
    let ran = ntsim_on("load", &sys("input_leaves_things", "input-leaves-things"));
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    for word in [
        "4 left behind",
        r"DEVICE_OBJECT",
        r"\Device\LeavesThings",
        "SYMBOLIC_LINK",
        "IO_WORKITEM",
        "'Left', 100 bytes",
        "leaves-things/src/lib.rs:",
    ] {
        assert!(ran.stdout.contains(word), "stdout lacks `{word}`: {ran:#?}");
    }
}
