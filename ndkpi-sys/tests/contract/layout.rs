//! Every row of `docs/contract/ndkpi-layout.tsv` holds for the bindings.

use super::support::{Bindings, rust_type, text};
use ndkpi_sys as sys;

const TSV: &str = include_str!("../../../docs/contract/ndkpi-layout.tsv");

struct Row<'a> {
    kind: &'a str,
    owner: &'a str,
    name: &'a str,
    ty: &'a str,
    offset: &'a str,
    size: &'a str,
    value: &'a str,
    source: &'a str,
    note: &'a str,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Self {
        let mut cells = line.split('\t');
        let mut next = || cells.next().unwrap_or("");
        Self {
            kind: next(),
            owner: next(),
            name: next(),
            ty: next(),
            offset: next(),
            size: next(),
            value: next(),
            source: next(),
            note: {
                next();
                next()
            },
        }
    }

    fn size(&self) -> usize {
        self.size.parse().expect("the size is a number")
    }

    fn offset(&self) -> usize {
        self.offset.parse().expect("the offset is a number")
    }
}

#[test]
fn every_row_holds() {
    let bindings = Bindings::read();
    let lines = || TSV.lines().filter(|line| !line.starts_with('#')).skip(1);
    let mut wrong = Vec::new();
    let mut checked = 0;
    for line in lines() {
        let row = Row::parse(line);
        let outcome = match row.kind {
            "struct" => structure(&bindings, &row),
            "field" => field(&bindings, &row),
            "typedef" => typedef(&bindings, &row),
            "enumtype" => enum_type(&bindings, &row),
            "enum" => enumerator(&bindings, &row),
            "const" => constant(&bindings, &row),
            "fn" => function(&bindings, &row),
            "param" => parameter(&bindings, &row),
            other => Err(format!("unknown kind of row `{other}`")),
        };
        checked += 1;
        if let Err(reason) = outcome {
            wrong.push(format!("{line}\n    {reason}"));
        }
    }
    println!("{checked} rows checked");
    assert_eq!(checked, lines().count());
    assert!(checked > 800, "the contract has lost its rows");
    assert!(wrong.is_empty(), "{} rows do not hold:\n{}", wrong.len(), wrong.join("\n"));
}

// Where the interface has two layouts there are two types, and a row holds for one of them.
fn structure(bindings: &Bindings, row: &Row) -> Result<(), String> {
    let align = row.ty.strip_prefix("align=").and_then(|align| align.parse().ok());
    let layouts: Vec<_> = [row.owner.to_owned(), format!("{}_V1", row.owner)]
        .iter()
        .map(|name| target(bindings, name))
        .filter_map(|name| Some((bindings.size(&name)?, bindings.align(&name))))
        .collect();
    if layouts.contains(&(row.size(), align)) { Ok(()) } else { Err(format!("found {layouts:?}")) }
}

fn field(bindings: &Bindings, row: &Row) -> Result<(), String> {
    let owner = target(bindings, row.owner);
    one_field(bindings, row, &owner)?;
    let older = format!("{owner}_V1");
    if row.source == "wdk8.1" && bindings.members.contains_key(&older) {
        one_field(bindings, row, &older)?;
    }
    Ok(())
}

fn one_field(bindings: &Bindings, row: &Row, owner: &str) -> Result<(), String> {
    let (offset, ty) = bindings.member(owner, row.name).ok_or(format!("{owner} has no such member"))?;
    expect("offset", row.offset(), offset)?;
    expect("size", Some(row.size()), bindings.size_of(ty))?;
    if let Some((result, parameters)) = row.ty.split_once(" (*)(") {
        // A pointer to a function that the contract writes out: the bindings have a name for its type.
        let signature = bindings.callback(&text(ty)).ok_or("not a function pointer")?;
        let types: Vec<_> = signature.parameters.iter().map(|(_, ty)| ty.clone()).collect();
        let wanted: Vec<_> = parameters.trim_end_matches(')').split(", ").map(rust_type).collect();
        expect("parameters", wanted, types)?;
        return expect("result", Some(result).filter(|ty| *ty != "VOID"), signature.result.as_deref());
    }
    expect("type", rust_type(row.ty), text(ty))
}

fn typedef(bindings: &Bindings, row: &Row) -> Result<(), String> {
    let alias = bindings.aliases.get(row.name).ok_or("no such alias")?;
    expect("type", row.ty.to_owned(), text(alias))?;
    expect("size", Some(row.size()), bindings.size_of(alias))
}

fn enum_type(bindings: &Bindings, row: &Row) -> Result<(), String> {
    let alias = bindings.aliases.get(row.name).ok_or("no such type")?;
    expect("size", Some(row.size()), bindings.size_of(alias))?;
    expect("type", "c_int".to_owned(), text(alias))
}

fn enumerator(bindings: &Bindings, row: &Row) -> Result<(), String> {
    let (ty, value) = bindings.constants.get(row.name).ok_or("no such constant")?;
    expect("type", row.owner, ty.as_str())?;
    expect("size", Some(row.size()), bindings.size(ty))?;
    expect("value", number(row.value)?, *value)
}

fn constant(bindings: &Bindings, row: &Row) -> Result<(), String> {
    if let Some(outcome) = computed(row) {
        return outcome;
    }
    // A macro with an argument became one constant for each argument.
    let name = row.name.replace('(', "_").replace(')', "");
    let (ty, value) = bindings.constants.get(&name).ok_or("no such constant")?;
    let size = bindings.size(ty).ok_or("its type has no size")?;
    if row.ty != "integer" {
        // Macros that are plain numbers have no width in C; a cast gives one.
        expect("size", row.size(), size)?;
        let same = row.ty == ty || (row.ty == "UINT64" && ty == "ULONG64");
        expect("type", true, same)?;
    }
    let wanted = number(row.value.split(" (").next().unwrap_or(""))?;
    let mask = (1i128 << (8 * size)) - 1;
    expect("value", wanted, *value & mask)
}

// Constants that are not numbers, or depend on a count.
fn computed(row: &Row) -> Option<Result<(), String>> {
    let outcome = match row.name {
        "NETWORK_DIRECT_KEYWORD" => keyword(row, &sys::NETWORK_DIRECT_KEYWORD),
        "NETWORK_DIRECT_GLOBAL_FLAGS_KEYWORD" => keyword(row, &sys::NETWORK_DIRECT_GLOBAL_FLAGS_KEYWORD),
        "GUID_NDIS_NDK_CAPABILITIES" => guid(row, &sys::GUID_NDIS_NDK_CAPABILITIES),
        "GUID_NDIS_NDK_STATE" => guid(row, &sys::GUID_NDIS_NDK_STATE),
        "NDIS_SIZEOF_NDK_CONNECTIONS_REVISION_1(0)" => sized(row, sys::NDIS_SIZEOF_NDK_CONNECTIONS_REVISION_1(0)),
        "NDIS_SIZEOF_NDK_CONNECTIONS_REVISION_1(1)" => sized(row, sys::NDIS_SIZEOF_NDK_CONNECTIONS_REVISION_1(1)),
        "NDIS_SIZEOF_NDK_LOCAL_ENDPOINTS_REVISION_1(0)" => {
            sized(row, sys::NDIS_SIZEOF_NDK_LOCAL_ENDPOINTS_REVISION_1(0))
        }
        "NDIS_SIZEOF_NDK_LOCAL_ENDPOINTS_REVISION_1(1)" => {
            sized(row, sys::NDIS_SIZEOF_NDK_LOCAL_ENDPOINTS_REVISION_1(1))
        }
        _ => return None,
    };
    Some(outcome)
}

fn keyword(row: &Row, units: &[u16]) -> Result<(), String> {
    expect("text", row.value.trim_matches('"').to_owned(), String::from_utf16_lossy(units))
}

fn guid(row: &Row, guid: &sys::GUID) -> Result<(), String> {
    let tail: String = guid.Data4.iter().map(|byte| format!("{byte:02x}")).collect();
    let (clock, node) = tail.split_at(4);
    let text = format!("{:08x}-{:04x}-{:04x}-{clock}-{node}", guid.Data1, guid.Data2, guid.Data3);
    expect("size", row.size(), size_of::<sys::GUID>())?;
    expect("value", row.value.to_owned(), text)
}

fn sized(row: &Row, size: usize) -> Result<(), String> {
    expect("value", number(row.value)?, size as i128)
}

fn function(bindings: &Bindings, row: &Row) -> Result<(), String> {
    let signature = bindings.callback(row.name).ok_or("no such function type")?;
    let result = row.ty.strip_prefix("returns ").ok_or("the row names no result")?;
    expect("result", Some(result).filter(|ty| *ty != "VOID"), signature.result.as_deref())?;
    let count = row.note.split("; ").find_map(|part| part.strip_suffix(" parameters"));
    let count = count.and_then(|count| count.parse().ok());
    expect("number of parameters", count, Some(signature.parameters.len()))?;
    expect("size", row.size(), size_of::<sys::NDK_FN_SEND>())
}

fn parameter(bindings: &Bindings, row: &Row) -> Result<(), String> {
    let signature = bindings.callback(row.owner).ok_or("no such function type")?;
    let (name, ty) = signature.parameters.get(row.offset()).ok_or("too few parameters")?;
    expect("name", row.name, name.as_str())?;
    expect("type", rust_type(row.ty), ty.clone())?;
    let parsed = syn::parse_str(ty).map_err(|error| error.to_string())?;
    expect("size", Some(row.size()), bindings.size_of(&parsed))
}

// `typedef struct`s that are aliases of others, such as PHYSICAL_ADDRESS.
fn target(bindings: &Bindings, name: &str) -> String {
    bindings.aliases.get(name).map_or_else(|| name.to_owned(), |ty| target(bindings, &text(ty)))
}

fn number(text: &str) -> Result<i128, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is not a number"))
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, wanted: T, found: T) -> Result<(), String> {
    if wanted == found { Ok(()) } else { Err(format!("{what}: the contract has {wanted:?}, the bindings {found:?}")) }
}
