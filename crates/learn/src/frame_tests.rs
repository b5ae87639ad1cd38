//! What a frame refuses, and how its columns are scaled.

use crate::{ErrorKind, Frame, Scaler};

fn frame(features: &[(&str, &[f64])], labels: &[bool]) -> Result<Frame, String> {
    let features =
        features.iter().map(|(name, column)| ((*name).into(), column.to_vec())).collect();
    Frame::new(features, labels.to_vec()).map_err(|error| {
        assert_eq!(error.kind(), ErrorKind::Reject);
        error.to_string()
    })
}

#[test]
fn a_frame_says_what_is_wrong_with_it() {
    let both = &[true, false];
    let one = &[1.0, 2.0];
    for (features, labels, complaint) in [
        (&[][..], &both[..], "use 0 features: not 1 to 4096"),
        (&[("", &one[..])], both, "use a feature name of 0 bytes: not 1 to 256"),
        (&[("a", one), ("a", one)], both, "use feature \"a\": it is named twice"),
        (&[("a", &[1.0])], both, "use feature \"a\": it has 1 values for 2 labels"),
        (&[("a", &[1.0, f64::NAN])], both, "use feature \"a\": row 1 is not finite"),
        (&[("a", &[f64::INFINITY, 1.0])], both, "use feature \"a\": row 0 is not finite"),
        (&[("a", one)], &[true, true], "use labels: all 2 are true"),
        (&[("a", one)], &[false, false], "use labels: all 2 are false"),
        (&[("a", &[])], &[], "use labels: there are no rows"),
    ] {
        assert_eq!(frame(features, labels).unwrap_err(), complaint);
    }
}

#[test]
fn a_scaler_takes_the_population_deviation() {
    // Worked by hand: mean 5, squares 9+1+1+1+0+0+4+16 = 32, over 8 is 4.
    let column = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
    let labels = [true, false, true, false, true, false, true, false];
    let scaler = Scaler::fit(&frame(&[("a", &column)], &labels).unwrap()).unwrap();
    assert_eq!((scaler.means(), scaler.scales()), (&[5.0][..], &[2.0][..]));
}

#[test]
fn a_constant_column_has_scale_one_though_its_sum_rounds() {
    let column = [0.1; 3];
    assert_ne!(column.iter().sum::<f64>() / 3.0, 0.1);
    let scaler = Scaler::fit(&frame(&[("a", &column)], &[true, false, true]).unwrap()).unwrap();
    assert_eq!((scaler.means(), scaler.scales()), (&[0.1][..], &[1.0][..]));
}

#[test]
fn values_too_large_to_scale_are_refused() {
    for column in [[1e308, 1.1e308], [1e200, -1e200]] {
        let error = Scaler::fit(&frame(&[("a", &column)], &[true, false]).unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "scale feature \"a\": its values are too large to sum or square"
        );
    }
}
