//! The report of a verification, for people.

use headwater_fold::Digest;
use headwater_replay::{Difference, Report, Side, ViewReport};

use crate::output::{self, Align, TextTable, printable};

/// So much of a row tells what is in it.
const VALUES_CHARS_MAX: usize = 400;
/// So many hex digits of a digest are enough to see that two differ; JSON has them all.
const DIGEST_DIGITS: usize = 4;
/// More problems than these help nobody; JSON has them all.
const PROBLEMS_MAX: usize = 50;

/// Prints it.
pub(super) fn report(report: &Report) -> anyhow::Result<()> {
    output::line(table(report).to_string())?;
    for view in report.views.iter().filter(|view| !view.equal) {
        output::line(format!("{} is not what the log says", view.table))?;
        if let Some(difference) = &view.first_difference {
            print_difference(difference)?;
        }
    }
    for problem in report.problems.iter().take(PROBLEMS_MAX) {
        output::line(format!("problem: {}", printable(problem)))?;
    }
    if let Some(more) = report.problems.len().checked_sub(PROBLEMS_MAX).filter(|more| *more > 0) {
        output::line(format!("and {more} more problems: --json tells them all"))?;
    }
    for what in &report.compared {
        output::line(format!("compared: {what}"))?;
    }
    for left_out in &report.left_out {
        output::line(printable(&format!("left out: {}: {}", left_out.what, left_out.reason)))?;
    }
    output::line(summary(report))?;
    Ok(())
}

fn table(report: &Report) -> TextTable {
    let columns = [
        ("view", Align::Left),
        ("rows", Align::Right),
        ("versions", Align::Right),
        ("kept", Align::Left),
        ("on disk", Align::Left),
        ("replayed", Align::Left),
        ("equal", Align::Left),
    ];
    let mut table = TextTable::new(columns, output::width());
    for view in &report.views {
        let ViewReport { table: name, kept, on_disk, replayed, equal, .. } = view;
        table.row([
            name.clone(),
            output::thousands(replayed.rows),
            output::thousands(replayed.versions),
            kept.as_ref().map_or("-".to_owned(), short),
            short(on_disk),
            short(replayed),
            if *equal { "yes" } else { "NO" }.to_owned(),
        ]);
    }
    table
}

fn summary(report: &Report) -> String {
    let views = u64::try_from(report.views.len()).unwrap_or(u64::MAX);
    let (records, views) =
        (output::counted(report.records(), "record"), output::counted(views, "view"));
    let rate = rate(report.records(), report.seconds);
    match report.is_equal() {
        true => format!("equal: {records} folded again gave the same {views}; {rate}"),
        false => format!(
            "UNEQUAL after {records}; {rate}: to fold the views anew, stop the server, move the \
             folder store/ of the data folder away, and start it again"
        ),
    }
}

/// `2.5 s, 4,000 records/s`.
pub(crate) fn rate(records: u64, seconds: f64) -> String {
    let rate = records as f64 / seconds.max(f64::MIN_POSITIVE);
    // A float becomes the nearest integer, and never wraps.
    format!("{seconds:.1} s, {} records/s", output::thousands(rate.round() as u64))
}

fn print_difference(difference: &Difference) -> anyhow::Result<()> {
    let Difference { partition, family, key, on_disk, replayed } = difference;
    let key = printable(key);
    output::line(format!("  first difference: partition {partition}, {family}, {key}"))?;
    for (name, side) in [("on disk ", on_disk), ("replayed", replayed)] {
        output::line(format!("    {name}: {}", side.as_ref().map_or("no row".to_owned(), told)))?;
    }
    Ok(())
}

fn told(side: &Side) -> String {
    let Side { offset, appended_at_ms, event_source, event_id, values } = side;
    let values: String = values.chars().take(VALUES_CHARS_MAX).collect();
    printable(&format!(
        "by event {event_id} of {event_source}, offset {offset}, appended at {appended_at_ms} ms: \
         {values}"
    ))
}

/// Enough to see whether two are the same.
fn short(digest: &Digest) -> String {
    let part = |sum: u128| format!("{sum:032x}").chars().take(DIGEST_DIGITS).collect::<String>();
    format!("{}·{}", part(digest.latest), part(digest.history))
}
