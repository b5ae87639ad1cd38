//! How the story is told: steps with their time, tables, checks; or all figures as one JSON object.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Instant,
};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};

/// Text and tables stay within 100 columns, indented by three.
const TABLE_COLUMNS: u16 = 96;
const INDENT: &str = "   ";

/// The story so far.
pub(crate) struct Story {
    told: bool,
    started: Instant,
    step: Option<(&'static str, Instant)>,
    steps: Vec<Value>,
    figures: Map<String, Value>,
    checks: Vec<(String, bool)>,
}

impl Story {
    /// A story for people, or with `json` figures for programs.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            told: !json,
            started: Instant::now(),
            step: None,
            steps: Vec::new(),
            figures: Map::new(),
            checks: Vec::new(),
        }
    }

    /// Ends the step under way and begins another.
    pub(crate) fn step(&mut self, title: &'static str) {
        self.end_step();
        self.print(&format!("\n{}. {title}", self.steps.len() + 1));
        self.step = Some((title, Instant::now()));
    }

    /// A sentence.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        for line in text.as_ref().lines() {
            self.print(&format!("{INDENT}{line}"));
        }
    }

    /// A table; cells that read as numbers stand right.
    pub(crate) fn table(&self, head: &[&str], rows: Vec<Vec<String>>) {
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(TABLE_COLUMNS).set_header(head);
        let is_number = |cell: &String| {
            let figure = cell.trim_end_matches(['%', 's']).trim_end().replace(',', "");
            figure.parse::<f64>().is_ok()
        };
        for place in 0..head.len() {
            let numbers = rows.iter().filter_map(|row| row.get(place)).all(is_number);
            if let Some(column) = table.column_mut(place).filter(|_| numbers) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.add_rows(rows);
        self.say(table.to_string());
    }

    /// Something that must hold; the demo fails if it does not.
    pub(crate) fn check(&mut self, what: impl Into<String>, holds: bool) {
        let what = what.into();
        self.say(format!("{} {what}", if holds { "✓" } else { "✗ NOT TRUE:" }));
        self.checks.push((what, holds));
    }

    /// A figure for programs.
    pub(crate) fn figure(&mut self, name: &str, value: Value) {
        self.figures.insert(name.to_owned(), value);
    }

    /// A bar for something long, drawn on a terminal only.
    pub(crate) fn bar(&self, length: usize) -> ProgressBar {
        let target = match self.told {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(length as u64), target);
        match ProgressStyle::with_template("   {msg} {bar:40} {human_pos} of {human_len}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    /// Ends the last step: tells the total time and whether all held, and answers the exit code.
    pub(crate) fn end(mut self) -> (Value, ExitCode) {
        self.end_step();
        let failed: Vec<&str> =
            self.checks.iter().filter(|(_, holds)| !holds).map(|(what, _)| &**what).collect();
        let seconds = self.started.elapsed().as_secs_f64();
        self.print(&match failed.as_slice() {
            [] => format!("\nAll {} checks hold. {seconds:.1} s in all.", self.checks.len()),
            failed => format!("\nFAILED after {seconds:.1} s: {}.", failed.join("; ")),
        });
        let ok = failed.is_empty();
        let checks = self.checks.iter().map(|(what, holds)| json!({"what": what, "holds": holds}));
        self.figures.insert("checks".to_owned(), checks.collect());
        self.figures.insert("steps".to_owned(), Value::Array(self.steps.clone()));
        self.figures.insert("seconds".to_owned(), json!(millis(seconds)));
        self.figures.insert("ok".to_owned(), json!(ok));
        let figures = Value::Object(self.figures);
        if !self.told {
            line(&figures.to_string());
        }
        (figures, if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Text at the margin.
    pub(crate) fn print(&self, text: &str) {
        if self.told {
            line(text);
        }
    }

    /// Ends the step under way, if there is one, and tells its time.
    pub(crate) fn end_step(&mut self) {
        if let Some((title, began)) = self.step.take() {
            let seconds = began.elapsed().as_secs_f64();
            self.say(format!("took {seconds:.2} s"));
            self.steps.push(json!({"title": title, "seconds": millis(seconds)}));
        }
    }
}

/// Whoever closed the pipe wants to read no more; that is no failure of the demo.
fn line(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Seconds to the millisecond.
fn millis(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

/// A count with thousands apart: 69,659.
pub(crate) fn count(number: impl TryInto<i64>) -> String {
    let digits = number.try_into().unwrap_or(i64::MAX).to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Cents as dollars: 2,500,315.63.
pub(crate) fn dollars(cents: i64) -> String {
    format!("{}.{:02}", count(cents / 100), (cents % 100).abs())
}

#[cfg(test)]
mod tests {
    use super::{count, dollars};

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([count(7), count(-123), count(69_659)], ["7", "-123", "69,659"]);
        assert_eq!([count(1_000_000), count(-1_000)], ["1,000,000", "-1,000"]);
        assert_eq!([dollars(250_031_563), dollars(5)], ["2,500,315.63", "0.05"]);
    }
}
