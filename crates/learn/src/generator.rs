//! Seeded numbers for tests: a linear congruential generator, so that a failing seed fails for ever.

use crate::Frame;

pub(crate) struct Generator(u64);

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next of the 2^31 integers from 0.
    pub(crate) fn next(&mut self) -> u32 {
        // Knuth's MMIX constants; the high bits, as the low ones have short periods.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.next() % end
    }

    /// In [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.next()) / 2_147_483_648.0
    }

    /// Rows whose label follows 2a − b + 0.5 with noise; the scales of a and b lie far apart.
    pub(crate) fn frame(&mut self, rows: usize) -> Frame {
        let (mut a, mut b, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rows {
            let (x, y, noise) = (self.unit() - 0.5, self.unit() - 0.5, self.unit() - 0.5);
            a.push(x * 1e4 + 5e3);
            b.push(y * 1e-3);
            labels.push(2.0 * x - y + 0.5 + noise > 0.0);
        }
        Frame::new(vec![("a".into(), a), ("b".into(), b)], labels).unwrap()
    }
}
