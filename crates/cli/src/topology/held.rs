//! The topology that holds where a command looks: what a changed one is compared with.

use anyhow::Context as _;
use arrow::util::display::array_value_to_string;
use futures::TryStreamExt as _;
use headwater_topology::Topology;

use crate::{sql, target::TargetArgs};

const QUERY: &str = "select topology from log.topologies order by _offset desc limit 1";

/// What a server or a data folder holds; `None` if nothing was applied there, or nobody is there to ask.
pub(crate) async fn held(target: &TargetArgs) -> anyhow::Result<Option<Topology>> {
    if target.is_nobody() {
        return Ok(None);
    }
    let answer = sql::ask(target, QUERY, &headwater_query::QueryOptions::default()).await;
    let answer = answer.context("failed to ask which topology holds")?;
    let batches: Vec<_> = answer.batches.try_collect().await?;
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(None) };
    let column = batch.column_by_name("topology").context("log.topologies has no topology")?;
    let text = array_value_to_string(column, 0)?;
    serde_json::from_str(&text).map(Some).context("failed to read the topology that holds")
}
