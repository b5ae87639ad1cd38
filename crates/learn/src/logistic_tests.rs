//! Training: equal bytes for equal rows, the right optimum, the right way round.

use crate::generator::Generator;
use crate::{ErrorKind, Frame, Measures, Model, Settings, train};

fn one_feature(column: &[f64], labels: &[bool]) -> Frame {
    Frame::new(vec![("a".into(), column.to_vec())], labels.to_vec()).unwrap()
}

fn trained(frame: &Frame) -> Model {
    train(frame, Settings::default()).unwrap()
}

#[test]
fn training_twice_gives_equal_bytes() {
    // Frames built anew each time, so that nothing but the values is shared.
    for rows in [20, 1_000] {
        let first = trained(&Generator::new(7).frame(rows));
        let second = trained(&Generator::new(7).frame(rows));
        assert_eq!(first.to_bytes().unwrap(), second.to_bytes().unwrap());
        assert_eq!(first.sha256().unwrap(), second.sha256().unwrap());
        assert_ne!(first, trained(&Generator::new(8).frame(rows)));
    }
}

#[test]
fn training_in_two_threads_gives_equal_bytes() {
    let train = || trained(&Generator::new(7).frame(1_000)).to_bytes().unwrap();
    let threads = [std::thread::spawn(train), std::thread::spawn(train)];
    let [first, second] = threads.map(|thread| thread.join().unwrap());
    assert_eq!(first, second);
}

#[test]
fn a_feature_that_says_nothing_leaves_the_base_rate() {
    // Worked by hand: the best constant for 3 of 4 has log odds ln 3.
    let model = trained(&one_feature(&[5.0; 4], &[true, true, false, true]));
    assert_eq!(model.coefficients(), [0.0]);
    assert!((model.intercept() - libm::log(3.0)).abs() < 1e-4);
    assert!((model.predict(&[5.0]).unwrap() - 0.75).abs() < 1e-4);
}

#[test]
fn nothing_to_learn_at_all_is_a_model_too() {
    let model = trained(&one_feature(&[5.0; 2], &[true, false]));
    assert_eq!((model.coefficients(), model.intercept()), (&[0.0][..], 0.0));
}

#[test]
fn the_probability_is_that_of_true_whichever_class_is_larger_or_first() {
    for labels in
        [[false, false, false, true], [false, true, true, true], [false, false, true, true]]
    {
        let rising = trained(&one_feature(&[1.0, 2.0, 3.0, 4.0], &labels));
        assert!(rising.predict(&[9.0]).unwrap() > 0.5, "{labels:?}");
        assert!(rising.predict(&[-9.0]).unwrap() < 0.5, "{labels:?}");
        let mut reversed = labels;
        reversed.reverse();
        let reversed = trained(&one_feature(&[4.0, 3.0, 2.0, 1.0], &reversed));
        assert!((rising.coefficients()[0] - reversed.coefficients()[0]).abs() < 1e-4, "{labels:?}");
    }
}

#[test]
fn the_gradient_vanishes_at_the_coefficients() {
    let frame = Generator::new(3).frame(500);
    let model = trained(&frame);
    let scaler = crate::Scaler::fit(&frame).unwrap();
    let probabilities = model.predict_frame(&frame).unwrap();
    let residuals: Vec<f64> = probabilities
        .iter()
        .zip(frame.labels())
        .map(|(p, &label)| p - f64::from(u8::from(label)))
        .collect();
    assert!(residuals.iter().sum::<f64>().abs() < 1e-3);
    for (index, weight) in model.coefficients().iter().enumerate() {
        let (mean, scale) = (scaler.means()[index], scaler.scales()[index]);
        let column = frame.columns()[index].iter();
        let sum: f64 = column.zip(&residuals).map(|(x, r)| (x - mean) / scale * r).sum();
        assert!((sum + weight).abs() < 1e-3, "with alpha 1, feature {index}: {sum} + {weight}");
    }
}

#[test]
fn a_model_beats_the_base_rate_and_alpha_shrinks_it() {
    let frame = Generator::new(5).frame(2_000);
    let (free, shrunk) = (
        train(&frame, Settings { alpha: 0.01, ..Settings::default() }).unwrap(),
        train(&frame, Settings { alpha: 1_000.0, ..Settings::default() }).unwrap(),
    );
    let length = |model: &Model| model.coefficients().iter().map(|w| w * w).sum::<f64>();
    assert!(length(&shrunk) < length(&free));
    let measured = Measures::of(&free.predict_frame(&frame).unwrap(), frame.labels()).unwrap();
    let constant = Measures::of_constant(measured.base_rate, frame.labels()).unwrap();
    assert!(measured.log_loss < constant.log_loss && measured.brier < constant.brier);
    assert!(measured.auc > 0.8, "{measured:?}");
}

#[test]
fn classes_that_a_line_parts_still_train() {
    let frame = one_feature(&[1.0, 2.0, 3.0, 4.0], &[false, false, true, true]);
    let model = train(&frame, Settings { alpha: 0.0, ..Settings::default() }).unwrap();
    assert!(model.predict(&[4.0]).unwrap() > 0.99);
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let frame = Generator::new(1).frame(20);
    for (alpha, iterations_max) in [(-1.0, 100), (f64::NAN, 100), (1.0, 0), (1.0, 10_001)] {
        let error = train(&frame, Settings { alpha, iterations_max }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Reject);
    }
}
