//! The standard scaler: each feature less its mean, over its population standard deviation.

use crate::{Error, Frame};

/// The means and scales of a frame's features, in its columns' order.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaler {
    means: Vec<f64>,
    scales: Vec<f64>,
}

impl Scaler {
    /// The mean and population standard deviation of each column; a constant column has scale 1.
    pub fn fit(frame: &Frame) -> Result<Self, Error> {
        let (mut means, mut scales) = (Vec::new(), Vec::new());
        for (name, column) in frame.names().iter().zip(frame.columns()) {
            let (mean, scale) = mean_and_scale(column);
            if !mean.is_finite() || !scale.is_finite() {
                return Err(Error::reject(format!(
                    "scale feature {name:?}: its values are too large to sum or square"
                )));
            }
            means.push(mean);
            scales.push(scale);
        }
        Ok(Self { means, scales })
    }

    /// What is taken from each feature.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// What each feature is divided by after that; above 0.
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }

    pub(crate) fn into_parts(self) -> (Vec<f64>, Vec<f64>) {
        (self.means, self.scales)
    }
}

/// One scaled value. The only place where this is computed, in training as in prediction.
pub(crate) fn scaled(value: f64, mean: f64, scale: f64) -> f64 {
    (value - mean) / scale
}

fn mean_and_scale(column: &[f64]) -> (f64, f64) {
    // Told by comparing, not by the deviation: three times 0.1 has a rounded mean that is not 0.1,
    // and a deviation of 1e-17 would blow that rounding up to a feature.
    if let Some(first) = column.first()
        && column.iter().all(|value| value == first)
    {
        return (*first, 1.0);
    }
    #[expect(clippy::cast_precision_loss, reason = "at most VALUES_MAX rows, far below 2^53")]
    let rows = column.len() as f64;
    let mean = column.iter().sum::<f64>() / rows;
    let squares: f64 = column.iter().map(|value| (value - mean) * (value - mean)).sum();
    let scale = (squares / rows).sqrt();
    // Values so near each other that their squares vanish are as good as constant.
    (mean, if scale > 0.0 { scale } else { 1.0 })
}
