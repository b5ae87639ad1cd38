//! Samples: `vN.sample.json` must be an event that version N takes, and become one of each later version.

use headwater_event::{Reason, Refusal, Schemas, decode_structured};
use headwater_fold::Compiled;
use headwater_topology::{EventType, Problem, SourceFile, Topology, schema_folders};

/// Checks the sample of each declared type and version, where there is one. Where steps lead on from a
/// version there must be one: it is what they are tried on.
pub(crate) fn check(topology: &Topology, files: &[SourceFile]) -> anyhow::Result<Vec<Problem>> {
    let compiled = Compiled::new(&Schemas::built_in()?, topology.clone())?;
    let folders = schema_folders(files);
    let mut problems = Vec::new();
    for (name, event_type) in &topology.event_types {
        let folder = folders.get(name).cloned().unwrap_or_else(|| format!("schemas/{name}"));
        for version in event_type.schemas.keys().copied() {
            let path = format!("{folder}/v{version}.sample.json");
            let told = match files.iter().find(|file| file.path == path) {
                Some(file) => check_one(file, name, version, &compiled, event_type),
                None if event_type.upcasts.contains_key(&(version + 1)) => Err((
                    format!(
                        "steps lead from v{version} to v{}, and no sample tries them",
                        version + 1
                    ),
                    format!("write an event of v{version} that has everything the steps touch"),
                )),
                None => Ok(()),
            };
            if let Err((message, help)) = told {
                problems.push(Problem { file: path, line: 1, column: 1, message, help });
            }
        }
    }
    Ok(problems)
}

/// What is wrong with a sample, and what to do.
fn check_one(
    file: &SourceFile,
    name: &str,
    version: u32,
    compiled: &Compiled,
    event_type: &EventType,
) -> Result<(), (String, String)> {
    let refused = |refusal: Refusal| {
        let message = format!("the sample would be refused: {}", refusal.detail);
        (message, refusal.reason.advice().to_owned())
    };
    let event = decode_structured(file.text.as_bytes()).map_err(refused)?;
    if event.event_type != name || event.schema_version() != Some(version) {
        let told = format!(
            "it is of type {} v{}, not of {name} v{version}",
            event.event_type,
            event.schema_version().unwrap_or_default()
        );
        return Err(refused(Refusal::new(Reason::UnknownType, told)));
    }
    compiled.schemas.check_version(&event).map_err(refused)?;
    let Some(chain) = compiled.schemas.chain(name) else { return Ok(()) };
    let mut data = event.data;
    for next in event_type.schemas.keys().copied().filter(|next| *next > version) {
        data = chain.step_to(next, data).map_err(|what| {
            let message = format!("the sample does not become one of v{next}: {what}");
            let help = format!("add or correct the steps under `upcasts: v{next}` of {name}");
            (message, help)
        })?;
    }
    Ok(())
}
