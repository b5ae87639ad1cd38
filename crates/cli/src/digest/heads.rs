//! `headwater digest --log`: the heads of the log, to be kept elsewhere.
//!
//! The text is the one that `headwater log verify --heads` reads; it is drawn in
//! `headwater_replay::log::heads`.

use anyhow::Context as _;
use arrow::{array::RecordBatch, util::display::array_value_to_string};
use futures::TryStreamExt as _;
use headwater_replay::log::{KeptHead, heads_of, write_heads};

use crate::{
    output, sql,
    target::{Target, TargetArgs},
};

const QUERY: &str = "select log_id, partition, position, chain from log.positions \
                     where position is not null and log_id is not null";

/// Prints a line, or an object, for each partition.
pub(super) async fn run(target: &TargetArgs, json: bool) -> anyhow::Result<()> {
    let heads = match target.to_read()? {
        Target::Folder(dir) => {
            let reader = dir.open_to_read().await?;
            heads_of(&reader.stores, reader.log.data_partitions())
                .context("failed to read the heads of the log")?
        }
        Target::Server(_) => of_server(target).await?,
    };
    if json {
        return output::json(&heads);
    }
    // The last line ends itself.
    output::line(write_heads(&heads).trim_end())?;
    Ok(())
}

async fn of_server(target: &TargetArgs) -> anyhow::Result<Vec<KeptHead>> {
    let answer = sql::ask(target, QUERY, &headwater_query::QueryOptions::default()).await?;
    let batches: Vec<RecordBatch> = answer.batches.try_collect().await?;
    let mut heads = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            heads.push(head(batch, row)?);
        }
    }
    heads.sort_by_key(|head: &KeptHead| head.partition);
    Ok(heads)
}

/// The words of a row are those of a line.
fn head(batch: &RecordBatch, row: usize) -> anyhow::Result<KeptHead> {
    let words: Vec<String> = batch
        .columns()
        .iter()
        .map(|column| array_value_to_string(column, row))
        .collect::<Result<_, _>>()?;
    words
        .join(" ")
        .parse()
        .map_err(|why: String| anyhow::anyhow!("log.positions of the server tells no heads: {why}"))
}
