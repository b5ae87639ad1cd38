//! Every table that a log ever declared, by the prefix of its keys.

use std::collections::{BTreeMap, BTreeSet};

use headwater_engine::{Error, ErrorKind};
use headwater_event::Schemas;
use headwater_fold::{
    Compiled, StoredRow, Table, TableRow as _, Value,
    family::{built_in_tables, log::AppliedTopology},
};
use headwater_store::Snapshot;

/// Tables by the first bytes of their keys.
pub(crate) type Tables = BTreeMap<Vec<u8>, Table>;

/// The built-in tables, and the feature views of every topology that control ever took.
pub(crate) fn all(control: &Snapshot) -> Result<Tables, Error> {
    let mut tables: Tables = built_in_tables()
        .into_iter()
        .map(|table| (table.prefix().to_vec(), table.clone()))
        .collect();
    let bug = |what: String| Error::new(ErrorKind::Bug, what);
    let built_in = Schemas::built_in().map_err(|error| bug(error.to_string()))?;
    let topologies = AppliedTopology::table();
    for row in control.scan_latest(topologies.prefix().to_vec(), end_of(&topologies.prefix())) {
        let (_, bytes) = row?;
        let Ok(stored) = StoredRow::decode(&bytes) else { continue };
        let Some(Value::Text(json)) = stored.row.values.get(1) else { continue };
        let Ok(topology) = serde_json::from_str(json) else { continue };
        let compiled =
            Compiled::new(&built_in, topology).map_err(|error| bug(error.to_string()))?;
        for view in compiled.views {
            tables.insert(view.table.prefix().to_vec(), view.table);
        }
    }
    Ok(tables)
}

/// The versions of built-in tables, and of feature views that their names read.
pub(crate) fn read_by_name(control: &Snapshot) -> Result<BTreeSet<String>, Error> {
    let mut versions: BTreeSet<String> =
        built_in_tables().into_iter().map(Table::version_hex).collect();
    if let Some(stored) = control.get_meta("topology")? {
        let bug = |what: String| Error::new(ErrorKind::Bug, what);
        let built_in = Schemas::built_in().map_err(|error| bug(error.to_string()))?;
        let compiled = Compiled::from_stored(&built_in, &stored)?;
        versions.extend(compiled.views.iter().map(|view| view.table.version_hex()));
    }
    Ok(versions)
}

/// The first key after all that begin with `prefix`; empty, for "to the last", if there is none.
pub(crate) fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    end
}
