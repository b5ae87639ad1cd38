//! A trained model and its prediction, in arithmetic that is equal on every CPU.

use sha2::{Digest, Sha256};

use crate::frame::check_names;
use crate::scaler::scaled;
use crate::stored;
use crate::{Error, Frame};

/// A logistic regression over scaled features: the probability that a row's label is true.
///
/// Equal models have equal bytes and so equal hashes; [`Model::to_bytes`] is the stored form.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub(crate) features: Vec<String>,
    pub(crate) means: Vec<f64>,
    pub(crate) scales: Vec<f64>,
    pub(crate) coefficients: Vec<f64>,
    pub(crate) intercept: f64,
}

impl Model {
    pub(crate) fn new(
        features: Vec<String>,
        (means, scales): (Vec<f64>, Vec<f64>),
        coefficients: Vec<f64>,
        intercept: f64,
    ) -> Result<Self, Error> {
        check_names(&features)?;
        if [&means, &scales, &coefficients].iter().any(|list| list.len() != features.len()) {
            return Err(Error::reject("build a model: its lists differ in length"));
        }
        let lists = [&means, &scales, &coefficients];
        if !lists.into_iter().flatten().chain([&intercept]).all(|number| number.is_finite()) {
            return Err(Error::reject("build a model: a number is not finite"));
        }
        if scales.iter().any(|&scale| scale <= 0.0) {
            return Err(Error::reject("build a model: a scale is not above 0"));
        }
        let [means, scales, coefficients] = [means, scales, coefficients].map(one_zero);
        Ok(Self { features, means, scales, coefficients, intercept: intercept + 0.0 })
    }

    /// The model of these bytes, which must be the canonical spelling that [`Self::to_bytes`] gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        stored::read(bytes)
    }

    /// The canonical bytes: sorted keys, no white space, one spelling of each number.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        stored::write(self)
    }

    /// The SHA-256 of the canonical bytes, in lower-case hex.
    pub fn sha256(&self) -> Result<String, Error> {
        let hash = Sha256::digest(self.to_bytes()?);
        Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The features in the order in which [`Self::predict`] takes them.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// The weight of each scaled feature, in the features' order.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The log odds of a row whose features are all at their means.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// The probability that the label is true, from finite values in the features' order.
    pub fn predict(&self, values: &[f64]) -> Result<f64, Error> {
        if values.len() != self.features.len() {
            let (given, wanted) = (values.len(), self.features.len());
            return Err(Error::reject(format!("predict from {given} values: not {wanted}")));
        }
        let mut log_odds = self.intercept;
        let scales = self.means.iter().zip(&self.scales);
        for ((value, weight), (&mean, &scale)) in values.iter().zip(&self.coefficients).zip(scales)
        {
            log_odds += weight * scaled(*value, mean, scale);
        }
        if log_odds.is_nan() || values.iter().any(|value| !value.is_finite()) {
            return Err(Error::reject("predict: a value is not finite or too large"));
        }
        Ok(sigmoid(log_odds))
    }

    /// The probability of each row of a frame with the model's features, in their order.
    pub fn predict_frame(&self, frame: &Frame) -> Result<Vec<f64>, Error> {
        if frame.names() != self.features {
            let (given, wanted) = (frame.names(), &self.features);
            return Err(Error::reject(format!("predict from features {given:?}: not {wanted:?}")));
        }
        let mut columns: Vec<_> = frame.columns().iter().map(|column| column.iter()).collect();
        let row = |_| {
            let values: Vec<f64> = columns.iter_mut().filter_map(|it| it.next().copied()).collect();
            self.predict(&values)
        };
        (0..frame.rows()).map(row).collect()
    }
}

/// 0 for -0, so that equal numbers are equal bytes.
fn one_zero(numbers: Vec<f64>) -> Vec<f64> {
    numbers.into_iter().map(|number| number + 0.0).collect()
}

/// The logistic function, from the side where `exp` can't overflow.
fn sigmoid(log_odds: f64) -> f64 {
    if log_odds >= 0.0 {
        1.0 / (1.0 + libm::exp(-log_odds))
    } else {
        let odds = libm::exp(log_odds);
        odds / (1.0 + odds)
    }
}
