//! Named feature columns beside their labels, checked once so that nothing behind them checks again.

use std::collections::BTreeSet;

use crate::Error;

/// The most features of a model: its bytes stay within [`MODEL_BYTES_MAX`](crate::MODEL_BYTES_MAX).
pub const FEATURES_MAX: usize = 4_096;
/// The most values of a frame: half a GiB of floats, which training holds twice.
pub const VALUES_MAX: usize = 1 << 26;
/// The longest feature name; names travel in every model.
pub const FEATURE_NAME_BYTES_MAX: usize = 256;

/// Rows to train or measure on: finite values, columns of one length, both classes present.
///
/// Rows have an order, and sums are taken in it: the caller sorts them (say, by row id) and keeps
/// the ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    names: Vec<String>,
    columns: Vec<Vec<f64>>,
    labels: Vec<bool>,
}

impl Frame {
    /// A frame of these columns, in this order, and one label a row.
    pub fn new(features: Vec<(String, Vec<f64>)>, labels: Vec<bool>) -> Result<Self, Error> {
        let (names, columns): (Vec<_>, Vec<_>) = features.into_iter().unzip();
        check_names(&names)?;
        if labels.len() > VALUES_MAX / names.len() {
            let (rows, features) = (labels.len(), names.len());
            return Err(Error::reject(format!(
                "build a frame: {rows} rows of {features} features are more than {VALUES_MAX} values"
            )));
        }
        for (name, column) in names.iter().zip(&columns) {
            check_column(name, column, labels.len())?;
        }
        check_classes(&labels)?;
        Ok(Self { names, columns, labels })
    }

    /// The features' names, in the columns' order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The features' values, a column each.
    pub fn columns(&self) -> &[Vec<f64>] {
        &self.columns
    }

    /// Each row's label.
    pub fn labels(&self) -> &[bool] {
        &self.labels
    }

    /// How many rows there are; at least two, one of each class.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }
}

/// Whether these can be a model's features: at least one, each named, none twice.
pub(crate) fn check_names(names: &[String]) -> Result<(), Error> {
    if names.is_empty() || names.len() > FEATURES_MAX {
        let count = names.len();
        return Err(Error::reject(format!("use {count} features: not 1 to {FEATURES_MAX}")));
    }
    let mut seen = BTreeSet::new();
    for name in names {
        if name.is_empty() || name.len() > FEATURE_NAME_BYTES_MAX {
            let bytes = name.len();
            return Err(Error::reject(format!(
                "use a feature name of {bytes} bytes: not 1 to {FEATURE_NAME_BYTES_MAX}"
            )));
        }
        if !seen.insert(name) {
            return Err(Error::reject(format!("use feature {name:?}: it is named twice")));
        }
    }
    Ok(())
}

fn check_column(name: &str, column: &[f64], rows: usize) -> Result<(), Error> {
    if column.len() != rows {
        let values = column.len();
        return Err(Error::reject(format!(
            "use feature {name:?}: it has {values} values for {rows} labels"
        )));
    }
    match column.iter().position(|value| !value.is_finite()) {
        Some(row) => Err(Error::reject(format!("use feature {name:?}: row {row} is not finite"))),
        None => Ok(()),
    }
}

/// Whether both classes are present; without one there is nothing to tell apart.
pub(crate) fn check_classes(labels: &[bool]) -> Result<(), Error> {
    if labels.is_empty() {
        return Err(Error::reject("use labels: there are no rows"));
    }
    for class in [true, false] {
        if !labels.contains(&class) {
            let (rows, other) = (labels.len(), !class);
            return Err(Error::reject(format!("use labels: all {rows} are {other}")));
        }
    }
    Ok(())
}
