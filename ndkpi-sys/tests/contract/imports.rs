//! Every function of `ndis.sys` and `netio.sys` that `docs/contract/imports.tsv` lists is bound as it says.

use super::support::{Bindings, Signature, rust_type};

const TSV: &str = include_str!("../../../docs/contract/imports.tsv");

/// Exports that a driver does not import by name, with the reason.
const NOT_IMPORTED: &[(&str, &str)] = &[
    ("NdisOpenNDKAdapter", "undocumented; consumers open adapters through WSK"),
    ("NdisCloseNDKAdapter", "undocumented; consumers open adapters through WSK"),
    ("NdisRegisterPoll", "NDIS 6.85: has to be looked up at run time"),
    ("NdisDeregisterPoll", "NDIS 6.85: has to be looked up at run time"),
    ("NdisRequestPoll", "NDIS 6.85: has to be looked up at run time"),
    ("NdisSetPollAffinity", "NDIS 6.85: has to be looked up at run time"),
];

#[test]
fn listed_exports_are_bound() {
    let bindings = Bindings::read();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for line in TSV.lines().filter(|line| line.starts_with("ndis.sys") || line.starts_with("netio.sys")) {
        let cells: Vec<_> = line.split('\t').collect();
        let [module, name, signature, _, _, _, kind, ..] = cells[..] else { panic!("too few cells: {line}") };
        if kind != "export" {
            assert!(["macro", "inline"].contains(&kind), "unknown kind of row: {line}");
            continue;
        }
        let absent = NOT_IMPORTED.iter().any(|(not, _)| *not == name);
        let outcome = match bindings.imports.get(name) {
            None if absent => Ok(()),
            Some(_) if absent => Err("bound, though it should not be imported".into()),
            None => Err("not bound".into()),
            Some((attributes, _)) if !attributes.contains(module) => Err(format!("bound as {attributes}")),
            Some((_, found)) => compare(signature, found),
        };
        checked += 1;
        if let Err(reason) = outcome {
            wrong.push(format!("{name}: {reason}"));
        }
    }
    println!("{checked} exports checked");
    assert!(checked > 100, "the contract has lost its rows");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare(prototype: &str, found: &Signature) -> Result<(), String> {
    let (result, parameters) = prototype.trim_end_matches(')').split_once('(').ok_or("odd prototype")?;
    let result = Some(result).filter(|ty| *ty != "VOID");
    let variadic = parameters.ends_with(", ...");
    let wanted: Vec<_> = parameters
        .trim_end_matches(", ...")
        .split(", ")
        .filter(|ty| *ty != "VOID")
        .map(|ty| rust_type(ty).replace("*mut VOID", "PVOID"))
        .collect();
    let types: Vec<_> = found.parameters.iter().map(|(_, ty)| ty.replace("*mut VOID", "PVOID")).collect();
    let same = result == found.result.as_deref() && wanted == types && variadic == found.variadic;
    if same { Ok(()) } else { Err(format!("the contract has {prototype}, the bindings {types:?} {:?}", found.result)) }
}
