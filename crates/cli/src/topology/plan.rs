//! `headwater topology plan`: what applying would change, before anything is.

use std::time::Duration;

use anyhow::Context as _;
use headwater_engine::{EntityDifference, Plan, PlanProgress, PlanWatch, ValuesPlan, ViewPlan};
use headwater_topology::{Difference, Topology};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    data_dir::DataDir,
    exit::Exit,
    output::{self, Align, TextTable, printable},
    target::{Target, TargetArgs},
};

/// Lines of one declaration that are shown; a schema can be long.
const LINES_MAX: usize = 40;

/// Tells what applying a checked topology would change.
pub(crate) async fn plan(
    topology: &Topology,
    target: &TargetArgs,
    sample: usize,
    as_json: bool,
) -> anyhow::Result<Exit> {
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
        "{msg:14} {wide_bar} {human_pos}/{human_len} {per_sec}",
    )?);
    bar.enable_steady_tick(Duration::from_millis(100));
    let told = |progress: PlanProgress| {
        bar.set_length(progress.end);
        bar.set_position(progress.folded);
        bar.set_message(format!("partition {}", progress.partition));
    };
    let plan = match target.to_read()? {
        Target::Folder(dir) => of_folder(&dir, topology, sample, &told).await,
        Target::Server(server) => server.plan(topology, sample, &told).await,
    };
    bar.finish_and_clear();
    let plan = plan?;
    if as_json {
        output::json(&plan)?;
    } else {
        print(&plan)?;
    }
    Ok(if plan.is_empty() { Exit::Done } else { Exit::No })
}

async fn of_folder(
    dir: &DataDir,
    topology: &Topology,
    sample: usize,
    told: &(dyn Fn(PlanProgress) + Send + Sync),
) -> anyhow::Result<Plan> {
    let reader = dir.open_to_read().await?;
    let scratch = tempfile::Builder::new()
        .prefix("headwater-plan-")
        .tempdir()
        .context("failed to make a folder to fold in")?;
    let watch = PlanWatch { sample, told, go_on: &|| true };
    headwater_engine::plan(reader.log, &reader.stores, topology, scratch.path(), &watch)
        .await
        .context("failed to make the plan")
}

fn print(plan: &Plan) -> anyhow::Result<()> {
    if plan.is_empty() {
        output::line(format!("nothing would change: topology {} holds", plan.hash))?;
        return Ok(());
    }
    let declared = [
        ("event type", &plan.event_types),
        ("entity", &plan.entities),
        ("source", &plan.sources),
        ("derived event", &plan.derived_events),
        ("publication", &plan.publications),
        ("effect", &plan.effects),
    ];
    for (what, differences) in declared {
        for difference in differences {
            print_declared(what, difference, "")?;
        }
    }
    for view in &plan.feature_views {
        print_view(view)?;
    }
    let views = u64::try_from(plan.feature_views.len()).unwrap_or(u64::MAX);
    let built = plan.feature_views.iter().filter(|v| v.reads != v.would_read);
    let built = built.filter(|view| view.would_read.is_some()).count();
    eprintln!(
        "{} would change, {} to be folded anew; `headwater topology apply` does it",
        output::counted(views, "feature view"),
        output::counted(u64::try_from(built).unwrap_or(u64::MAX), "version"),
    );
    Ok(())
}

fn print_declared(what: &str, difference: &Difference, more: &str) -> anyhow::Result<()> {
    let Difference { name, change, lines } = difference;
    output::line(format!("{what} {}: {}{more}", printable(name), change.name()))?;
    for line in lines.iter().take(LINES_MAX) {
        output::line(format!("  {}", printable(line)))?;
    }
    if lines.len() > LINES_MAX {
        output::line(format!("  … and {} lines more; --json has all", lines.len() - LINES_MAX))?;
    }
    Ok(())
}

fn print_view(view: &ViewPlan) -> anyhow::Result<()> {
    let short = |version: &String| version.chars().take(8).collect::<String>();
    let more = match (&view.reads, &view.would_read) {
        (Some(a), Some(b)) if a == b => ", no stored value changes".to_owned(),
        (Some(a), Some(b)) => format!(", version {} → {}", short(a), short(b)),
        (None, Some(b)) => format!(", version {}", short(b)),
        (_, None) => String::new(),
    };
    print_declared("feature view", &view.declared, &more)?;
    let Some(values) = &view.values else { return Ok(()) };
    for (what, names) in
        [("only in the new version", &values.features_added), ("no more", &values.features_dropped)]
    {
        if !names.is_empty() {
            output::line(format!("  {what}: {}", names.join(", ")))?;
        }
    }
    if values.other_keys {
        output::line("  its rows have other keys: none is the same as before")?;
    }
    output::line(format!(
        "  {} in all: {} with other values, {} added, {} missing",
        counted_entities(values.entities),
        output::thousands(values.changed),
        output::thousands(values.added),
        output::thousands(values.missing),
    ))?;
    if values.not_taken > 0 {
        let events = output::counted(values.not_taken, "event");
        output::line(format!("  {events} could not be taken by the new version"))?;
    }
    print_sample(values)
}

fn counted_entities(count: u64) -> String {
    let word = if count == 1 { "entity" } else { "entities" };
    format!("{} {word}", output::thousands(count))
}

fn print_sample(values: &ValuesPlan) -> anyhow::Result<()> {
    if values.sample.is_empty() {
        return Ok(());
    }
    let columns = ["entity", "", "feature", "now", "then"].map(|name| (name, Align::Left));
    let mut table = TextTable::new(columns, output::width());
    for EntityDifference { project, key, change, features } in &values.sample {
        let keys: Vec<_> = key.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let mut entity = keys.join(", ");
        if project != "default" {
            entity = format!("{entity} in project {project}");
        }
        let word = match change.name() {
            "dropped" => "missing",
            word => word,
        };
        if features.is_empty() {
            table.row([entity.as_str(), word, "", "", ""]);
        }
        for feature in features {
            let (before, after) = (feature.before.to_string(), feature.after.to_string());
            table.row([entity.as_str(), word, &feature.name, &before, &after]);
        }
    }
    output::line(table.to_string())?;
    let told = u64::try_from(values.sample.len()).unwrap_or(u64::MAX);
    let all = values.changed + values.added + values.missing;
    if told < all {
        output::line(format!(
            "  the first {told} of {}; --sample N shows more",
            counted_entities(all)
        ))?;
    }
    Ok(())
}
