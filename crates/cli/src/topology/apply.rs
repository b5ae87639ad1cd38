//! Applying: an event like all others, by way of a server or of the data folder itself.

use std::time::Duration;

use anyhow::Context as _;
use headwater_engine::{Ack, BuildStatus, Engine};
use headwater_event::{Event, catalog::names};
use headwater_topology::Topology;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use uuid::Uuid;

use crate::{
    client::Server,
    exit::Exit,
    output,
    produce::{Became, Line},
    target::{Target, TargetArgs},
};

/// How often to look how far new versions are built.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What became of the request.
enum Applied {
    Done(&'static str),
    Rejected(String),
}

/// Makes a checked topology hold, and waits until its views are read.
pub(crate) async fn apply(
    topology: &Topology,
    target: &TargetArgs,
    no_wait: bool,
    as_json: bool,
) -> anyhow::Result<Exit> {
    let hash = topology.hash();
    let (applied, building) = match target.to_write().await? {
        Target::Folder(dir) => {
            let lock = dir.lock()?;
            let engine = dir.open_engine(&lock).await?;
            let applied = in_folder(&engine, topology, no_wait).await;
            engine.shutdown().await;
            applied.context("failed to apply the topology")?
        }
        Target::Server(server) => at_server(&server, topology, no_wait).await?,
    };
    let (told, exit) = match applied {
        Applied::Done(told) => (told.to_owned(), Exit::Done),
        Applied::Rejected(why) => (format!("rejected: {why}"), Exit::No),
    };
    if as_json {
        output::json(&json!({ "hash": hash, "outcome": told, "building": building }))?;
        return Ok(exit);
    }
    match exit {
        Exit::No => output::line(told)?,
        Exit::Done => output::line(format!("{told}: topology {hash}"))?,
    }
    if !building.is_empty() {
        output::line(format!(
            "still built, while the versions before are read: {}; see features.feature_view_versions",
            building.join(", ")
        ))?;
    }
    Ok(exit)
}

/// Applies in this process; also answers the versions that are not read yet.
async fn in_folder(
    engine: &Engine,
    topology: &Topology,
    no_wait: bool,
) -> headwater_engine::Result<(Applied, Vec<String>)> {
    let applied = match engine.request_topology(topology).await? {
        true => Applied::Done("applied"),
        false => Applied::Done("held already"),
    };
    if !no_wait {
        let bar = Bar::new();
        let mut activated = std::pin::pin!(engine.wait_activated(topology));
        loop {
            match tokio::time::timeout(LOOK_EVERY, &mut activated).await {
                Ok(activated) => break activated?,
                Err(_elapsed) => bar.show(&engine.builds()),
            }
        }
    }
    let status = engine.status();
    let coming = status.iter().flat_map(|partition| &partition.head.coming);
    let mut building: Vec<_> =
        coming.map(|(version, coming)| named(&coming.view, version)).collect();
    building.sort_unstable();
    building.dedup();
    Ok((applied, building))
}

/// Asks a server to apply; also answers the versions that are not read yet.
async fn at_server(
    server: &Server,
    topology: &Topology,
    no_wait: bool,
) -> anyhow::Result<(Applied, Vec<String>)> {
    let hash = topology.hash();
    let mut applied = Applied::Done("held already");
    if server.builds().await?.topology.as_deref() != Some(&*hash) {
        let data = json!({ "topology": topology });
        let id = Uuid::now_v7().to_string();
        let event =
            Event::new(id, "headwater-cli", names::TOPOLOGY_APPLY_REQUESTED, "topology", data)
                .in_newest_schema();
        let line = Line::of_event(event);
        match server.produce(std::slice::from_ref(&line), Ack::Folded).await?.pop() {
            Some(Became::Accepted) => applied = Applied::Done("applied"),
            Some(Became::Refused(why) | Became::Rejected(why)) => {
                let why = format!("{}: {}", why.reason, why.detail);
                return Ok((Applied::Rejected(why), Vec::new()));
            }
            Some(Became::Unavailable(why)) => anyhow::bail!("failed to apply: {why}; try again"),
            Some(Became::Pending) | None => {
                anyhow::bail!("the outcome is not known yet; try again to see it")
            }
        }
    }
    let bar = Bar::new();
    loop {
        let answer = server.builds().await?;
        anyhow::ensure!(
            answer.topology.as_deref() == Some(&*hash),
            "another topology was applied after topology {hash}"
        );
        if no_wait || answer.coming.is_empty() {
            let coming = answer.coming.iter().map(|coming| named(&coming.view, &coming.version));
            return Ok((applied, coming.collect()));
        }
        bar.show(&answer.builds);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How far new versions are built. Hidden where stderr is no terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        let template = "{msg} {wide_bar} {human_pos}/{human_len} records, {per_sec}";
        match ProgressStyle::with_template(template) {
            Ok(style) => Self(bar.with_style(style)),
            Err(_) => Self(bar),
        }
    }

    fn show(&self, builds: &[BuildStatus]) {
        let sum = |of: fn(&BuildStatus) -> u64| builds.iter().map(of).sum::<u64>();
        self.0.set_length(sum(|build| build.records_of));
        self.0.set_position(sum(|build| build.records_folded));
        let mut views: Vec<_> = builds.iter().flat_map(|build| &build.views).collect();
        views.sort_unstable_by(|a, b| (&a.view, &a.version).cmp(&(&b.view, &b.version)));
        views.dedup();
        let views: Vec<_> = views.iter().map(|view| named(&view.view, &view.version)).collect();
        let failed = builds.iter().find_map(|build| build.error.as_deref());
        self.0.set_message(match failed {
            Some(why) => format!("failed, trying again: {why}"),
            None => format!("building {}", views.join(", ")),
        });
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// `customer_stats@1a2b3c4d`, short enough to be read and long enough to be asked for.
fn named(view: &str, version: &str) -> String {
    let version: String = version.chars().take(8).collect();
    format!("{view}@{version}")
}
