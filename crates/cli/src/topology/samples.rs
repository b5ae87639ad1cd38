//! Samples: `schemas/<type>/v1.sample.json` must be an event of that type that its schema takes.

use headwater_event::{Refusal, Schemas, decode_structured};
use headwater_fold::Compiled;
use headwater_topology::{Problem, SourceFile, Topology};

/// Checks the sample of each declared type and version, where there is one.
pub(crate) fn check(topology: &Topology, files: &[SourceFile]) -> anyhow::Result<Vec<Problem>> {
    let compiled = Compiled::new(&Schemas::built_in()?, topology.clone())?;
    let mut problems = Vec::new();
    for (name, event_type) in &topology.event_types {
        for version in event_type.schemas.keys() {
            let path = format!("schemas/{name}/v{version}.sample.json");
            let Some(file) = files.iter().find(|file| file.path == path) else { continue };
            if let Err(refusal) = check_one(file, name, *version, &compiled) {
                problems.push(Problem {
                    file: path,
                    line: 1,
                    column: 1,
                    message: format!("the sample would be refused: {}", refusal.detail),
                    help: refusal.reason.advice().to_owned(),
                });
            }
        }
    }
    Ok(problems)
}

fn check_one(
    file: &SourceFile,
    name: &str,
    version: u32,
    compiled: &Compiled,
) -> Result<(), Refusal> {
    let event = decode_structured(file.text.as_bytes())?;
    if event.event_type != name || event.schema_version() != Some(version) {
        let told = format!("it is of type {}, not of {name} v{version}", event.event_type);
        return Err(Refusal::new(headwater_event::Reason::UnknownType, told));
    }
    compiled.schemas.check(&event)
}
