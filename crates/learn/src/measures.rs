//! The measures of probabilities against the labels that came true.

use crate::Error;
use crate::frame::check_classes;

/// Log loss sees probabilities no nearer to 0 or 1 than this, so that one sure mistake stays finite.
pub const LOG_LOSS_CLIP: f64 = 1e-15;

/// How good a list of probabilities is; sums are taken in the rows' order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measures {
    /// How many rows were measured.
    pub rows: u64,
    /// The share of true labels.
    pub base_rate: f64,
    /// The share of rows whose label is what a probability of at least 0.5 calls true.
    pub accuracy: f64,
    /// The share of (true, false) pairs where the true row has the higher probability, ties as half.
    pub auc: f64,
    /// The mean squared difference of probability and label (0 or 1); lower is better.
    pub brier: f64,
    /// The mean negative natural logarithm of the label's probability; lower is better.
    pub log_loss: f64,
}

impl Measures {
    /// The measures of one probability a label; both classes must be present.
    pub fn of(probabilities: &[f64], labels: &[bool]) -> Result<Self, Error> {
        if probabilities.len() != labels.len() {
            let (given, wanted) = (probabilities.len(), labels.len());
            return Err(Error::reject(format!(
                "measure {given} probabilities against {wanted} labels"
            )));
        }
        check_classes(labels)?;
        if let Some(row) = probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
            return Err(Error::reject(format!(
                "measure: the probability of row {row} is not 0 to 1"
            )));
        }
        let rows: Vec<_> = probabilities.iter().copied().zip(labels.iter().copied()).collect();
        Ok(Self {
            rows: rows.len() as u64,
            base_rate: share(labels.iter().filter(|&&label| label).count(), rows.len()),
            accuracy: share(
                rows.iter().filter(|(p, label)| (*p >= 0.5) == *label).count(),
                rows.len(),
            ),
            auc: auc(&rows),
            brier: mean(&rows, squared_error),
            log_loss: mean(&rows, log_loss),
        })
    }

    /// The measures of the same probability for every row: what a model must beat. Its AUC is 0.5.
    pub fn of_constant(probability: f64, labels: &[bool]) -> Result<Self, Error> {
        Self::of(&vec![probability; labels.len()], labels)
    }
}

fn squared_error(probability: f64, label: bool) -> f64 {
    let error = if label { 1.0 - probability } else { probability };
    error * error
}

fn log_loss(probability: f64, label: bool) -> f64 {
    let clipped = probability.clamp(LOG_LOSS_CLIP, 1.0 - LOG_LOSS_CLIP);
    if label { -libm::log(clipped) } else { -libm::log1p(-clipped) }
}

/// Counted in whole half-pairs, so exact up to the one division.
fn auc(rows: &[(f64, bool)]) -> f64 {
    let mut sorted = rows.to_vec();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut trues, mut falses, mut half_pairs) = (0_u128, 0_u128, 0_u128);
    // By equality, not by bits: -0 and 0 are a tie, and stand beside each other.
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let tied_trues = tied.iter().filter(|(_, label)| *label).count() as u128;
        let tied_falses = tied.len() as u128 - tied_trues;
        half_pairs += tied_trues * (2 * falses + tied_falses);
        trues += tied_trues;
        falses += tied_falses;
    }
    #[expect(clippy::cast_precision_loss, reason = "rounds once, each, above 2^53 half-pairs")]
    let auc = half_pairs as f64 / (2 * trues * falses) as f64;
    auc
}

#[expect(clippy::cast_precision_loss, reason = "rows fit in memory, far below 2^53")]
fn share(count: usize, rows: usize) -> f64 {
    count as f64 / rows as f64
}

#[expect(clippy::cast_precision_loss, reason = "rows fit in memory, far below 2^53")]
fn mean(rows: &[(f64, bool)], of: impl Fn(f64, bool) -> f64) -> f64 {
    rows.iter().map(|&(probability, label)| of(probability, label)).sum::<f64>() / rows.len() as f64
}
