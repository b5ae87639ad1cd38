//! A model's bytes and its predictions, to the bit.

use crate::generator::Generator;
use crate::{ErrorKind, Model, Settings, train};

/// Kept for ever: this version must read so, write so and predict so.
const GOLDEN: &str = concat!(
    r#"{"coefficients":[0.5,-1,1e-7],"features":["age","income","é\"\n"],"#,
    r#""format":"headwater.logistic_regression/v1","intercept":0.25,"means":[40,30000.5,1e+300],"#,
    r#""positive_class":true,"scales":[12.5,1,0.1]}"#
);
const SHA256: &str = "c2c7d4ea64b160ecb24fff113ad6e70d94b442f4cf12630f70f149682a71f8f6";

fn golden() -> Model {
    Model::from_bytes(GOLDEN.as_bytes()).unwrap()
}

fn refused(text: &str) -> (ErrorKind, String) {
    let error = Model::from_bytes(text.as_bytes()).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn the_golden_model_reads_and_writes_its_bytes() {
    let model = golden();
    assert_eq!(String::from_utf8(model.to_bytes().unwrap()).unwrap(), GOLDEN);
    assert_eq!(model.features(), ["age", "income", "é\"\n"]);
    assert_eq!((model.coefficients(), model.intercept()), (&[0.5, -1.0, 1e-7][..], 0.25));
    assert_eq!(model.sha256().unwrap(), SHA256);
}

#[test]
fn a_trained_model_survives_its_bytes() {
    for seed in 0..20 {
        let model = train(&Generator::new(seed).frame(50), Settings::default()).unwrap();
        let again = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
        assert_eq!(again, model);
        let (one, two) = (model.predict(&[1.0, 0.1]), again.predict(&[1.0, 0.1]));
        assert_eq!(one.unwrap().to_bits(), two.unwrap().to_bits());
    }
}

#[test]
fn predictions_are_pinned_to_the_bit() {
    let text = GOLDEN.replace("1e+300", "0");
    let model = Model::from_bytes(text.as_bytes()).unwrap();
    // The log odds are worked by hand; the bits are those next to the true value, or one beside.
    for (income, log_odds, bits) in [
        (30_000.25, 0.5, 0x3fe3_eb2f_d4d3_4391),
        (30_000.75, 0.0, 0.5_f64.to_bits()),
        (30_003.5, -2.75, 0x3fae_c3ad_6ad8_dc42),
        (29_990.5, 10.25, 0x3fef_ffb5_da41_e63c),
        (1e6, -969_999.25, 0.0_f64.to_bits()),
        (-1e6, 1_030_000.75, 1.0_f64.to_bits()),
    ] {
        let found = model.predict(&[40.0, income, 0.0]).unwrap();
        assert_eq!(found.to_bits(), bits, "log odds {log_odds}: {found} {:#x}", found.to_bits());
    }
}

#[test]
fn values_that_can_not_be_predicted_from_are_refused() {
    let model = golden();
    for values in [&[1.0][..], &[1.0; 4], &[1.0, f64::NAN, 1.0], &[1.0, f64::INFINITY, 1.0]] {
        assert_eq!(model.predict(values).unwrap_err().kind(), ErrorKind::Reject);
    }
}

#[test]
fn a_frame_of_other_features_is_refused() {
    let frame = Generator::new(1).frame(20);
    assert_eq!(golden().predict_frame(&frame).unwrap_err().kind(), ErrorKind::Reject);
}

#[test]
fn a_frame_is_predicted_row_by_row() {
    let frame = Generator::new(1).frame(20);
    let model = train(&frame, Settings::default()).unwrap();
    let [a, b] = frame.columns() else { panic!("two columns") };
    let by_row: Vec<f64> =
        a.iter().zip(b).map(|(a, b)| model.predict(&[*a, *b]).unwrap()).collect();
    assert_eq!(model.predict_frame(&frame).unwrap(), by_row);
}

#[test]
fn only_the_canonical_spelling_is_read() {
    let spelling = "read a model: its bytes are not their canonical spelling";
    for (from, to) in [
        ("-1,", "-1.0,"),
        ("0.25", "0.250"),
        (",\"means\"", ", \"means\""),
        ("[40,", "[-0,"),
        ("true", "false"),
        ("é", "\\u00e9"),
    ] {
        let found = refused(&GOLDEN.replacen(from, to, 1));
        assert_eq!(found, (ErrorKind::Corrupt, spelling.to_owned()), "{from} as {to}");
    }
}

#[test]
fn damage_is_told_from_another_version() {
    let (kind, message) = refused(&GOLDEN.replace("/v1", "/v2"));
    assert_eq!(kind, ErrorKind::Reject);
    assert!(message.contains("headwater.logistic_regression/v2"), "{message}");
    for (from, to) in [
        ("}", ""),
        ("[0.5,", "["),
        ("12.5", "0"),
        ("12.5", "-1"),
        ("\"income\"", "\"age\""),
        ("0.25", "1e999"),
        ("true", "true,\"zeal\":1"),
        ("\"positive_class\":true,", ""),
    ] {
        assert_eq!(refused(&GOLDEN.replacen(from, to, 1)).0, ErrorKind::Corrupt, "{from} as {to}");
    }
}
