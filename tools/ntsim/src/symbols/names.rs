//! Names for addresses, from the PDB beside the image.

use super::Raw;
use crate::kernel::{Image, Kernel};
use pdb_addr2line::{Context, ContextPdbData, TypeFormatterFlags, pdb::PDB};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A frame with names.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Named {
    /// The module, such as `softndk.sys` or `ntoskrnl.exe`.
    pub module: String,
    /// The function; empty if unknown.
    pub function: String,
    /// Bytes from the function's (or module's) begin.
    pub offset: usize,
    /// Source file; empty if unknown.
    pub file: String,
    /// Line; 0 if unknown.
    pub line: u32,
    /// The function was inlined into the next frame.
    pub inlined: bool,
    /// The frame is not code but a remark such as "called by the kernel".
    pub remark: Option<String>,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(remark) = &self.remark {
            return write!(f, "-- {remark}");
        }
        write!(f, "{}", self.module)?;
        if !self.function.is_empty() {
            write!(f, "!{}", self.function)?;
        }
        if self.inlined {
            write!(f, " [inlined]")?;
        } else if self.offset != 0 {
            write!(f, "+{:#x}", self.offset)?;
        }
        if !self.file.is_empty() {
            write!(f, " ({}:{})", self.file, self.line)?;
        }
        Ok(())
    }
}

/// The names of one captured frame: several if functions were inlined there.
pub(super) fn name(frame: &Raw) -> Vec<Named> {
    match frame {
        // A return address may be the first byte after a call that never returns.
        Raw::Code(address) => name_address(*address, 1),
        Raw::Instruction(address) => name_address(*address, 0),
        Raw::Routine(row) => vec![Named { module: row.module.into(), function: row.name.into(), ..Named::default() }],
        Raw::Called(site) => {
            vec![Named { remark: Some(format!("called by the kernel as {}", site.what)), ..Named::default() }]
        }
    }
}

/// One line for an address.
pub fn describe(address: usize) -> String {
    if address == 0 {
        return "ntsim itself".into();
    }
    let names = name_address(address, 0);
    names.last().map_or_else(String::new, Named::to_string)
}

fn name_address(address: usize, back: usize) -> Vec<Named> {
    let Some(image) = Kernel::get().images.containing(address) else {
        return vec![Named { module: outside(address), ..Named::default() }];
    };
    name_in(image, address - image.base, back)
}

/// Names the code at an offset of an image, loaded or not; `back` is 1 for a return address.
pub fn name_in(image: &Image, rva: usize, back: usize) -> Vec<Named> {
    let plain = || vec![Named { module: image.name.clone(), offset: rva, ..Named::default() }];
    with_symbols(image, |context| {
        let frames = context.find_frames(u32::try_from(rva - back.min(rva)).ok()?).ok()??;
        let last = frames.frames.len().checked_sub(1)?;
        let named = frames.frames.into_iter().enumerate().map(|(index, frame)| Named {
            module: image.name.clone(),
            function: frame.function.unwrap_or_default(),
            offset: if index == last { rva - frames.start_rva as usize } else { 0 },
            file: frame.file.map(|file| shorten(&file)).unwrap_or_default(),
            line: frame.line.unwrap_or_default(),
            inlined: index != last,
            remark: None,
        });
        Some(named.collect())
    })
    .unwrap_or_else(plain)
}

/// Paths below the current directory lose it, as compilers print them.
fn shorten(file: &str) -> String {
    let file = file.replace('\\', "/");
    let here = std::env::current_dir().unwrap_or_default();
    let here = format!("{}/", here.display());
    file.strip_prefix(&here).map(str::to_owned).unwrap_or(file)
}

fn outside(address: usize) -> String {
    match crate::table::all().find(|row| row.target.address() == address) {
        Some(row) => format!("{}!{}", row.module, row.name),
        // A tail call: the address to return to is the kernel's own.
        None => format!("{address:#x}, outside every driver"),
    }
}

type Symbols = Context<'static, 'static>;

thread_local! {
    /// By PDB: a driver that is loaded again has the same. Symbol contexts are not shared between threads; few
    /// threads ever name anything.
    static SYMBOLS: RefCell<HashMap<PathBuf, Option<Symbols>>> = RefCell::new(HashMap::new());
}

fn with_symbols<R>(image: &Image, f: impl FnOnce(&Symbols) -> Option<R>) -> Option<R> {
    let pdb = image.pdb.as_ref()?;
    SYMBOLS.with(|cache| {
        let mut cache = cache.try_borrow_mut().ok()?;
        if !cache.contains_key(pdb) {
            cache.insert(pdb.clone(), open(pdb));
        }
        cache.get(pdb)?.as_ref().and_then(f)
    })
}

/// The parsed data lives for ever: a process reads the symbols of a few images.
fn open(pdb: &Path) -> Option<Symbols> {
    let file = File::open(pdb).ok()?;
    let data: &'static ContextPdbData<'static, 'static, File> =
        Box::leak(Box::new(ContextPdbData::try_from_pdb(PDB::open(file).ok()?).ok()?));
    let flags = TypeFormatterFlags::NO_FUNCTION_RETURN
        | TypeFormatterFlags::NO_MEMBER_FUNCTION_STATIC
        | TypeFormatterFlags::NAME_ONLY
        | TypeFormatterFlags::NO_ARGUMENTS;
    data.make_context_with_formatter_flags(flags).ok()
}
