//! The report as one page without anything from outside, readable without knowing ntsim.

use super::document::{Document, Outcome};
use super::source;
use super::svg::{time, timeline};
use crate::bugcheck::{Report, ReportStack};
use crate::symbols::Named;
use crate::table::irql_name;
use crate::trace::{Kind, Lane};
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub(super) fn page(document: &Document) -> String {
    let class = match document.outcome {
        Outcome::Passed => "passed",
        Outcome::Bugcheck | Outcome::Leaks | Outcome::Failed => "failed",
    };
    let kicker = match document.outcome {
        Outcome::Bugcheck => "A rule of the kernel was broken",
        Outcome::Leaks => "Left behind after unload",
        Outcome::Failed => "The run failed",
        Outcome::Passed => "The run passed",
    };
    let mut body = format!(
        "<header class=\"{class}\"><p class=\"kicker\">{kicker}</p><h1>{}</h1><p class=\"lead\">{}</p></header>\n<main>\n",
        escape(&document.title),
        escape(&document.summary)
    );
    if let Some(report) = &document.bugcheck {
        rule(&mut body, report, &document.advice);
        facts(&mut body, document, report);
        stacks(&mut body, report);
    } else if !document.advice.is_empty() {
        let _ = writeln!(body, "<section><h2>What to do</h2><p>{}</p></section>", escape(&document.advice));
    }
    leaks(&mut body, document);
    events(&mut body, document);
    machine(&mut body, document);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>ntsim: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}</main>\n\
         <footer>ntsim {} · a Windows kernel in user mode</footer>\n</body>\n</html>\n",
        escape(&document.title),
        escape(document.ntsim)
    )
}

/// Text for HTML, in elements and in attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What a driver printed into a name may hold anything.
            control if control.is_control() && control != '\n' => out.push('\u{FFFD}'),
            other => out.push(other),
        }
    }
    out
}

fn rule(body: &mut String, report: &Report, advice: &str) {
    let _ = writeln!(
        body,
        "<div class=\"pair\"><section><h2>The rule</h2><p>{}</p></section>\
         <section class=\"advice\"><h2>What to do</h2><p>{}</p></section></div>",
        escape(report.meaning),
        escape(advice)
    );
}

fn facts(body: &mut String, document: &Document, report: &Report) {
    let [a, b, c, d] = report.params;
    let mut rows = vec![
        ("Bugcheck", format!("{:#010X} {}", report.number, report.name)),
        ("Parameters", format!("{a:#x}, {b:#x}, {c:#x}, {d:#x}")),
        ("Driver", if report.driver.is_empty() { "unknown".to_owned() } else { report.driver.clone() }),
        ("Thread", report.thread.clone()),
        ("IRQL", format!("{} ({})", report.irql, irql_name(report.irql))),
    ];
    rows.extend(report.notes.iter().map(|note| ("Note", note.clone())));
    if document.locks.is_empty() {
        rows.push(("Spin locks held", "none".to_owned()));
    }
    rows.extend(
        document
            .locks
            .iter()
            .map(|lock| ("Spin lock held", format!("{:#x} ({}), taken at {}", lock.address, lock.kind, lock.taken_at))),
    );
    body.push_str("<section><h2>Facts</h2><dl>\n");
    for (name, value) in rows {
        let _ = writeln!(body, "<dt>{name}</dt><dd>{}</dd>", escape(&value));
    }
    body.push_str("</dl></section>\n");
}

/// The stack, then those of the object's past in the order in which they happened.
fn stacks(body: &mut String, report: &Report) {
    let Some((first, related)) = report.stacks.split_first() else {
        return;
    };
    body.push_str("<section><h2>Where it happened</h2>\n");
    if first.frames.is_empty() {
        body.push_str("<p>No driver code was running on this thread: the kernel itself found the rule broken.</p>");
    }
    frames(body, first, &report.driver, true);
    body.push_str("</section>\n");
    if related.is_empty() {
        return;
    }
    body.push_str("<section><h2>The history of the object</h2><ol class=\"history\">\n");
    // Violations name the latest first.
    for stack in related.iter().rev() {
        let place = stack.frames.iter().find(|frame| is_own(frame, &report.driver)).map_or_else(String::new, place);
        let _ = writeln!(
            body,
            "<li><details><summary><b>{}</b> <span class=\"dim\">{}</span></summary>",
            escape(&stack.title),
            escape(&place)
        );
        frames(body, stack, &report.driver, true);
        body.push_str("</details></li>\n");
    }
    let _ =
        writeln!(body, "<li><b>then the rule was broken</b> <span class=\"dim\">{}</span></li>", escape(&report.text));
    body.push_str("</ol></section>\n");
}

fn is_own(frame: &Named, driver: &str) -> bool {
    frame.remark.is_none() && frame.module == driver && !frame.file.is_empty()
}

fn place(frame: &Named) -> String {
    if frame.file.is_empty() {
        format!("{}+{:#x}", frame.module, frame.offset)
    } else {
        format!("{} — {}:{}", frame.function, frame.file, frame.line)
    }
}

fn frames(body: &mut String, stack: &ReportStack, driver: &str, with_source: bool) {
    body.push_str("<ol class=\"stack\">\n");
    let mut first = with_source;
    let mut number = 0;
    for frame in &stack.frames {
        if let Some(remark) = &frame.remark {
            let _ = writeln!(body, "<li class=\"remark\">{}</li>", escape(remark));
            continue;
        }
        let own = is_own(frame, driver);
        let class = if own { "own" } else { "" };
        let function = if frame.function.is_empty() { format!("+{:#x}", frame.offset) } else { frame.function.clone() };
        let inlined = if frame.inlined { " <span class=\"tag\">inlined</span>" } else { "" };
        let _ = write!(
            body,
            "<li value=\"{number}\" class=\"{class}\"><code><span class=\"dim\">{}!</span>{}</code>{inlined}",
            escape(&frame.module),
            escape(&function)
        );
        if !frame.file.is_empty() {
            let _ = write!(body, " <span class=\"file\">{}:{}</span>", escape(&frame.file), frame.line);
            snippet(body, frame, own && std::mem::take(&mut first));
        }
        body.push_str("</li>\n");
        number += 1;
    }
    body.push_str("</ol>\n");
}

/// The source around the frame's line, open or to be opened.
fn snippet(body: &mut String, frame: &Named, open: bool) {
    let lines = source::around(&frame.file, frame.line);
    if lines.is_empty() {
        return;
    }
    let open = if open { " open" } else { "" };
    let _ = write!(body, "<details class=\"source\"{open}><summary>source</summary><pre>");
    for (number, text) in lines {
        let class = if number == frame.line { "here" } else { "" };
        let _ = write!(body, "<span class=\"{class}\"><i>{number:>5}</i> {}</span>", escape(&text));
    }
    body.push_str("</pre></details>");
}

fn leaks(body: &mut String, document: &Document) {
    for report in document.leaks.iter().filter(|report| !report.is_clean()) {
        let _ = writeln!(body, "<section><h2>Left behind by {}</h2><ol class=\"history\">", escape(&report.driver));
        for leak in &report.leaks {
            let _ = writeln!(
                body,
                "<li><details open><summary><b>{}</b> at {:#x} <span class=\"dim\">{}</span></summary><ol class=\"stack\">",
                escape(&leak.kind),
                leak.address,
                escape(&leak.detail)
            );
            for frame in &leak.stack {
                let _ = writeln!(body, "<li><code>{}</code></li>", escape(frame));
            }
            body.push_str("</ol></details></li>\n");
        }
        body.push_str("</ol></section>\n");
    }
}

fn events(body: &mut String, document: &Document) {
    let failure = (document.outcome == Outcome::Bugcheck).then_some(document.title.as_str());
    let picture = timeline(&document.timeline, failure);
    if picture.is_empty() {
        return;
    }
    body.push_str(
        "<section class=\"wide\"><h2>What the threads did last</h2>\n<p class=\"legend\">Time goes down; a column is a \
         thread. <span class=\"key call\"></span> kernel routine <span class=\"key enter\"></span> driver function called \
         by the kernel <span class=\"key lock\"></span> wait for a lock <span class=\"key lock-held\"></span> lock held \
         <span class=\"key exception\"></span> exception. The strip at the left of a column is the IRQL: \
         <span class=\"key irql-0\"></span> 0 <span class=\"key irql-1\"></span> 1 <span class=\"key irql-2\"></span> 2 \
         <span class=\"key irql-3\"></span> higher. Point at an event for more.</p>\n<div class=\"scroll\">",
    );
    body.push_str(&picture);
    body.push_str("</div>\n");
    for lane in &document.timeline {
        table(body, lane);
    }
    body.push_str("</section>\n");
}

fn table(body: &mut String, lane: &Lane) {
    let _ = writeln!(
        body,
        "<details class=\"events\"><summary>All kept events of {} ({})</summary><table>\
         <tr><th>before the end</th><th>IRQL</th><th>CPU</th><th>event</th><th>where</th></tr>",
        escape(&lane.thread),
        lane.id
    );
    for event in &lane.events {
        let verb = match event.kind {
            Kind::Call => "calls",
            Kind::Return => "returns from",
            Kind::Enter => "kernel calls",
            Kind::Leave => "leaves",
            Kind::Lock => "takes",
            Kind::Unlock => "releases",
            Kind::LockWait => "waits for",
            Kind::LockWaitEnd => "has waited for",
            Kind::Exception => "raises",
        };
        let _ = writeln!(
            body,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{verb} <code>{}</code></td><td>{}</td></tr>",
            time(event.at_us),
            event.irql,
            event.cpu.map_or_else(String::new, |cpu| cpu.to_string()),
            escape(&event.name),
            escape(&event.place)
        );
    }
    body.push_str("</table></details>\n");
}

fn machine(body: &mut String, document: &Document) {
    let guard = if document.machine.guard_pages { "with guard pages" } else { "without guard pages" };
    let _ = writeln!(
        body,
        "<section><h2>The machine</h2><p>{} virtual processors, pool {guard}, ran for {}.</p>\
         <table><tr><th>driver</th><th>base</th><th>size</th><th>state</th><th>symbols</th><th>file</th></tr>",
        document.machine.processors,
        time(document.machine.elapsed_ms * 1000.0)
    );
    for driver in &document.drivers {
        let _ = writeln!(
            body,
            "<tr><td><b>{}</b></td><td><code>{:#x}</code></td><td><code>{:#x}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&driver.name),
            driver.base,
            driver.size,
            if driver.unloaded { "unloaded" } else { "loaded" },
            if driver.symbols { "found" } else { "no PDB beside it" },
            escape(&driver.path)
        );
    }
    body.push_str("</table></section>\n");
}
