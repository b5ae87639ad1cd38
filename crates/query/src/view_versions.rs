//! `view@version`: any version of a feature view, by its name and the first digits of the version.

use std::sync::Arc;

use headwater_fold::{
    StoredRow, Table, TableRow as _,
    family::features::{FeatureViewVersion, VersionState},
};

use crate::{Error, Moment};

/// Fewer digits would soon name several versions.
const DIGITS_MIN: usize = 8;
/// So many versions are named where none was found.
const TOLD_MAX: usize = 5;

/// A version that was found.
struct Found {
    version: String,
    state: String,
    table: Option<Table>,
}

/// The view and the version that a table's name asks for; `None` if it asks for no version.
pub(crate) fn asked(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('@')
}

/// The table of that version, named as it was asked for. It reads rows, so it may block.
pub(crate) fn find(moment: &Moment, name: &str) -> Result<Option<Arc<Table>>, Error> {
    let Some((view, digits)) = asked(name) else { return Ok(None) };
    let digits = digits.to_ascii_lowercase();
    if digits.len() < DIGITS_MIN || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(Error::invalid(format!(
            "{name}: a version is told by at least {DIGITS_MIN} of its hex digits, as \
             features.feature_view_versions lists them"
        )));
    }
    let all = all(moment, view)?;
    let matching = all.iter().filter(|found| found.version.starts_with(&digits));
    let found = match matching.collect::<Vec<_>>().as_slice() {
        [] => return Err(none(view, &digits, &all)),
        [found] => *found,
        several => {
            return Err(Error::invalid(format!(
                "{name}: {} versions of view {view} begin so: {}; write more digits",
                several.len(),
                told(several.iter().copied())
            )));
        }
    };
    let Some(table) = found.table.clone() else {
        let what = match found.state == VersionState::Building.name() {
            true => "is still being built: it can be read once it is active",
            false => "was given up before it was built, so it has no rows",
        };
        return Err(Error::invalid(format!("version {} of view {view} {what}", found.version)));
    };
    // Under its own name: a plan takes two scans of one name for the same.
    Ok(Some(Arc::new(Table { name: name.to_owned(), ..table })))
}

/// All versions of this view, each once.
fn all(moment: &Moment, view: &str) -> Result<Vec<Found>, Error> {
    let mut all: Vec<Found> = Vec::new();
    let versions = FeatureViewVersion::table();
    for partition in &moment.partitions {
        let prefix = versions.prefix().to_vec();
        let end = (u64::from_be_bytes(versions.prefix()).saturating_add(1)).to_be_bytes().to_vec();
        for row in partition.scan(prefix, end) {
            let (key, row) = row.map_err(|error| Error::failed(error.to_string()))?;
            let damaged = |d| Error::damaged(&versions.full_name(), partition.id(), &d);
            let key = versions.read_key(&key).map_err(damaged)?.values;
            let values = StoredRow::decode(&row).map_err(damaged)?.row.values;
            let Some(row) = FeatureViewVersion::from_values(key, values) else { continue };
            if row.name != view || all.iter().any(|found| found.version == row.version) {
                continue;
            }
            let table = row.is_readable().then(|| row.compiled().map(|view| view.table)).flatten();
            all.push(Found { version: row.version, state: row.state, table });
        }
    }
    // What is read is told by the topology: under the first rules versions were not listed, and what
    // is computed at read may have changed since the version was declared.
    if let Some(active) = moment.compiled.view(view) {
        let version = active.table.version_hex();
        all.retain(|found| found.version != version);
        let state = VersionState::Active.name().to_owned();
        all.push(Found { version, state, table: Some(active.table.clone()) });
    }
    Ok(all)
}

fn none(view: &str, digits: &str, all: &[Found]) -> Error {
    if all.is_empty() {
        return Error::invalid(format!("there is no feature view {view}; SHOW TABLES lists all"));
    }
    Error::invalid(format!(
        "view {view} has no version that begins with {digits}; it has {}",
        told(all.iter())
    ))
}

fn told<'a>(all: impl Iterator<Item = &'a Found>) -> String {
    let mut told: Vec<_> =
        all.map(|found| format!("{} ({})", found.version, found.state)).collect();
    if told.len() > TOLD_MAX {
        let more = told.len() - TOLD_MAX;
        told.truncate(TOLD_MAX);
        told.push(format!("and {more} more in features.feature_view_versions"));
    }
    told.join(", ")
}
