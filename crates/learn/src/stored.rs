//! A model's stored form, one line of canonical JSON (here broken up for reading):
//!
//! ```json
//! {"coefficients":[0.5,-1],
//!  "features":["age","income"],
//!  "format":"headwater.logistic_regression/v1",
//!  "intercept":0.25,
//!  "means":[40,30000.5],
//!  "positive_class":true,
//!  "scales":[12.5,1]}
//! ```
//!
//! The lists run in parallel. As in `headwater-event`'s canonical JSON, keys are sorted, there is no
//! white space, floats have their shortest spelling and whole ones that of integers.

use serde::{Deserialize, Serialize, Serializer};

use crate::{Error, ErrorKind, Model};

/// The format that is written and the only one that is read.
pub const FORMAT: &str = "headwater.logistic_regression/v1";
/// The longest stored model: the most features, with the longest names, fit in it.
pub const MODEL_BYTES_MAX: usize = 8 << 20;

/// Below it every whole float is an integer with the same digits.
const EXACT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

// The fields stand in the order of their names: serde writes them as they stand.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    coefficients: Vec<Number>,
    features: Vec<String>,
    format: String,
    intercept: Number,
    means: Vec<Number>,
    positive_class: bool,
    scales: Vec<Number>,
}

#[derive(Deserialize)]
struct Header {
    format: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(transparent)]
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.trunc() == self.0 && self.0.abs() < EXACT_INTEGER_MAX {
            #[expect(clippy::cast_possible_truncation, reason = "checked to be an integer")]
            return serializer.serialize_i64(self.0 as i64);
        }
        serializer.serialize_f64(self.0)
    }
}

pub(crate) fn write(model: &Model) -> Result<Vec<u8>, Error> {
    let numbers = |list: &[f64]| list.iter().copied().map(Number).collect();
    let stored = Stored {
        coefficients: numbers(&model.coefficients),
        features: model.features.clone(),
        format: FORMAT.to_owned(),
        intercept: Number(model.intercept),
        means: numbers(&model.means),
        positive_class: true,
        scales: numbers(&model.scales),
    };
    serde_json::to_vec(&stored).map_err(|error| Error::bug("write a model").caused_by(error))
}

pub(crate) fn read(bytes: &[u8]) -> Result<Model, Error> {
    if bytes.len() > MODEL_BYTES_MAX {
        let length = bytes.len();
        return Err(Error::corrupt(format!(
            "read a model of {length} bytes: more than {MODEL_BYTES_MAX}"
        )));
    }
    let damaged = |error| Error::corrupt("read a model").caused_by(error);
    let Header { format } = serde_json::from_slice(bytes).map_err(damaged)?;
    if format != FORMAT {
        return Err(Error::reject(format!("read a model of format {format:?}: not {FORMAT:?}")));
    }
    let stored: Stored = serde_json::from_slice(bytes).map_err(damaged)?;
    let model = build(stored).map_err(|error| error.of_kind(ErrorKind::Corrupt))?;
    if write(&model)? != bytes {
        return Err(Error::corrupt("read a model: its bytes are not their canonical spelling"));
    }
    Ok(model)
}

fn build(stored: Stored) -> Result<Model, Error> {
    let numbers = |list: Vec<Number>| list.into_iter().map(|number| number.0).collect();
    Model::new(
        stored.features,
        (numbers(stored.means), numbers(stored.scales)),
        numbers(stored.coefficients),
        stored.intercept.0,
    )
}
