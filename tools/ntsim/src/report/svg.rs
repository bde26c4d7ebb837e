//! The timeline as a picture: time goes down, each thread has a column.
//!
//! A row is the begin of something; bars at its left reach down to its end. What began and ended
//! without anything in between is one row. The strip at a column's left edge is the IRQL, thin bars
//! at its right edge are spin locks held.

use super::html::escape;
use crate::trace::{Kind, Lane, Shown};
use std::collections::HashMap;
use std::fmt::Write;

const ROW: usize = 20;
const HEAD: usize = 46;
const GUTTER: usize = 92;
const INDENT: usize = 12;
const FIRST_COLUMN: usize = 560;
const COLUMN: usize = 400;
const ONLY_COLUMN: usize = 960;
/// Columns beyond these are listed in the tables only.
const COLUMNS: usize = 4;
const ROWS: usize = 64;
const DEEPEST: usize = 9;
/// Width of a character, generously.
const CHARACTER: usize = 7;

/// Something with a begin and, if it is over, an end; microseconds.
struct Item {
    column: usize,
    depth: usize,
    begin: f64,
    end: Option<f64>,
    kind: Kind,
    name: String,
    place: String,
    irql: u8,
    /// The IRQL at its end.
    irql_after: u8,
    /// How often in a row.
    times: usize,
}

/// Draws the lanes; `failure` names what the end of the subject's lane is.
pub(super) fn timeline(lanes: &[Lane], failure: Option<&str>) -> String {
    let all = lanes.iter().enumerate().flat_map(|(column, lane)| items(column, lane));
    let (mut locks, rows): (Vec<_>, Vec<_>) = all.partition(|item| item.kind == Kind::Lock);
    let mut rows = gathered(rows);
    rows.sort_by(|a, b| a.begin.total_cmp(&b.begin));
    rows.drain(..rows.len().saturating_sub(ROWS));
    // Columns without a row say nothing, and there is room for few.
    let busy = |column: usize| rows.iter().any(|row| row.column == column);
    let columns: Vec<usize> =
        (0..lanes.len()).filter(|column| lanes[*column].is_subject || busy(*column)).take(COLUMNS).collect();
    for list in [&mut rows, &mut locks] {
        list.retain_mut(|item| match columns.iter().position(|column| *column == item.column) {
            Some(place) => {
                item.column = place;
                true
            }
            None => false,
        });
    }
    if rows.is_empty() {
        return String::new();
    }
    let shown: Vec<&Lane> = columns.iter().map(|column| &lanes[*column]).collect();
    let picture = Picture { begins: rows.iter().map(|row| row.begin).collect(), columns: shown.len() };
    picture.draw(&shown, &rows, &locks, failure)
}

/// The same call from the same function again and again is one row.
fn gathered(rows: Vec<Item>) -> Vec<Item> {
    let mut out: Vec<Item> = Vec::new();
    for row in rows {
        if let Some(last) = out.last_mut() {
            let over = last.end.is_some_and(|end| end <= row.begin) && row.end.is_some() && row.kind == Kind::Call;
            let same = last.column == row.column && last.depth == row.depth && last.name == row.name;
            if over && same && last.irql == row.irql && function(&last.place) == function(&row.place) {
                last.end = row.end;
                last.irql_after = row.irql_after;
                last.times += 1;
                continue;
            }
        }
        out.push(row);
    }
    out
}

/// Pairs begins with ends. What an exception left open ends with what is around it.
fn items(column: usize, lane: &Lane) -> Vec<Item> {
    let mut all: Vec<Item> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut held: HashMap<&str, usize> = HashMap::new();
    for event in &lane.events {
        let closes = |item: &Item, kind: Kind| item.kind == kind && item.name == event.name;
        let opener = match event.kind {
            Kind::Return => Some(Kind::Call),
            Kind::Leave => Some(Kind::Enter),
            Kind::LockWaitEnd => Some(Kind::LockWait),
            _ => None,
        };
        match (event.kind, opener) {
            (_, Some(kind)) => {
                if let Some(depth) = open.iter().rposition(|index| closes(&all[*index], kind)) {
                    for index in open.drain(depth..) {
                        all[index].end = Some(event.at_us);
                        all[index].irql_after = event.irql;
                    }
                }
            }
            (Kind::Unlock, _) => {
                if let Some(index) = held.remove(event.name.as_str()) {
                    all[index].end = Some(event.at_us);
                }
            }
            (kind, _) => {
                let item = item(column, open.len(), event);
                match kind {
                    Kind::Lock => drop(held.insert(&event.name, all.len())),
                    Kind::Exception => {}
                    _ => open.push(all.len()),
                }
                all.push(item);
            }
        }
    }
    all
}

fn item(column: usize, depth: usize, event: &Shown) -> Item {
    Item {
        column,
        depth: depth.min(DEEPEST),
        begin: event.at_us,
        end: (event.kind == Kind::Exception).then_some(event.at_us),
        kind: event.kind,
        name: event.name.clone(),
        place: event.place.clone(),
        irql: event.irql,
        irql_after: event.irql,
        times: 1,
    }
}

struct Picture {
    /// When each row begins.
    begins: Vec<f64>,
    columns: usize,
}

impl Picture {
    fn x(&self, column: usize) -> usize {
        GUTTER + if column == 0 { 0 } else { FIRST_COLUMN + (column - 1) * COLUMN }
    }

    fn width(&self, column: usize) -> usize {
        match column {
            0 if self.columns == 1 => ONLY_COLUMN,
            0 => FIRST_COLUMN,
            _ => COLUMN,
        }
    }

    fn y(row: usize) -> usize {
        HEAD + row * ROW
    }

    /// The end of the last row that had begun by then.
    fn y_at(&self, time: Option<f64>) -> usize {
        let rows = time.map_or(self.begins.len(), |time| self.begins.partition_point(|begin| *begin < time));
        Self::y(rows)
    }

    fn draw(&self, lanes: &[&Lane], rows: &[Item], locks: &[Item], failure: Option<&str>) -> String {
        let width = self.x(self.columns - 1) + self.width(self.columns - 1) + 16;
        let bottom = Self::y(rows.len());
        let height = bottom + if failure.is_some() { 34 } else { 12 };
        let mut out = format!(
            "<svg class=\"timeline\" role=\"img\" aria-label=\"What the threads did last\" \
             width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n"
        );
        for (row, item) in rows.iter().enumerate() {
            self.row(&mut out, row, item, width);
        }
        for (column, lane) in lanes.iter().enumerate() {
            self.head(&mut out, column, lane, bottom);
            self.irql(&mut out, column, rows, bottom);
        }
        for item in rows {
            self.bar(&mut out, item, rows);
        }
        self.locks(&mut out, locks);
        if let Some(failure) = failure {
            let (x, y) = (self.x(0), bottom + 4);
            let _ = writeln!(
                out,
                "<rect class=\"failure\" x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"24\" rx=\"4\"/>\
                 <text class=\"failure-text\" x=\"{}\" y=\"{}\">stopped: {}</text>",
                self.width(0) - 12,
                x + 12,
                y + 17,
                escape(failure)
            );
        }
        out + "</svg>\n"
    }

    fn head(&self, out: &mut String, column: usize, lane: &Lane, bottom: usize) {
        let x = self.x(column);
        let class = if lane.is_subject { "lane subject" } else { "lane" };
        let name = clip(&lane.thread, (self.width(column) - 70) / CHARACTER);
        let _ = writeln!(
            out,
            "<line class=\"divider\" x1=\"{x}\" y1=\"8\" x2=\"{x}\" y2=\"{bottom}\"/>\
             <text class=\"{class}\" x=\"{}\" y=\"24\">{} <tspan class=\"dim\">({})</tspan></text>",
            x + 8,
            escape(&name),
            lane.id
        );
    }

    /// One background stripe, the time, the label.
    fn row(&self, out: &mut String, row: usize, item: &Item, width: usize) {
        let y = Self::y(row);
        if row.is_multiple_of(2) {
            let _ = writeln!(out, "<rect class=\"stripe\" x=\"0\" y=\"{y}\" width=\"{width}\" height=\"{ROW}\"/>");
        }
        let text = y + 14;
        let x = self.x(item.column) + 20 + (item.depth + 1) * INDENT + 4;
        let room = (self.x(item.column) + self.width(item.column)).saturating_sub(x + 30) / CHARACTER;
        let times = if item.times > 1 { format!(" ×{}", item.times) } else { String::new() };
        let name = clip(&item.name, room.saturating_sub(times.chars().count())) + &times;
        let place = clip(&function(&item.place), room.saturating_sub(name.chars().count() + 2));
        let _ = writeln!(
            out,
            "<text class=\"time\" x=\"{}\" y=\"{text}\">{}</text>\
             <text class=\"event {}\" x=\"{x}\" y=\"{text}\"><title>{}</title>{}<tspan class=\"dim\" dx=\"8\">{}</tspan></text>",
            GUTTER - 10,
            time(item.begin),
            class(item.kind),
            escape(&tooltip(item)),
            escape(&name),
            escape(&place)
        );
    }

    fn bar(&self, out: &mut String, item: &Item, rows: &[Item]) {
        let from = Self::y(self.begins.partition_point(|begin| *begin < item.begin)) + 3;
        let next = rows.iter().any(|other| other.column == item.column && other.begin > item.begin);
        let to = if item.end.is_some() || next { self.y_at(item.end) } else { Self::y(self.begins.len()) };
        let _ = writeln!(
            out,
            "<rect class=\"bar {}\" x=\"{}\" y=\"{from}\" width=\"7\" height=\"{}\" rx=\"2\"><title>{}</title></rect>",
            class(item.kind),
            self.x(item.column) + 22 + item.depth * INDENT,
            to.saturating_sub(from + 3).max(ROW - 6),
            escape(&tooltip(item))
        );
    }

    /// From each of the thread's rows to its next one; what ended in between changes it half a row on.
    fn irql(&self, out: &mut String, column: usize, rows: &[Item], bottom: usize) {
        let own: Vec<(usize, &Item)> = rows.iter().enumerate().filter(|(_, item)| item.column == column).collect();
        let x = self.x(column) + 6;
        let mut strip = |from: usize, to: usize, irql: u8| {
            let _ = writeln!(
                out,
                "<rect class=\"irql irql-{}\" x=\"{x}\" y=\"{from}\" width=\"8\" height=\"{}\"><title>IRQL {irql}</title></rect>",
                irql.min(3),
                to - from
            );
        };
        for (index, (row, item)) in own.iter().enumerate() {
            let next = own.get(index + 1);
            let (from, to) = (Self::y(*row), next.map_or(bottom, |(next, _)| Self::y(*next)));
            let is_over = item.end.is_some_and(|end| next.is_none_or(|(_, next)| end <= next.begin));
            if is_over && item.irql_after != item.irql {
                strip(from, from + ROW / 2, item.irql);
                strip(from + ROW / 2, to, item.irql_after);
            } else {
                strip(from, to, item.irql);
            }
        }
    }

    fn locks(&self, out: &mut String, locks: &[Item]) {
        let first = self.begins.first().copied().unwrap_or_default();
        let mut busy: HashMap<usize, usize> = HashMap::new();
        for item in locks.iter().filter(|item| item.end.is_none_or(|end| end > first)) {
            let lane = busy.entry(item.column).or_default();
            // Taken and released in the middle of the calls that do it.
            let from = (self.y_at(Some(item.begin)) - ROW / 2).max(HEAD);
            let to = self.y_at(item.end) - if item.end.is_some() { ROW / 2 } else { 0 };
            let x = self.x(item.column) + self.width(item.column) - 14 - (*lane % 3) * 7;
            *lane += 1;
            let _ = writeln!(
                out,
                "<rect class=\"bar lock-held\" x=\"{x}\" y=\"{}\" width=\"4\" height=\"{}\" rx=\"2\"><title>{} held</title></rect>",
                from,
                to.saturating_sub(from).max(ROW / 2),
                escape(&item.name)
            );
        }
    }
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Call | Kind::Return => "call",
        Kind::Enter | Kind::Leave => "enter",
        Kind::Lock | Kind::Unlock | Kind::LockWait | Kind::LockWaitEnd => "lock",
        Kind::Exception => "exception",
    }
}

fn tooltip(item: &Item) -> String {
    let mut text = item.name.clone();
    if !item.place.is_empty() {
        let word = if item.kind == Kind::Call { "called from" } else { "function" };
        let _ = write!(text, "\n{word} {}", item.place);
    }
    let _ = write!(text, "\nIRQL {}, began {} before the end", item.irql, time(item.begin).trim_start_matches('-'));
    match item.end {
        Some(end) => {
            let _ = write!(text, ", took {}", time(end - item.begin));
        }
        None => text.push_str(", not over"),
    }
    text
}

/// A duration in a unit that fits.
pub(super) fn time(microseconds: f64) -> String {
    match microseconds.abs() {
        us if us < 1000.0 => format!("{microseconds:.1} µs"),
        us if us < 1_000_000.0 => format!("{:.2} ms", microseconds / 1000.0),
        _ => format!("{:.2} s", microseconds / 1e6),
    }
}

/// `driver.sys!function` of a described address.
fn function(place: &str) -> String {
    let name = place.split_once(" (").map_or(place, |(name, _)| name);
    let name = name.split_once('+').map_or(name, |(name, _)| name);
    name.to_owned()
}

fn clip(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    if room < 4 {
        return String::new();
    }
    text.chars().take(room - 1).chain(['…']).collect()
}
