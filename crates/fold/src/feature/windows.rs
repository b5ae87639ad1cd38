//! Which windows a moment lies in, and what their rows tell of them.

use headwater_topology::Window;

use crate::Value;

/// The windows that a moment lies in, the earliest first: of each its first moment and the first after it.
///
/// Of a sliding window they are its panes. A session is not told by the moment alone.
pub(crate) fn windows_of(window: &Window, time_micros: i64) -> Vec<(i64, i64)> {
    let (size_ms, every_ms, origin_ms) = match window {
        Window::Tumbling { size_ms, origin_ms } => (size_ms, size_ms, origin_ms),
        Window::Hopping { size_ms, every_ms, origin_ms } => (size_ms, every_ms, origin_ms),
        Window::Sliding { pane_ms, origin_ms, .. } => (pane_ms, pane_ms, origin_ms),
        Window::Session { gap_ms } => {
            let end = time_micros.saturating_add(gap_ms.saturating_mul(1_000));
            return vec![(time_micros, end)];
        }
    };
    let micros = |ms: &i64| ms.saturating_mul(1_000);
    let (size, every, origin) =
        (micros(size_ms).max(1), micros(every_ms).max(1), micros(origin_ms));
    let last = time_micros
        .saturating_sub(origin)
        .div_euclid(every)
        .saturating_mul(every)
        .saturating_add(origin);
    let starts =
        (0..size / every).rev().map(|hops| last.saturating_sub(hops.saturating_mul(every)));
    starts.map(|start| (start, start.saturating_add(size))).collect()
}

/// Merges what two rows tell of one window: `[window_end, closed_at, corrections]`, as far as they have it.
///
/// The window closed when the first of its rows did: a row that came after that says a later time.
pub(crate) fn merge(a: &[Value], b: &[Value]) -> Option<Vec<Value>> {
    match (a, b) {
        ([], []) => Some(Vec::new()),
        ([Value::Timestamp(a)], [Value::Timestamp(b)]) => Some(vec![Value::Timestamp(*a.max(b))]),
        (
            [Value::Timestamp(a), closed_a, Value::Int64(m)],
            [Value::Timestamp(b), closed_b, Value::Int64(n)],
        ) => {
            let closed_at = match (closed_a, closed_b) {
                (Value::Timestamp(a), Value::Timestamp(b)) => Value::Timestamp(*a.min(b)),
                (Value::Null, other) | (other, _) => other.clone(),
            };
            let corrections = Value::Int64(m.saturating_add(*n));
            Some(vec![Value::Timestamp(*a.max(b)), closed_at, corrections])
        }
        _ => None,
    }
}
