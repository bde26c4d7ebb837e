//! Direct calls and jumps between the functions of an image.

use super::map::SymbolMap;
use anyhow::Result;
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction};
use object::read::pe::PeFile64;
use object::{Object, ObjectSection, SectionFlags};
use std::collections::BTreeMap;

/// `(function, target)` of every direct call, and of every jump that leaves its function.
#[derive(Debug, Default)]
pub struct Calls {
    edges: Vec<(String, u32)>,
}

impl Calls {
    /// The functions that reach a wanted target directly, with the number of places.
    pub fn callers(&self, wanted: impl Fn(u32) -> bool) -> BTreeMap<&str, usize> {
        let mut callers = BTreeMap::new();
        for (function, _) in self.edges.iter().filter(|(_, target)| wanted(*target)) {
            *callers.entry(function.as_str()).or_default() += 1;
        }
        callers
    }
}

/// Disassembles the executable sections, function by function.
pub fn find(file: &PeFile64, symbols: &SymbolMap) -> Result<Calls> {
    let base = file.relative_address_base();
    let mut calls = Calls::default();
    for section in file.sections() {
        let SectionFlags::Coff { characteristics } = section.flags() else {
            continue;
        };
        if characteristics & object::pe::IMAGE_SCN_MEM_EXECUTE == 0 {
            continue;
        }
        let start = u32::try_from(section.address() - base)?;
        let bytes = section.data()?;
        let end = start.saturating_add(u32::try_from(bytes.len())?);
        let mut edges: Vec<u32> = symbols.starts(start..end).collect();
        edges.push(end);
        for pair in edges.windows(2) {
            let [from, to] = *pair else { continue };
            let code = bytes.get((from - start) as usize..(to - start) as usize).unwrap_or_default();
            function(code, from..to, symbols, &mut calls);
        }
    }
    Ok(calls)
}

fn function(code: &[u8], range: std::ops::Range<u32>, symbols: &SymbolMap, calls: &mut Calls) {
    let Some((_, name)) = symbols.covering(range.start) else {
        return;
    };
    let mut decoder = Decoder::with_ip(64, code, u64::from(range.start), DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        let leaves = match instruction.flow_control() {
            FlowControl::Call => instruction.is_call_near(),
            // A jump out of the function is a call in tail position.
            FlowControl::UnconditionalBranch => instruction.is_jmp_short_or_near(),
            FlowControl::ConditionalBranch => instruction.is_jcc_short_or_near(),
            _ => false,
        };
        let target = u32::try_from(instruction.near_branch_target()).unwrap_or_default();
        if leaves && (instruction.is_call_near() || !range.contains(&target)) {
            calls.edges.push((name.to_owned(), target));
        }
    }
}
