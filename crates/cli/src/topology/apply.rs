//! Applying: an event like all others, by way of a server or of the data folder itself.

use anyhow::Context as _;
use headwater_engine::Ack;
use headwater_event::{Event, catalog::names};
use headwater_topology::Topology;
use serde_json::json;
use uuid::Uuid;

use crate::{
    exit::Exit,
    output,
    produce::{Became, Line},
    target::{Target, TargetArgs},
};

/// Makes a checked topology hold, and waits until it does.
pub(crate) async fn apply(
    topology: &Topology,
    target: &TargetArgs,
    as_json: bool,
) -> anyhow::Result<Exit> {
    let hash = topology.hash();
    let told = match target.to_write().await? {
        Target::Folder(dir) => {
            let lock = dir.lock()?;
            let engine = dir.open_engine(&lock).await?;
            let applied = engine.apply_topology(topology).await;
            engine.shutdown().await;
            match applied.context("failed to apply the topology")? {
                true => "applied",
                false => "held already",
            }
        }
        Target::Server(server) => {
            let data = json!({ "topology": topology });
            let id = Uuid::now_v7().to_string();
            let event =
                Event::new(id, "headwater-cli", names::TOPOLOGY_APPLY_REQUESTED, "topology", data)
                    .in_newest_schema();
            let line = Line::of_event(event);
            match server.produce(std::slice::from_ref(&line), Ack::Folded).await?.pop() {
                Some(Became::Accepted) => "applied",
                Some(Became::Refused(why) | Became::Rejected(why)) => {
                    let text = format!("rejected: {}: {}", why.reason, why.detail);
                    match as_json {
                        true => output::json(&json!({ "hash": hash, "outcome": text }))?,
                        false => output::line(text)?,
                    }
                    return Ok(Exit::No);
                }
                Some(Became::Unavailable(why)) => {
                    anyhow::bail!("failed to apply: {why}; try again")
                }
                Some(Became::Pending) | None => {
                    anyhow::bail!("the outcome is not known yet; try again to see it")
                }
            }
        }
    };
    match as_json {
        true => output::json(&json!({ "hash": hash, "outcome": told }))?,
        false => output::line(format!("{told}: topology {hash}"))?,
    }
    Ok(Exit::Done)
}
