//! Which tables there are at a moment, and how a name finds one.
//!
//! All schemas are on the search path: a name without a schema is looked up in `public`, which holds
//! nothing and looks into all of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use datafusion::{
    catalog::{CatalogProvider, SchemaProvider, TableProvider},
    common::{Result, TableReference, utils::datafusion_strsim::levenshtein},
    execution::session_state::SessionState,
};
use headwater_fold::{CompiledView, Table, TableRow as _, family::log::LateEvent};

use crate::{
    AsOf, Error, Limits, Moment,
    tables::{
        derived::with_derived, digests, events, late_events::LateEventsTable, positions,
        rows::RowsTable, states::StatesTable, storage,
    },
    view_versions,
};

/// The catalog's name.
pub(crate) const CATALOG: &str = "headwater";
/// The schema in which names without one are looked up.
pub(crate) const SEARCH_PATH: &str = "public";
/// DataFusion's own schema.
pub(crate) const INFORMATION_SCHEMA: &str = "information_schema";

/// A table that can be queried.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) description: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Rows(Arc<Table>),
    /// Rows that views keep.
    LateEvents(Arc<Table>),
    Events,
    Positions,
    Digests,
    Storage,
}

/// All tables at one moment.
#[derive(Debug)]
pub(crate) struct Catalog {
    moment: Arc<Moment>,
    /// The moment that a table was asked for; `None` for the query's own.
    as_of: Option<AsOf>,
    limits: Limits,
    /// Plans derived features; knows functions, not tables.
    expressions: Arc<SessionState>,
    entries: Vec<Entry>,
    /// Versions of views that the query names, found before it is planned.
    versions: Mutex<BTreeMap<String, Entry>>,
}

impl Catalog {
    pub(crate) fn new(
        built_in: &[Arc<Table>],
        moment: Arc<Moment>,
        as_of: Option<AsOf>,
        limits: Limits,
        expressions: Arc<SessionState>,
    ) -> Self {
        let of_log = |name: &str, description: &str, kind| Entry {
            schema: "log".to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            kind,
        };
        let views = moment.compiled.views.iter().map(|view| Arc::new(view.table.clone()));
        // Built-in tables come first: no view can hide one.
        let entries = [
            of_log("events", events::DESCRIPTION, Kind::Events),
            of_log("positions", positions::DESCRIPTION, Kind::Positions),
            of_log("digests", digests::DESCRIPTION, Kind::Digests),
            of_log("storage", storage::DESCRIPTION, Kind::Storage),
        ]
        .into_iter()
        .chain(built_in.iter().cloned().map(of_table))
        .chain(views.map(of_table))
        .collect();
        Self { moment, as_of, limits, expressions, entries, versions: Mutex::default() }
    }

    /// The moment whose tables these are.
    pub(crate) fn moment(&self) -> &Arc<Moment> {
        &self.moment
    }

    /// All tables, by schema and name.
    pub(crate) fn sorted(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| (&entry.schema, &entry.name));
        entries
    }

    /// The names of the schemas, sorted.
    pub(crate) fn schemas(&self) -> Vec<String> {
        let mut names: Vec<String> = self.entries.iter().map(|e| e.schema.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn find(&self, schema: &str, name: &str) -> Option<Entry> {
        if view_versions::asked(name).is_some() {
            let found = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
            let here = |entry: &&Entry| schema == SEARCH_PATH || entry.schema == schema;
            return found.get(name).filter(here).cloned();
        }
        let on_path = |entry: &&Entry| schema == SEARCH_PATH || entry.schema == schema;
        self.entries.iter().filter(on_path).find(|entry| entry.name == name).cloned()
    }

    /// Finds the version of a view that a name asks for, if it asks for one.
    pub(crate) async fn find_version(self: &Arc<Self>, name: &str) -> Result<(), Error> {
        if view_versions::asked(name).is_none() {
            return Ok(());
        }
        let (moment, asked) = (Arc::clone(&self.moment), name.to_owned());
        let found = tokio::task::spawn_blocking(move || view_versions::find(&moment, &asked)).await;
        let found = found.map_err(|error| Error::failed(error.to_string()))??;
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.extend(found.map(|table| (name.to_owned(), of_table(table))));
        Ok(())
    }

    /// An error that helps on if there is no such table.
    pub(crate) async fn check(self: &Arc<Self>, reference: &TableReference) -> Result<(), Error> {
        self.find_version(reference.table()).await?;
        self.check_known(reference)
    }

    /// The same, once the versions that are asked for were found.
    fn check_known(&self, reference: &TableReference) -> Result<(), Error> {
        let schema = reference.schema().unwrap_or(SEARCH_PATH);
        let here = reference.catalog().is_none_or(|catalog| catalog == CATALOG);
        let known = schema == INFORMATION_SCHEMA || self.find(schema, reference.table()).is_some();
        if here && known {
            return Ok(());
        }
        if self.moment.compiled.comes(reference.table()) {
            return Err(Error::invalid(format!(
                "feature view {} is still being built: it can be read once a version of it is \
                 active, see features.feature_view_versions",
                reference.table()
            )));
        }
        let near = self.near(reference.table());
        let hint = if near.is_empty() {
            String::new()
        } else {
            format!(" (did you mean {}?)", near.join(" or "))
        };
        Err(Error::invalid(match &self.as_of {
            None => format!("there is no table {reference}{hint}; SHOW TABLES lists all"),
            Some(as_of) => format!("there is no table {reference} as of {as_of}{hint}"),
        }))
    }

    /// A name that tells the moment, if one was asked for: scans of one name are taken for the same.
    fn told(&self, name: &str) -> String {
        match &self.as_of {
            None => name.to_owned(),
            Some(as_of) => format!("{name}@{as_of}"),
        }
    }

    /// A table of this moment, and the name to scan it by.
    pub(crate) fn versioned(
        &self,
        reference: &TableReference,
    ) -> Result<(String, Arc<dyn TableProvider>), Error> {
        self.check_known(reference)?;
        let entry = self.find(reference.schema().unwrap_or(SEARCH_PATH), reference.table());
        let entry =
            entry.ok_or_else(|| Error::invalid(format!("there is no table {reference}")))?;
        let name = self.told(&format!("{}.{}", entry.schema, entry.name));
        Ok((name, self.provider(&entry)?))
    }

    /// The full names of the tables that may have been meant, the nearest first.
    fn near(&self, name: &str) -> Vec<String> {
        let name = name.to_lowercase();
        let most = (name.chars().count() / 3).max(1);
        let mut near: Vec<(usize, String)> = self
            .entries
            .iter()
            .filter_map(|entry| {
                let within = entry.name.contains(&name) || name.contains(&entry.name);
                let distance = if within { 1 } else { levenshtein(&name, &entry.name) };
                (distance <= most).then(|| (distance, format!("{}.{}", entry.schema, entry.name)))
            })
            .collect();
        near.sort();
        near.into_iter().take(3).map(|(_, name)| name).collect()
    }

    fn provider(&self, entry: &Entry) -> Result<Arc<dyn TableProvider>, Error> {
        let moment = || Arc::clone(&self.moment);
        match &entry.kind {
            Kind::Rows(table) => {
                let shown = self.told(&table.full_name());
                let rows = RowsTable::new(Arc::clone(table), moment(), shown, self.limits.clone());
                let scan = self.told(&table.name);
                with_derived(table, &scan, Arc::new(rows), &self.expressions)
            }
            Kind::LateEvents(table) => {
                let shown = self.told(&table.full_name());
                Ok(Arc::new(LateEventsTable::new(&self.moment, &shown, &self.limits)))
            }
            Kind::Events => {
                let shown = self.told("log.events");
                Ok(Arc::new(events::EventsTable::new(moment(), shown)))
            }
            Kind::Storage => Ok(Arc::new(storage::StorageTable::new(moment())?)),
            Kind::Positions => Ok(Arc::new(StatesTable::new(moment(), positions::batch)?)),
            Kind::Digests => {
                let tables = self.tables();
                let batch = move |states: &_| digests::batch(states, &tables);
                Ok(Arc::new(StatesTable::new(moment(), batch)?))
            }
        }
    }

    /// The tables of rows, by schema and name.
    fn tables(&self) -> Vec<Arc<Table>> {
        let rows = |entry: &Entry| match &entry.kind {
            Kind::Rows(table) => Some(Arc::clone(table)),
            _ => None,
        };
        let closes = |view: &&CompiledView| view.declared.lateness_ms.is_some();
        let closing = self.moment.compiled.views.iter().filter(closes);
        // What goes with a view has digests of its own.
        let companions = closing.flat_map(|view| view.tables().into_iter().skip(1)).map(Arc::new);
        self.sorted().into_iter().filter_map(rows).chain(companions).collect()
    }
}

fn of_table(table: Arc<Table>) -> Entry {
    Entry {
        schema: table.schema.clone(),
        name: table.name.clone(),
        description: table.description.clone(),
        kind: match table.version == LateEvent::table().version {
            true => Kind::LateEvents(table),
            false => Kind::Rows(table),
        },
    }
}

/// The catalog as DataFusion asks for it.
#[derive(Debug, Clone)]
pub(crate) struct Schemas(pub(crate) Arc<Catalog>);

impl CatalogProvider for Schemas {
    fn schema_names(&self) -> Vec<String> {
        let mut names = self.0.schemas();
        names.push(SEARCH_PATH.to_owned());
        names
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let known = name == SEARCH_PATH || self.0.entries.iter().any(|e| e.schema == name);
        known.then(|| {
            let schema = OneSchema { catalog: Arc::clone(&self.0), name: name.to_owned() };
            Arc::new(schema) as Arc<dyn SchemaProvider>
        })
    }
}

/// A schema as DataFusion asks for it.
#[derive(Debug)]
struct OneSchema {
    catalog: Arc<Catalog>,
    name: String,
}

#[async_trait]
impl SchemaProvider for OneSchema {
    /// What stands in this schema; the search path only finds.
    fn table_names(&self) -> Vec<String> {
        let here = self.catalog.entries.iter().filter(|entry| entry.schema == self.name);
        here.map(|entry| entry.name.clone()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.catalog.find(&self.name, name) {
            Some(entry) => Ok(Some(self.catalog.provider(&entry)?)),
            None => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.catalog.find(&self.name, name).is_some()
    }
}
