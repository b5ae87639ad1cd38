//! The measures, against cases worked by hand and against counting every pair.

use crate::generator::Generator;
use crate::{ErrorKind, LOG_LOSS_CLIP, Measures};

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

#[test]
fn four_rows_worked_by_hand() {
    // Pairs (true over false): .75>.5, .75>.25, .25<.5, .25=.25, so (2 + ½) of 4.
    let measures = Measures::of(&[0.75, 0.5, 0.25, 0.25], &[true, false, true, false]).unwrap();
    assert_eq!((measures.rows, measures.base_rate), (4, 0.5));
    // Right: the first and the last; 0.5 calls true.
    assert_eq!(measures.accuracy, 0.5);
    assert_eq!(measures.auc, 0.625);
    // (1/16 + 4/16 + 9/16 + 1/16) / 4.
    assert_eq!(measures.brier, 0.234375);
    // The labels' probabilities are ¾, ½, ¼ and ¾: their product is 9/128.
    assert!(near(measures.log_loss, libm::log(128.0 / 9.0) / 4.0));
}

#[test]
fn a_perfect_order_an_inverted_one_and_none() {
    let labels = [false, false, true];
    let auc = |probabilities: [f64; 3]| Measures::of(&probabilities, &labels).unwrap().auc;
    assert_eq!(auc([0.1, 0.2, 0.3]), 1.0);
    assert_eq!(auc([0.3, 0.2, 0.1]), 0.0);
    assert_eq!(auc([0.0, -0.0, 0.0]), 0.5);
}

#[test]
fn a_constant_is_measured_as_any_prediction() {
    let labels = [true, false, false, false];
    let measures = Measures::of_constant(0.25, &labels).unwrap();
    assert_eq!((measures.base_rate, measures.accuracy, measures.auc), (0.25, 0.75, 0.5));
    // p(1−p), and the entropy of a quarter: ln 4 − ¾ ln 3.
    assert_eq!(measures.brier, 0.1875);
    assert!(near(measures.log_loss, libm::log(4.0) - 0.75 * libm::log(3.0)));
    assert_eq!(Measures::of(&[0.25; 4], &labels).unwrap(), measures);
}

#[test]
fn a_sure_mistake_costs_much_but_not_everything() {
    let labels = [true, false];
    let wrong = Measures::of(&[0.0, 1.0], &labels).unwrap();
    assert!((wrong.log_loss + libm::log(LOG_LOSS_CLIP)).abs() < 1e-2, "{wrong:?}");
    assert_eq!((wrong.brier, wrong.accuracy, wrong.auc), (1.0, 0.0, 0.0));
    let right = Measures::of(&[1.0, 0.0], &labels).unwrap();
    assert!(right.log_loss < 2e-15);
}

#[test]
fn what_can_not_be_measured_is_refused() {
    let both = [true, false];
    for (probabilities, labels) in [
        (&[0.5][..], &both[..]),
        (&[0.5, 1.1], &both),
        (&[0.5, -0.1], &both),
        (&[0.5, f64::NAN], &both),
        (&[0.5, 0.5], &[true, true]),
        (&[], &[]),
    ] {
        assert_eq!(Measures::of(probabilities, labels).unwrap_err().kind(), ErrorKind::Reject);
    }
}

#[test]
fn auc_is_what_counting_every_pair_gives() {
    for seed in 0..300 {
        let mut generator = Generator::new(seed);
        let rows = 2 + generator.below(60);
        // From many ties to hardly any.
        let steps_max = 1 << generator.below(12);
        let steps = 1 + generator.below(steps_max);
        let mut labels: Vec<bool> = (0..rows).map(|_| generator.below(3) == 0).collect();
        (labels[0], labels[1]) = (true, false);
        let probabilities: Vec<f64> =
            (0..rows).map(|_| f64::from(generator.below(steps + 1)) / f64::from(steps)).collect();
        let measured = Measures::of(&probabilities, &labels).unwrap().auc;
        assert_eq!(measured, every_pair(&probabilities, &labels), "seed {seed}");
    }
}

fn every_pair(probabilities: &[f64], labels: &[bool]) -> f64 {
    let (mut half_pairs, mut pairs) = (0_u32, 0_u32);
    let rows = || probabilities.iter().zip(labels);
    for (higher, _) in rows().filter(|(_, label)| **label) {
        for (lower, _) in rows().filter(|(_, label)| !**label) {
            pairs += 1;
            half_pairs += if higher > lower { 2 } else { u32::from(higher == lower) };
        }
    }
    f64::from(half_pairs) / f64::from(2 * pairs)
}
