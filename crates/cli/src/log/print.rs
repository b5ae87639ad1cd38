//! The report of a check of the log, for people.

use headwater_replay::log::{Agreement, Finding, FindingKind, LogReport, PartitionAudit};

use crate::{
    output::{self, Align, TextTable, printable},
    replay::rate,
};

/// So many hex digits of a chain are enough to compare by eye; JSON has them all.
const CHAIN_DIGITS: usize = 16;

/// Prints it.
pub(super) fn report(report: &LogReport) -> anyhow::Result<()> {
    let log = report.log_id.as_deref().unwrap_or("that does not say which it is");
    output::line(printable(&format!("log {log}")))?;
    output::line(table(report).to_string())?;
    for finding in &report.findings {
        output::line(printable(&told(finding)))?;
        output::line(printable(&format!("  expected: {}", finding.expected)))?;
        output::line(printable(&format!("  found:    {}", finding.found)))?;
    }
    for remark in &report.remarks {
        output::line(format!("remark: {}", printable(remark)))?;
    }
    for unproven in &report.unproven {
        output::line(format!("not proven: {}", printable(unproven)))?;
    }
    let partitions = u64::try_from(report.partitions.len()).unwrap_or(u64::MAX);
    let read = format!(
        "{} of {}; {}",
        output::counted(report.records(), "record"),
        output::counted(partitions, "partition"),
        rate(report.records(), report.seconds)
    );
    output::line(match report.is_equal() {
        true => format!("equal: {read}"),
        false => format!("NOT AS IT WAS: {read}"),
    })?;
    Ok(())
}

fn table(report: &LogReport) -> TextTable {
    let columns = [
        ("partition", Align::Left),
        ("records", Align::Right),
        ("signed", Align::Right),
        ("last offset", Align::Right),
        ("chain", Align::Left),
        ("store agrees to", Align::Right),
        ("heads agree to", Align::Right),
    ];
    let mut table = TextTable::new(columns, output::width());
    for audit in &report.partitions {
        let PartitionAudit { partition, records, last, chain, signed, store, heads } = audit;
        let chain = chain.as_deref().unwrap_or("unknown");
        table.row([
            partition.to_string(),
            output::thousands(*records),
            output::thousands(*signed),
            last.map_or("none".to_owned(), |last| last.to_string()),
            chain.chars().take(CHAIN_DIGITS).collect(),
            agreed(store.as_ref()),
            agreed(heads.as_ref()),
        ]);
    }
    table
}

fn agreed(agreement: Option<&Agreement>) -> String {
    match agreement.map(|agreement| agreement.agreed_up_to) {
        None => "not asked".to_owned(),
        Some(None) => "nothing".to_owned(),
        Some(Some(offset)) => offset.to_string(),
    }
}

fn told(finding: &Finding) -> String {
    let Finding { partition, kind, after, up_to, .. } = finding;
    let what = match kind {
        FindingKind::ChainAgainstStore => "the chain is not the one that the store knows",
        FindingKind::ChainAgainstHeads => "the chain is not the one of the kept heads",
        FindingKind::NotOpened => "it does not begin as a partition must",
        FindingKind::AnotherLog => "it is of another log",
        FindingKind::BeginsLate => "its first records are gone",
        FindingKind::OffsetOrder => "its offsets do not rise",
        FindingKind::Signature => "a record is not signed as it must be",
        FindingKind::EpochOrder => "an epoch was not claimed",
        FindingKind::Damaged => "it can't be read",
        FindingKind::StoreUnreadable => "its store can't be read",
    };
    let place = match (after, up_to) {
        (Some(after), Some(up_to)) => format!(", after offset {after} and up to {up_to}"),
        (None, Some(up_to)) => format!(", up to offset {up_to}"),
        (Some(after), None) => format!(", after offset {after}"),
        (None, None) => String::new(),
    };
    format!("partition {partition}{place}: {what}")
}
