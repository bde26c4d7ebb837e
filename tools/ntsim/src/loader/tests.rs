//! Images crafted by hand.

use super::pe::Pe;
use super::{LoadError, load};
use std::path::PathBuf;

/// A small image with `.text` (entry `xor eax, eax; ret`) and, if wanted, one import.
struct Image {
    bytes: Vec<u8>,
}

const HEADER: usize = 0x80;
const OPTIONAL: usize = HEADER + 24;
const SECTIONS: usize = OPTIONAL + 240;
const TEXT: usize = 0x400;

impl Image {
    fn new() -> Self {
        let mut image = Self { bytes: vec![0; 0x800] };
        image.bytes[..2].copy_from_slice(b"MZ");
        image.put(0x3c, &(HEADER as u32).to_le_bytes());
        image.put(HEADER, b"PE\0\0");
        image.put(HEADER + 4, &0x8664u16.to_le_bytes());
        image.put(HEADER + 6, &1u16.to_le_bytes());
        image.put(HEADER + 20, &240u16.to_le_bytes());
        image.put(HEADER + 22, &0x22u16.to_le_bytes());
        image.put(OPTIONAL, &0x20bu16.to_le_bytes());
        image.put(OPTIONAL + 16, &0x1000u32.to_le_bytes());
        image.put(OPTIONAL + 24, &0x1_8000_0000u64.to_le_bytes());
        image.put(OPTIONAL + 32, &0x1000u32.to_le_bytes());
        image.put(OPTIONAL + 36, &0x200u32.to_le_bytes());
        image.put(OPTIONAL + 56, &0x2000u32.to_le_bytes());
        image.put(OPTIONAL + 60, &0x400u32.to_le_bytes());
        image.put(OPTIONAL + 68, &1u16.to_le_bytes());
        image.put(OPTIONAL + 108, &16u32.to_le_bytes());
        image.put(SECTIONS, b".text");
        image.put(SECTIONS + 8, &0x400u32.to_le_bytes());
        image.put(SECTIONS + 12, &0x1000u32.to_le_bytes());
        image.put(SECTIONS + 16, &0x400u32.to_le_bytes());
        image.put(SECTIONS + 20, &(TEXT as u32).to_le_bytes());
        image.put(SECTIONS + 36, &0x6000_0020u32.to_le_bytes());
        image.put(TEXT, &[0x31, 0xc0, 0xc3]);
        image
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// One import of `routine` from `module`; the table lies in `.text`, as nothing runs it.
    fn import(mut self, module: &str, routine: &str) -> Self {
        self.put(OPTIONAL + 112 + 8, &0x1100u32.to_le_bytes());
        self.put(OPTIONAL + 112 + 12, &40u32.to_le_bytes());
        self.put(TEXT + 0x100 + 12, &0x1200u32.to_le_bytes());
        self.put(TEXT + 0x100 + 16, &0x1240u32.to_le_bytes());
        self.put(TEXT + 0x200, module.as_bytes());
        self.put(TEXT + 0x240, &0x1280u64.to_le_bytes());
        self.put(TEXT + 0x282, routine.as_bytes());
        self
    }

    fn load(&self, name: &str) -> Result<&'static super::Image, LoadError> {
        let path = std::env::temp_dir().join(format!("ntsim-loader-{}-{name}.sys", std::process::id()));
        std::fs::write(&path, &self.bytes).expect("writable");
        let result = load(&path);
        std::fs::remove_file(&path).expect("removable");
        result
    }

    fn error(&self, name: &str) -> String {
        let error = self.load(name).expect_err("refused").to_string();
        assert!(!error.contains('\n'), "{error}");
        error
    }
}

#[test]
fn a_good_image_is_mapped_and_runs() {
    let image = Image::new().load("good").expect("loads");
    assert_eq!(image.entry, image.base + 0x1000);
    assert!(image.contains(image.entry));
    // SAFETY: the entry is `xor eax, eax; ret`.
    let entry: unsafe extern "win64" fn() -> u32 = unsafe { std::mem::transmute(image.entry) };
    // SAFETY: as above.
    assert_eq!(unsafe { entry() }, 0);
}

#[test]
fn imports_are_bound_by_name() {
    let image = Image::new().import("NTOSKRNL.exe", "KeGetCurrentIrql").load("import").expect("loads");
    // SAFETY: the slot lies in the mapped image.
    let slot = unsafe { ((image.base + 0x1240) as *const usize).read() };
    assert_eq!(slot, crate::table::find("ntoskrnl.exe", "KeGetCurrentIrql").expect("a row").target.address());
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let missing = load(&PathBuf::from("/nonexistent/x.sys")).expect_err("missing").to_string();
    assert!(missing.starts_with("cannot read /nonexistent/x.sys"), "{missing}");

    let unknown = Image::new().import("ntoskrnl.exe", "KeFrobnicate").error("unknown");
    assert!(unknown.ends_with("imports what no known kernel module exports: ntoskrnl.exe!KeFrobnicate"), "{unknown}");

    let mut image = Image::new();
    image.put(0, b"ZM");
    assert!(image.error("mz").contains("is not a PE image: it does not start with MZ"));

    let mut image = Image::new();
    image.put(OPTIONAL, &0x10bu16.to_le_bytes());
    assert!(image.error("pe32").contains("is a 32-bit PE image"));

    let mut image = Image::new();
    image.put(HEADER + 4, &0xaa64u16.to_le_bytes());
    assert!(image.error("arm").contains("is built for machine 0xaa64, not for x86_64"));

    let mut image = Image::new();
    image.put(OPTIONAL + 16, &0u32.to_le_bytes());
    assert!(image.error("entry").ends_with("has no entry point"));

    let mut image = Image::new();
    image.put(SECTIONS + 36, &0xe000_0020u32.to_le_bytes());
    assert!(image.error("wx").ends_with("is refused: section .text is writable and executable"));

    let mut image = Image::new();
    image.put(SECTIONS + 12, &0x3000u32.to_le_bytes());
    assert!(image.error("range").contains("section .text reaches over the end of the image"));
}

#[test]
fn every_truncation_is_an_error_and_no_crash() {
    let whole = Image::new().import("ntoskrnl.exe", "KeGetCurrentIrql").bytes;
    for length in 0..whole.len() {
        let error = Pe::parse("x.sys", whole[..length].to_vec()).expect_err("too short").to_string();
        let expected = if length < 2 { "is not a PE image" } else { "is truncated: " };
        assert!(error.contains(expected), "{length}: {error}");
    }
    Pe::parse("x.sys", whole).expect("whole");
}

#[test]
fn damaged_bytes_never_crash_the_loader() {
    let whole = Image::new().import("ntoskrnl.exe", "KeGetCurrentIrql");
    for at in (0..SECTIONS + 40).chain(TEXT + 0x100..TEXT + 0x128).chain(TEXT + 0x240..TEXT + 0x250) {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut image = Image { bytes: whole.bytes.clone() };
            image.bytes[at] = value;
            if let Ok(pe) = Pe::parse("x.sys", image.bytes)
                && let Some(bytes) = pe.at(pe.entry, 1)
            {
                assert_eq!(bytes.len(), 1);
            }
        }
    }
}
