//! The exact sum of floats: an integer count of 2⁻¹⁰⁷⁴, the smallest step that a float can make.
//!
//! Every finite float is such a count, so sums are exact and do not depend on order. Rounded once,
//! to the nearest float (ties to even), when it is read. Source of the idea: the "superaccumulator"
//! of Kulisch, *Computer Arithmetic and Validity* (2008).
//!
//! Stored as `trailing zero bits u16 LE · two's complement LE of what is left`: one form for one sum.

use num_bigint::{BigInt, Sign};

use crate::codec::Damaged;

/// The significant bits of a float.
const MANTISSA_BITS: u64 = 53;

/// An exact sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactSum(BigInt);

impl ExactSum {
    /// The sum of one finite float; `None` for NaN and infinities.
    pub fn of(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        let bits = value.to_bits();
        let exponent = (bits >> 52) & 0x7ff;
        let fraction = bits & ((1 << 52) - 1);
        let magnitude = match exponent {
            0 => BigInt::from(fraction),
            _ => BigInt::from(fraction | (1 << 52)) << (exponent - 1),
        };
        Some(Self(if value.is_sign_negative() { -magnitude } else { magnitude }))
    }

    /// The sum of two sums.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self(self.0 + &other.0)
    }

    /// The nearest float, ties to even.
    pub fn round(&self) -> f64 {
        round_ratio(&self.0, 1)
    }

    /// The nearest float to the sum over `count`, rounded once.
    pub fn mean(&self, count: i64) -> f64 {
        round_ratio(&self.0, count)
    }

    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let zeros = self.0.trailing_zeros().unwrap_or(0);
        let mut out = u16::try_from(zeros).unwrap_or(u16::MAX).to_le_bytes().to_vec();
        if self.0.sign() != Sign::NoSign {
            out.extend((&self.0 >> zeros).to_signed_bytes_le());
        }
        out
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Damaged> {
        let (zeros, rest) = bytes.split_at_checked(2).ok_or(Damaged("exact sum"))?;
        let zeros = u16::from_le_bytes(zeros.try_into().map_err(|_| Damaged("exact sum"))?);
        Ok(Self(BigInt::from_signed_bytes_le(rest) << zeros))
    }
}

/// `units` × 2⁻¹⁰⁷⁴ / `count`, rounded once to the nearest float, ties to even.
pub(crate) fn round_ratio(units: &BigInt, count: i64) -> f64 {
    if units.sign() == Sign::NoSign || count == 0 {
        return 0.0;
    }
    let negative = (units.sign() == Sign::Minus) != (count < 0);
    // Enough further bits that the quotient has more than 53; what remains is only "sticky".
    const SPARE_BITS: u64 = 128;
    let numerator = BigInt::from(units.magnitude().clone()) << SPARE_BITS;
    let divisor = BigInt::from(count.unsigned_abs());
    let quotient = &numerator / &divisor;
    let inexact = &quotient * &divisor != numerator;
    let magnitude = round_quotient(&quotient, inexact, SPARE_BITS);
    if negative { -magnitude } else { magnitude }
}

/// The float nearest to `quotient` × 2⁻¹⁰⁷⁴⁻ˢᵖᵃʳᵉ, plus a little more if `inexact`.
fn round_quotient(quotient: &BigInt, inexact: bool, spare: u64) -> f64 {
    let bits = quotient.bits();
    // Below the spare bits nothing can be represented; above, a float keeps 53 bits.
    let drop = spare.max(bits.saturating_sub(MANTISSA_BITS));
    let kept = quotient >> drop;
    let rest = quotient - (&kept << drop);
    let half = BigInt::from(1) << (drop - 1);
    let mut mantissa = u64::try_from(&kept).unwrap_or(u64::MAX);
    let up = match rest.cmp(&half) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => inexact || mantissa & 1 == 1,
        std::cmp::Ordering::Less => false,
    };
    if up {
        mantissa += 1;
    }
    // A mantissa of up to 53 bits at the smallest step is the float's bits as they are; every
    // further doubling adds one to the exponent field, and a carry into bit 53 does so by itself.
    let doublings = drop - spare;
    if doublings >= 2_046 {
        return f64::INFINITY;
    }
    f64::from_bits(mantissa.saturating_add(doublings << 52))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[f64]) -> ExactSum {
        values.iter().filter_map(|v| ExactSum::of(*v)).reduce(|a, b| a.plus(&b)).unwrap()
    }

    #[test]
    fn one_float_comes_back_as_it_was() {
        for v in [0.1, -1.5, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e-310, 123_456.789, 0.0] {
            assert_eq!(ExactSum::of(v).unwrap().round().to_bits(), v.to_bits(), "{v}");
            let stored = ExactSum::of(v).unwrap().to_bytes();
            assert_eq!(ExactSum::from_bytes(&stored).unwrap(), ExactSum::of(v).unwrap());
        }
    }

    #[test]
    fn nothing_is_lost_on_the_way() {
        assert_eq!(sum(&[1e100, 1.0, -1e100]).round(), 1.0);
        assert_eq!(sum(&[0.1; 10]).round(), 1.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX]).round(), f64::INFINITY);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]).round(), f64::MAX);
        assert_eq!(sum(&[1.0, 2f64.powi(-53)]).round(), 1.0, "a tie goes to even");
        assert_eq!(sum(&[1.0, 2f64.powi(-53), 5e-324]).round(), 1.0 + f64::EPSILON);
    }

    #[test]
    fn a_mean_is_rounded_once() {
        assert_eq!(sum(&[1.0, 2.0]).mean(2), 1.5);
        assert_eq!(sum(&[1.0, 1.0, 1.0]).mean(3), 1.0);
        assert_eq!(sum(&[1.0]).mean(3), 1.0 / 3.0);
        assert_eq!(sum(&[-1.0]).mean(3), -1.0 / 3.0);
        assert_eq!(sum(&[5e-324]).mean(2), 0.0);
        assert_eq!(sum(&[5e-324, 5e-324, 5e-324]).mean(2), 1e-323);
    }
}
