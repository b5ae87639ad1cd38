//! Every table that a log ever declared, by the prefix of its keys.

use std::collections::{BTreeMap, BTreeSet};

use headwater_engine::{Error, ErrorKind};
use headwater_event::Schemas;
use headwater_fold::{
    Compiled, CompiledView, StoredRow, Table, TableRow as _, Value,
    family::{built_in_tables, log::AppliedTopology},
};
use headwater_store::Snapshot;

/// Tables by the first bytes of their keys.
#[derive(Debug, Clone)]
pub(crate) struct Tables(BTreeMap<Vec<u8>, Table>);

impl Tables {
    /// The built-in tables, and the feature views of every topology that the store of control shows.
    ///
    /// They only give names and the way to read a key: a store that hides one is found out, as its
    /// rows are then of no declared table.
    pub(crate) fn declared(control: &Snapshot) -> Result<Self, Error> {
        let mut tables = Self(BTreeMap::new());
        built_in_tables().into_iter().for_each(|table| tables.add(table));
        let bug = |what: String| Error::new(ErrorKind::Bug, what);
        let built_in = Schemas::built_in().map_err(|error| bug(error.to_string()))?;
        let (start, end) = AppliedTopology::table().range();
        for row in control.scan_latest(start, end) {
            // Damage is told where control's rows are compared.
            let Ok((_, bytes)) = row else { break };
            let Ok(stored) = StoredRow::decode(&bytes) else { continue };
            let Some(Value::Text(json)) = stored.row.values.get(1) else { continue };
            let Ok(topology) = serde_json::from_str(json) else { continue };
            if let Ok(compiled) = Compiled::new(&built_in, topology) {
                tables.add_views(&compiled);
            }
        }
        Ok(tables)
    }

    /// The views of a topology as well.
    pub(crate) fn add_views(&mut self, compiled: &Compiled) {
        let views = compiled.views.iter().chain(&compiled.coming);
        views.flat_map(CompiledView::tables).for_each(|table| self.add(&table));
    }

    fn add(&mut self, table: &Table) {
        self.0.insert(table.prefix().to_vec(), table.clone());
    }

    /// The table that a key is of.
    pub(crate) fn of(&self, key: &[u8]) -> Option<&Table> {
        self.0.get(key.get(..headwater_fold::codec::TABLE_PREFIX_BYTES)?)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Table> {
        self.0.values()
    }
}

/// The versions of built-in tables, and of feature views that their names read.
pub(crate) fn read_by_name(control: &Snapshot) -> Result<BTreeSet<String>, Error> {
    let mut versions: BTreeSet<String> =
        built_in_tables().into_iter().map(Table::version_hex).collect();
    if let Some(stored) = control.get_meta("topology")? {
        let bug = |what: String| Error::new(ErrorKind::Bug, what);
        let built_in = Schemas::built_in().map_err(|error| bug(error.to_string()))?;
        let compiled = Compiled::from_stored(&built_in, &stored)?;
        let tables = compiled.views.iter().flat_map(CompiledView::tables);
        versions.extend(tables.map(|table| table.version_hex()));
    }
    Ok(versions)
}
