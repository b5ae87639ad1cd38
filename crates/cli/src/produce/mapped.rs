//! `--source`: plain JSON lines, mapped to events as a source of the topology would map its topic's records.

use std::path::Path;

use anyhow::Context as _;
use headwater_event::{Event, Refusal};
use headwater_topology::{Mapping, SourceRecord, Topology};

use super::{Became, Why, input::Input, summary::Summary};
use crate::{
    exit::{Exit, misuse},
    output,
    target::TargetArgs,
    topology,
};

/// What stands for a topic where there is no file.
const STANDARD_INPUT: &str = "stdin";

/// A source, and the file that is read in its topic's place.
pub(super) struct Mapped {
    mapping: Mapping,
    file: String,
}

impl Mapped {
    /// Finds the source in a folder of a topology, or in the topology that holds.
    pub(super) async fn find(
        name: &str,
        dir: Option<&Path>,
        target: &TargetArgs,
        file: Option<&Path>,
    ) -> anyhow::Result<Result<Self, Exit>> {
        let topology = match dir.map(topology::load).transpose()? {
            Some(Ok(topology)) => topology,
            Some(Err(problems)) => {
                topology::print_problems(&problems, false)?;
                return Ok(Err(Exit::No));
            }
            None => {
                let held = topology::held(target).await?;
                held.context("no topology was applied there; apply one, or give --topology DIR")?
            }
        };
        let name_of =
            |file: &Path| file.file_name().map(|name| name.to_string_lossy().into_owned());
        let file = file.and_then(name_of).unwrap_or_else(|| STANDARD_INPUT.to_owned());
        Ok(Ok(Self { mapping: mapping(name, &topology)?, file }))
    }

    /// The event of a line: its place is the file's name, 0 and the line.
    pub(super) fn map(&self, line: u64, json: &[u8]) -> Result<Option<Event>, Refusal> {
        self.mapping.map(&SourceRecord {
            topic: &self.file,
            partition: 0,
            offset: line,
            timestamp: None,
            key: None,
            headers: &[],
            value: Some(json),
        })
    }
}

fn mapping(name: &str, topology: &Topology) -> anyhow::Result<Mapping> {
    let Some(source) = topology.sources.get(name) else {
        let names: Vec<&str> = topology.sources.keys().map(String::as_str).collect();
        let there = match names.as_slice() {
            [] => "none is declared".to_owned(),
            names => format!("there are: {}", names.join(", ")),
        };
        return Err(misuse(format!("the topology has no source {name}: {there}")));
    };
    Ok(Mapping::new(name, source, topology))
}

/// Shows what the lines would become; sends nothing.
pub(super) async fn show(input: &mut Input, summary: &mut Summary) -> anyhow::Result<()> {
    while let Some(batch) = input.next().await {
        let batch = batch?;
        summary.pass_over(batch.passed_over);
        for (line, refusal) in batch.refused {
            summary.add(line, Became::Refused(Why::of(&refusal)));
        }
        for line in batch.lines {
            output::line(line.event.to_json().to_string())?;
            summary.add(line.number, Became::Accepted);
        }
    }
    Ok(())
}
