//! Reads `docs/contract/wdk-sys-api.tsv`, the declared face of the real `wdk-sys`.

use anyhow::{Context, Result, bail};

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A routine: its name and its type as a Rust function pointer type.
    Function { name: String, signature: String },
    /// A type alias and what it stands for.
    Alias { name: String, target: String },
    /// A struct or union whose fields the table lists.
    Record { name: String, union: bool, layout: Layout, fields: Vec<Field> },
    /// A type of which only the size matters, or not even that.
    Opaque { name: String, layout: Layout },
}

/// Size and alignment in bytes; `None` where C code never sees the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of one value.
    pub size: Option<u64>,
    /// Alignment in bytes.
    pub align: Option<u64>,
}

/// A field of a [`Row::Record`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name, `__bindgen_anon_N` for an unnamed member.
    pub name: String,
    /// Bytes from the start; the table leaves it open for unnamed members.
    pub offset: Option<u64>,
    /// The Rust type.
    pub kind: String,
}

/// Parses the whole table; an unknown kind of row is an error, never skipped.
pub fn parse(text: &str) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') || line.starts_with("kind\t") {
            continue;
        }
        parse_line(line, &mut rows).with_context(|| format!("wdk-sys-api.tsv line {}", index + 1))?;
    }
    Ok(rows)
}

fn parse_line(line: &str, rows: &mut Vec<Row>) -> Result<()> {
    let mut columns = line.splitn(3, '\t');
    let (Some(kind), Some(name), Some(declaration)) = (columns.next(), columns.next(), columns.next()) else {
        bail!("three columns expected");
    };
    let owned = name.to_owned();
    match kind {
        "fn" => rows.push(Row::Function { name: owned, signature: declaration.to_owned() }),
        "type" => rows.push(Row::Alias { name: owned, target: declaration.to_owned() }),
        "opaque" => rows.push(Row::Opaque { name: owned, layout: layout(declaration)? }),
        "struct" | "union" => {
            rows.push(Row::Record {
                name: owned,
                union: kind == "union",
                layout: layout(declaration)?,
                fields: Vec::new(),
            });
        }
        "field" => add_field(name, declaration, rows)?,
        other => bail!("unknown kind of row `{other}`"),
    }
    Ok(())
}

fn add_field(path: &str, declaration: &str, rows: &mut [Row]) -> Result<()> {
    let (record, field) = path.split_once('.').context("a field is named `struct.field`")?;
    let Some(Row::Record { name, fields, .. }) = rows.last_mut() else {
        bail!("field row outside a struct");
    };
    if name != record {
        bail!("field of {record} inside {name}");
    }
    let (offset, kind) = declaration.split_once(' ').context("`offset=N type` expected")?;
    fields.push(Field { name: field.to_owned(), offset: number(offset, "offset=")?, kind: kind.to_owned() });
    Ok(())
}

fn layout(declaration: &str) -> Result<Layout> {
    let (size, align) = declaration.split_once(' ').context("`size=N align=N` expected")?;
    Ok(Layout { size: number(size, "size=")?, align: number(align, "align=")? })
}

fn number(text: &str, prefix: &str) -> Result<Option<u64>> {
    let digits = text.strip_prefix(prefix).with_context(|| format!("`{prefix}` expected in `{text}`"))?;
    if digits == "?" { Ok(None) } else { Ok(Some(digits.parse()?)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_collects_its_fields() {
        let rows = parse(
            "struct\t_A\tsize=16 align=8\nfield\t_A.X\toffset=8 ULONG\nfield\t_A.__bindgen_anon_1\toffset=? _B\n",
        )
        .unwrap();
        let [Row::Record { fields, layout, .. }] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!(layout.size, Some(16));
        assert_eq!(fields[0], Field { name: "X".into(), offset: Some(8), kind: "ULONG".into() });
        assert_eq!(fields[1].offset, None);
    }

    #[test]
    fn an_unknown_kind_is_an_error() {
        assert!(parse("macro\tX\t1\n").unwrap_err().root_cause().to_string().contains("macro"));
    }
}
