//! What became of all events: counts, and for each reason the first lines that it met.

use std::{collections::BTreeMap, time::Instant};

use headwater_engine::Ack;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Became, Why};
use crate::output::{self, Align, TextTable};

/// So many lines of a reason help to find the others.
const LINES_TOLD_MAX: usize = 10;
/// So much of a detail is read.
const DETAIL_CHARS_MAX: usize = 200;

/// The summary.
#[derive(Debug)]
pub(crate) struct Summary {
    ack: Ack,
    started: Instant,
    counts: BTreeMap<&'static str, u64>,
    /// Lines that a source passes over.
    passed_over: u64,
    /// By what became of the events, and why.
    reasons: BTreeMap<(&'static str, String), Reason>,
}

/// One reason not to accept events.
#[derive(Debug, Serialize)]
struct Reason {
    events: u64,
    /// The first ones.
    lines: Vec<u64>,
    /// Of the first one.
    detail: String,
    advice: String,
}

const ACCEPTED: &str = "accepted";
const REJECTED: &str = "rejected";
const REFUSED: &str = "refused";
const PENDING: &str = "pending";
const OUTCOMES: [&str; 4] = [ACCEPTED, REJECTED, REFUSED, PENDING];

impl Summary {
    /// An empty one.
    pub(crate) fn new(ack: Ack) -> Self {
        let (counts, reasons) = (BTreeMap::new(), BTreeMap::new());
        Self { ack, started: Instant::now(), counts, passed_over: 0, reasons }
    }

    /// Counts one event.
    pub(crate) fn add(&mut self, line: u64, became: Became) {
        let (outcome, why) = match became {
            Became::Accepted => (ACCEPTED, None),
            Became::Refused(why) => (REFUSED, Some(why)),
            Became::Rejected(why) => (REJECTED, Some(why)),
            Became::Pending => (PENDING, Some(pending())),
            // Tried again, or told as an error.
            Became::Unavailable(_) => return,
        };
        *self.counts.entry(outcome).or_default() += 1;
        let Some(Why { reason, detail, advice }) = why else { return };
        let entry = self.reasons.entry((outcome, reason)).or_insert_with(|| Reason {
            events: 0,
            lines: Vec::new(),
            detail: shortened(&detail),
            advice,
        });
        entry.events += 1;
        if entry.lines.len() < LINES_TOLD_MAX {
            entry.lines.push(line);
            entry.lines.sort_unstable();
        }
    }

    /// Counts lines that become no events.
    pub(crate) fn pass_over(&mut self, lines: u64) {
        self.passed_over += lines;
    }

    /// How many events there were.
    pub(crate) fn events(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Whether there is nothing to mend.
    pub(crate) fn all_accepted(&self) -> bool {
        self.count(ACCEPTED) == self.events()
    }

    fn count(&self, outcome: &str) -> u64 {
        self.counts.get(outcome).copied().unwrap_or_default()
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let reasons: Vec<Value> = self
            .reasons
            .iter()
            .map(|((outcome, reason), Reason { events, lines, detail, advice })| {
                json!({
                    "outcome": outcome, "reason": reason, "events": events,
                    "lines": lines, "detail": detail, "advice": advice,
                })
            })
            .collect();
        let mut summary = json!({
            "events": self.events(),
            "passed_over": self.passed_over,
            "ack": self.ack.to_string(),
            "seconds": self.started.elapsed().as_secs_f64(),
            "reasons": reasons,
        });
        if let Value::Object(fields) = &mut summary {
            fields.extend(OUTCOMES.map(|o| (o.to_owned(), self.count(o).into())));
        }
        summary
    }

    /// For people.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let shown = OUTCOMES.iter().filter(|o| **o == ACCEPTED || self.count(o) > 0);
        let mut parts: Vec<String> = shown
            .map(|outcome| format!("{} {outcome}", output::thousands(self.count(outcome))))
            .collect();
        if self.passed_over > 0 {
            parts.push(format!("{} passed over", output::counted(self.passed_over, "line")));
        }
        let took = self.started.elapsed();
        let events = output::counted(self.events(), "event");
        output::line(format!("{events} in {took:.1?} (ack {}): {}", self.ack, parts.join(", ")))?;
        if self.reasons.is_empty() {
            return Ok(());
        }
        let columns = [
            ("", Align::Left),
            ("reason", Align::Left),
            ("events", Align::Right),
            ("lines", Align::Left),
            ("the first", Align::Left),
            ("what to do", Align::Left),
        ];
        let mut table = TextTable::new(columns, output::width());
        for ((outcome, name), reason) in &self.reasons {
            let events = output::thousands(reason.events);
            let told = reason.told();
            table.row([*outcome, name, &events, &told, &reason.detail, &reason.advice]);
        }
        output::line(table.to_string())?;
        Ok(())
    }
}

impl Reason {
    fn told(&self) -> String {
        let mut lines: Vec<String> = self.lines.iter().map(u64::to_string).collect();
        if u64::try_from(lines.len()).is_ok_and(|told| told < self.events) {
            lines.push("…".to_owned());
        }
        lines.join(", ")
    }
}

fn pending() -> Why {
    Why {
        reason: "no_outcome_yet".to_owned(),
        detail: "the event is on the log, its outcome was not known in time".to_owned(),
        advice: "run the same command again: it tells the outcome".to_owned(),
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(DETAIL_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
