//! A sliding window: panes as they are kept, and the one window that a read makes of them.

use headwater_topology::Window;

/// Which panes a read merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slide {
    size_micros: i64,
    pane_micros: i64,
    origin_micros: i64,
}

impl Slide {
    /// Of a sliding window; any other has none.
    pub(crate) fn of(window: &Window) -> Option<Self> {
        let Window::Sliding { size_ms, pane_ms, origin_ms } = window else { return None };
        let micros = |ms: &i64| ms.saturating_mul(1_000);
        Some(Self {
            size_micros: micros(size_ms),
            pane_micros: micros(pane_ms).max(1),
            origin_micros: micros(origin_ms),
        })
    }

    /// The window that a read at this time sees: from its first moment up to and without the second.
    ///
    /// It ends with the pane that the time lies in, so that events of just now are in it.
    pub fn window_at(&self, time_micros: i64) -> (i64, i64) {
        let since = time_micros.saturating_sub(self.origin_micros);
        let pane = since.div_euclid(self.pane_micros).saturating_add(1);
        let end = pane.saturating_mul(self.pane_micros).saturating_add(self.origin_micros);
        (end.saturating_sub(self.size_micros), end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_with_the_pane_of_the_reads_time() {
        let hour = 3_600_000;
        let window = Window::Sliding { size_ms: 3 * hour, pane_ms: hour, origin_ms: 0 };
        let slide = Slide::of(&window).unwrap();
        let hours = |n: i64| n * hour * 1_000;
        assert_eq!(slide.window_at(hours(10)), (hours(8), hours(11)));
        assert_eq!(slide.window_at(hours(11) - 1), (hours(8), hours(11)));
        assert_eq!(slide.window_at(-1), (hours(-3), 0));
    }
}
