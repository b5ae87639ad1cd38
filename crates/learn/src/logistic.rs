//! Training: scaled features to coefficients, by linfa's logistic regression (L-BFGS from zero).

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2, ShapeBuilder};

use crate::scaler::scaled;
use crate::{Error, Frame, Model, Scaler};

/// The most iterations that can be asked for; L-BFGS on scaled features needs tens.
pub const ITERATIONS_MAX: u64 = 10_000;

/// The length of the gradient at which the optimum counts as found; linfa's default, pinned here
/// because another value would train to other bytes.
const GRADIENT_TOLERANCE: f64 = 1e-4;

/// How to train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The weight of the penalty: what is minimised is the sum of the rows' log losses plus `alpha`/2
    /// times the sum of the squared coefficients (of scaled features; the intercept goes free).
    pub alpha: f64,
    /// Training ends after so many iterations, whether or not the optimum was found.
    pub iterations_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { alpha: 1.0, iterations_max: 100 }
    }
}

impl Settings {
    fn check(self) -> Result<Self, Error> {
        let Self { alpha, iterations_max } = self;
        if !alpha.is_finite() || alpha < 0.0 {
            return Err(Error::reject(format!(
                "train with alpha {alpha}: not a finite number of at least 0"
            )));
        }
        if !(1..=ITERATIONS_MAX).contains(&iterations_max) {
            return Err(Error::reject(format!(
                "train with {iterations_max} iterations: not 1 to {ITERATIONS_MAX}"
            )));
        }
        Ok(self)
    }
}

/// The model of these rows: equal rows in an equal order and equal settings give equal bytes on
/// equal machines (see the crate's invariants).
pub fn train(frame: &Frame, settings: Settings) -> Result<Model, Error> {
    let settings = settings.check()?;
    let scaler = Scaler::fit(frame)?;
    let dataset =
        Dataset::new(scaled_values(frame, &scaler)?, Array1::from(frame.labels().to_vec()));
    let fitted = LogisticRegression::<f64>::default()
        .alpha(settings.alpha)
        .max_iterations(settings.iterations_max)
        .gradient_tolerance(GRADIENT_TOLERANCE)
        .with_intercept(true)
        .fit(&dataset)
        .map_err(|error| Error::reject("fit a logistic regression").caused_by(error))?;
    // linfa takes the class of more rows as the positive one, and of equals the first row's.
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    let coefficients = fitted.params().iter().map(|weight| sign * weight).collect();
    Model::new(frame.names().to_vec(), scaler.into_parts(), coefficients, sign * fitted.intercept())
}

/// Rows by features, kept column by column.
fn scaled_values(frame: &Frame, scaler: &Scaler) -> Result<Array2<f64>, Error> {
    let shape = (frame.rows(), frame.names().len());
    let mut values = Vec::with_capacity(shape.0 * shape.1);
    let scales = scaler.means().iter().zip(scaler.scales());
    for (column, (&mean, &scale)) in frame.columns().iter().zip(scales) {
        values.extend(column.iter().map(|&value| scaled(value, mean, scale)));
    }
    Array2::from_shape_vec(shape.f(), values)
        .map_err(|error| Error::bug("shape a checked frame").caused_by(error))
}
