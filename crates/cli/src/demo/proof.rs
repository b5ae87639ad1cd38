//! The proof: the log folded again from its first record, and every view compared.

use anyhow::{Context as _, Result};
use headwater_replay::{Report, Verify, verify};
use serde_json::{Map, Value, json};

use super::{
    session::Session,
    story::{Story, count},
};
use crate::{bars::Bars, data_dir::DataDir};

/// How much of a digest a person compares by eye.
const DIGEST_DIGITS: usize = 10;

/// Notes the digests of all views that have rows, for whoever compares two runs.
pub(crate) async fn note_digests(session: &Session, story: &mut Story) -> Result<()> {
    let sql = "select \"table\", latest from log.digests where rows > 0 order by \"table\"";
    let rows = session.ask(sql).await?;
    let digests = rows.texts("table")?.into_iter().zip(rows.texts("latest")?);
    let digests: Map<String, Value> =
        digests.map(|(table, digest)| (table, json!(digest))).collect();
    story.figure("digests", Value::Object(digests));
    Ok(())
}

/// Folds the folder's log again into a folder of its own, and compares.
pub(crate) async fn prove(dir: &DataDir, story: &mut Story) -> Result<()> {
    story.step("Proof: the log is folded again from its first record");
    let reader = dir.open_to_read().await?;
    let scratch = tempfile::tempdir().context("make a folder to fold into")?;
    let bars = Bars::new()?;
    let mut options = Verify::new(scratch.path());
    if !story.bar(0).is_hidden() {
        options.watch = bars.watch();
    }
    let report = verify(reader.log, &reader.stores, options).await?;
    bars.clear();
    tell(story, &report);
    Ok(())
}

fn tell(story: &mut Story, report: &Report) {
    let digest = |sum: u128| format!("{sum:032x}").chars().take(DIGEST_DIGITS).collect::<String>();
    let row = |view: &headwater_replay::ViewReport| {
        vec![
            view.table.clone(),
            count(view.replayed.rows),
            view.kept.map_or("-".to_owned(), |kept| digest(kept.latest)),
            digest(view.on_disk.latest),
            digest(view.replayed.latest),
            if view.equal { "yes" } else { "NO" }.to_owned(),
        ]
    };
    let head = ["view", "rows", "digest kept", "on disk", "replayed", "equal"];
    story.table(&head, report.views.iter().map(row).collect());
    for problem in &report.problems {
        story.say(problem);
    }
    for view in &report.views {
        if let Some(difference) = &view.first_difference {
            story.say(format!("{}: first difference at {}", view.table, difference.key));
        }
    }
    let records = report.records();
    let (views, partitions) = (report.views.len(), report.partitions.len());
    story.check(
        format!(
            "{} records of {partitions} partitions folded again: all {views} views are equal",
            count(records)
        ),
        report.is_equal() && views > 0,
    );
    let equal = report.is_equal();
    story.figure("verify", json!({"equal": equal, "views": views, "records": records}));
}
