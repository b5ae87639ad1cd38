//! What a script asks: each command prints its answer. A new one is a variant of `Command` and an arm here.

use std::{
    collections::BTreeSet,
    fs,
    sync::{Arc, OnceLock},
};

use anyhow::{Context as _, Result, bail};
use arrow::util::display::array_value_to_string;
use headwater_engine::Engine;
use headwater_fold::FACT_SOURCE;
use headwater_objects::{Objects, Properties};
use headwater_query::{AsOf, Limits, QueryOptions, Sql};
use headwater_replay::{Verify, verify};
use headwater_snapshot::{Maker, Restore, Source, restore};
use headwater_store::Access;

use crate::{
    engines::rest,
    perform::Performer,
    script::{Command, Moment},
    shown,
};

/// As many hex digits of a version tell two apart.
const VERSION_DIGITS: usize = 8;

pub(crate) async fn run(performer: &mut Performer, command: &Command) -> Result<()> {
    match command {
        Command::Sql(query) => ask(performer, query, None).await,
        Command::AsOf { moment, query } => {
            let moment = match moment {
                Moment::Told(text) => text.clone(),
                Moment::Marked(name) => {
                    let marked = performer.state.marks.get(name).cloned();
                    marked.with_context(|| format!("nothing is marked `{name}`"))?
                }
            };
            match moment.parse() {
                Ok(as_of) => ask(performer, query, Some(as_of)).await,
                Err(error) => {
                    performer.print(&format!("error: {error}\n"));
                    Ok(())
                }
            }
        }
        Command::Mark(name) => {
            let positions = performer.engine().await?.moment().await?.positions();
            performer.state.marks.insert(name.clone(), AsOf::Positions(positions).to_string());
            Ok(())
        }
        Command::Digest(tables) => digest(performer, tables).await,
        Command::Events(event_type) => {
            let plain = event_type.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b));
            if !plain {
                bail!("`{event_type}` is no event type");
            }
            // What is derived may be on the log twice after a crash, and a tick is in each partition: folds
            // take it once. The id of a fact is the place of its cause and its own among what follows, which
            // is provenance; the cause is what tells two facts of one content apart.
            let id = format!("case when source <> '{FACT_SOURCE}' then id end");
            let cause = format!(
                "case when source = '{FACT_SOURCE}' then regexp_replace(id, ':[0-9]+$', '') end"
            );
            let query = format!(
                "select source, id, subject, time, data from (select distinct source, {id} as id, \
                 {cause} as cause, subject, time, data from log.events where type = '{event_type}')"
            );
            ask(performer, &query, None).await
        }
        Command::Verify => verified(performer).await,
        Command::Restart => {
            performer.close().await;
            performer.engine().await.map(|_| ())
        }
        Command::Refold => {
            performer.close().await;
            performer.place().remove_views()?;
            performer.engine().await.map(|_| ())
        }
        Command::Seal(every) => {
            performer.close().await;
            performer.state.seal_every = Some(*every);
            rest(performer.engine().await?).await
        }
        Command::Snapshot => snapshot(performer).await,
        Command::Restore => restored(performer).await,
        Command::Topology(_) | Command::Tick { .. } | Command::Play(_) | Command::Crash => {
            bail!("it is carried out elsewhere")
        }
    }
}

/// One memory pool for all queries of a process.
fn sql() -> Result<&'static Sql> {
    static SQL: OnceLock<Sql> = OnceLock::new();
    if SQL.get().is_none() {
        // Whoever is second has made one for nothing.
        let _ = SQL.set(Sql::new(Limits::default())?);
    }
    SQL.get().context("queries can't be asked")
}

async fn ask(performer: &mut Performer, query: &str, as_of: Option<AsOf>) -> Result<()> {
    let moment = Arc::new(performer.engine().await?.moment().await?);
    let options = QueryOptions { as_of, ..QueryOptions::default() };
    let answer = match sql()?.query(moment, query, &options).await {
        Ok(answer) => answer.collect().await,
        Err(error) => Err(error),
    };
    let text = match answer {
        Ok(batches) => {
            let keeps_order = query.to_lowercase().contains("order by");
            shown::rows(&batches, keeps_order, performer.case.script.layout.is_some())?
        }
        Err(error) => format!("error: {error}\n"),
    };
    performer.print(&text);
    Ok(())
}

/// A digest sums up what each partition stores, so it is the same in all layouts only where each row is stored
/// whole in one partition.
fn partials(engine: &Engine) -> BTreeSet<String> {
    let compiled = engine.compiled();
    let views = compiled.views.iter().filter(|view| view.table.merged_at_read);
    views.map(|view| view.table.full_name()).collect()
}

async fn digest(performer: &mut Performer, tables: &[String]) -> Result<()> {
    let engine = performer.engine().await?;
    let partials = partials(engine);
    let moment = Arc::new(engine.moment().await?);
    let query =
        "select \"table\", version, rows, versions, latest, history from log.digests order by 1";
    let batches = sql()?.query(moment, query, &QueryOptions::default()).await?.collect().await?;
    let mut unknown: BTreeSet<&str> = tables.iter().map(String::as_str).collect();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| array_value_to_string(column, row));
            let cells = cells.collect::<Result<Vec<_>, _>>()?;
            let [table, version, rows, versions, latest, history] = cells.as_slice() else {
                bail!("log.digests has other columns");
            };
            unknown.remove(table.as_str());
            let asked = tables.iter().any(|asked| asked == table);
            if !asked && (!tables.is_empty() || versions == "0") {
                continue;
            }
            let version: String = version.chars().take(VERSION_DIGITS).collect();
            performer.print(&if partials.contains(table) {
                format!("{table} {version}: a key's rows may lie in several partitions; compare its rows by sql\n")
            } else {
                format!("{table} {version}: {rows} rows {latest}, {versions} versions {history}\n")
            });
        }
    }
    match unknown.first() {
        None => Ok(()),
        Some(table) => bail!("there is no table {table}: name it whole, as in tracking.runs"),
    }
}

async fn verified(performer: &mut Performer) -> Result<()> {
    rest(performer.engine().await?).await?;
    performer.close().await;
    let scratch = performer.scratch.join("verify");
    fs::create_dir_all(&scratch)?;
    let place = performer.place();
    let stores = place.stores(Access::ReadOnly)?;
    let report = verify(place.log_to_read().await?, &stores, Verify::new(&scratch)).await?;
    if report.is_equal() {
        performer.print(&format!("equal: {} tables\n", report.views.len()));
    }
    for problem in &report.problems {
        performer.print(&format!("problem: {problem}\n"));
    }
    for view in report.views.iter().filter(|view| !view.equal) {
        performer.print(&format!("unequal: {}: {:?}\n", view.table, view.first_difference));
    }
    Ok(())
}

fn snapshots(performer: &Performer) -> Result<Objects> {
    let dir = performer.scratch.join("snapshots");
    let dir = dir.to_str().context("the scratch folder's path is not UTF-8")?;
    Ok(Objects::open(dir, &Properties::new())?)
}

async fn snapshot(performer: &mut Performer) -> Result<()> {
    let engine = performer.engine().await?.clone();
    let place = performer.place();
    let maker = Maker::new(Source {
        partitions: engine.stores(),
        scratch_dir: place.dir.join("scratch"),
        data_dir: place.dir,
    });
    maker.create(&snapshots(performer)?, &|_| {}).await?;
    Ok(())
}

/// Restores the newest snapshot into another folder, which has the log and nothing else.
async fn restored(performer: &mut Performer) -> Result<()> {
    performer.close().await;
    let before = performer.place();
    performer.state.data += 1;
    let place = performer.place();
    before.copy_log_to(&place.dir)?;
    let ask = Restore {
        objects: &snapshots(performer)?,
        id: None,
        data_dir: &place.dir,
        log: place.log_to_read().await?,
        force: false,
    };
    restore(ask, &|_| {}).await?;
    performer.engine().await.map(|_| ())
}
