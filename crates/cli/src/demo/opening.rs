//! The beginning: a log, its clock, and the shipped topology.

use anyhow::{Result, anyhow};
use headwater_fold::family::built_in_tables;
use headwater_topology::{SourceFile, Topology, check};
use serde_json::json;

use super::{
    data::{Day, purchases},
    folder,
    session::Session,
    story::Story,
};
use crate::data_dir::{DataDir, Lock};

/// The shipped files, by the paths at which they stand in the repository.
const FILES: [(&str, &str); 2] = [
    ("topology/shop.yaml", include_str!("../../../../topology/shop.yaml")),
    (
        "schemas/shop.purchase.made/v1.json",
        include_str!("../../../../schemas/shop.purchase.made/v1.json"),
    ),
];

/// Opens a new log in the folder and applies the topology.
pub(crate) async fn open(
    dir: &DataDir,
    lock: &Lock,
    partitions: u32,
    story: &mut Story,
) -> Result<Session> {
    story.step("A log is opened, the shop's topology applied");
    folder::mark(dir.path(), None)?;
    let session = Session::open(dir, lock, partitions, purchases()?).await?;
    let topology = topology()?;
    session.engine.apply_topology(&topology).await?;
    story.say(format!(
        "An embedded log in {}: 1 control partition, {partitions} data partitions.\n\
         Its clock is given: it stands at {}, and moves by events alone.",
        dir.path().display(),
        Day::START,
    ));
    let row = |what: &str, name: &String, description: &String| {
        vec![what.to_owned(), name.clone(), description.clone()]
    };
    let types =
        topology.event_types.iter().map(|(name, it)| row("event type", name, &it.description));
    let views = topology.feature_views.iter();
    let views = views.map(|(name, it)| row("feature view", name, &it.description));
    story.table(&["declared", "name", "what it is"], types.chain(views).collect());
    story.figure("partitions", json!(partitions));
    Ok(session)
}

/// The shipped topology, checked as `headwater topology check` does it.
fn topology() -> Result<Topology> {
    let file = |(path, text): (&str, &str)| SourceFile { path: path.into(), text: text.into() };
    let reserved = |name: &str| {
        let table = built_in_tables().into_iter().find(|table| table.name == name);
        table.map(headwater_fold::Table::full_name)
    };
    check(&FILES.map(file), &reserved).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow!("the shipped topology is wrong: {}", problems.join("; "))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_shipped_topology_has_no_problems() {
        let topology = super::topology().unwrap();
        let views: Vec<_> = topology.feature_views.keys().collect();
        assert_eq!(views, ["customer_purchases_30d", "customer_scores", "customer_stats"]);
    }
}
