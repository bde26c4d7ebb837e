//! Checks of a finished driver image, after every build.
//!
//! | what | why |
//! |---|---|
//! | every import is known | an unknown one keeps Windows from loading the driver |
//! | no way to the out-of-memory handler | it aborts; every allocation of ours can fail instead |
//! | no section both writable and executable | memory integrity (HVCI) refuses it |
//! | the flags of a hardened kernel image | address space layout, no-execute, control flow guard |
//! | no stack probe | a frame of a page or more does not fit a kernel stack |
//!
//! Calls that panic are counted and, with `--verbose`, listed by function.

mod calls;
mod headers;
mod imports;
mod map;

use anyhow::{Context, Result, bail};
use calls::Calls;
use map::SymbolMap;
use object::read::pe::PeFile64;
use std::path::Path;

/// How much to print about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Nothing, unless it fails.
    Quiet,
    /// Two lines.
    Summary,
    /// Also every function that can panic.
    Panics,
}

/// Checks an image that has its linker map (`.map`) beside it.
///
/// Prints what `detail` asks for; fails with every fault found. A bad driver names the faults that it
/// must have (each the start of one), and fails when it lacks one.
pub fn check(sys: &Path, detail: Detail, expected: &[String]) -> Result<()> {
    let data = std::fs::read(sys).with_context(|| sys.display().to_string())?;
    let file = PeFile64::parse(&*data).with_context(|| format!("{} is not a PE32+ image", sys.display()))?;
    let map = sys.with_extension("map");
    let text = std::fs::read_to_string(&map).with_context(|| map.display().to_string())?;
    let symbols = map::parse(&text, headers::image_base(&file));
    let calls = calls::find(&file, &symbols)?;

    let mut faults = headers::faults(&file)?;
    let imported = imports::list(&file)?;
    faults.extend(imports::unknown(&imported)?);
    faults.extend(out_of_memory(&symbols));
    faults.extend(stack_probes(&symbols, &calls));

    let name = sys.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if detail != Detail::Quiet {
        println!("{name}: {}", headers::summary(&file)?);
        println!("{name}: {}, {}", imports::summary(&imported), panics(&symbols, &calls, detail));
    }
    let absent = expected.iter().filter(|wanted| !faults.iter().any(|fault| fault.starts_with(*wanted)));
    let absent: Vec<_> = absent.map(|wanted| format!("expected, but not found: {wanted}")).collect();
    faults.retain(|fault| !expected.iter().any(|wanted| fault.starts_with(wanted)));
    faults.extend(absent);
    if faults.is_empty() {
        return Ok(());
    }
    let listed: String = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    bail!("{name} fails the image check:{listed}");
}

/// Symbols of the path to the out-of-memory handler; the linker keeps only what something refers to.
fn out_of_memory(symbols: &SymbolMap) -> Vec<String> {
    const HANDLERS: [&str; 6] = [
        "alloc::alloc::handle_alloc_error",
        "__rust_alloc_error_handler",
        "__rg_oom",
        "__rdl_alloc_error_handler",
        "alloc::raw_vec::handle_error",
        "alloc::raw_vec::capacity_overflow",
    ];
    let reached = symbols.names().filter(|name| HANDLERS.iter().any(|handler| name.contains(handler)));
    reached.map(|name| format!("the out-of-memory path is linked in: {name}")).collect()
}

fn stack_probes(symbols: &SymbolMap, calls: &Calls) -> Vec<String> {
    let callers = calls.callers(|target| symbols.at(target).any(|name| name == "__chkstk"));
    callers.keys().map(|function| format!("frame of a page or more (calls __chkstk): {function}")).collect()
}

fn panics(symbols: &SymbolMap, calls: &Calls, detail: Detail) -> String {
    let callers = calls.callers(|target| symbols.at(target).any(map::is_panic));
    let outside: Vec<_> = callers.iter().filter(|(function, _)| !map::is_panic(function)).collect();
    let sites: usize = outside.iter().map(|(_, sites)| **sites).sum();
    let listed = outside
        .iter()
        .filter(|_| detail == Detail::Panics)
        .map(|(function, sites)| format!("\n  {sites:3} {function}"));
    format!("{sites} panic sites in {} functions{}", outside.len(), listed.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = " 0001:00000000       handle_alloc_error_counter 0000000180001000     a.o\n \
        0001:00000010       _RNvNtCsdiqRlgL7hLl_5alloc5alloc18handle_alloc_error 0000000180001010     b.o\n";

    #[test]
    fn only_the_real_out_of_memory_handler_is_a_fault() {
        let symbols = map::parse(MAP, 0x1_8000_0000);
        assert_eq!(out_of_memory(&symbols), ["the out-of-memory path is linked in: alloc::alloc::handle_alloc_error"]);
    }
}
