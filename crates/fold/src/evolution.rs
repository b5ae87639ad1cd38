//! Control's judgement of a topology that would break those who read events.

use headwater_event::{Reason, Refusal};
use headwater_topology::{Breaking, Topology, compatible, unreadable};

/// How many problems a refusal tells: the check of the topology's folder tells all, with their lines.
const TOLD_MAX: usize = 5;

/// Refuses a topology that takes back what was applied, or whose steps lead nowhere.
pub(crate) fn judge(held: &Topology, asked: &Topology) -> Result<(), Refusal> {
    let broken = unreadable(asked);
    if !broken.is_empty() {
        return Err(Refusal::new(Reason::Invalid, told(&broken)));
    }
    let broken = compatible(held, asked);
    if broken.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(Reason::Conflict, told(&broken)))
}

/// Part of the rejection's row, and so of the rules: these words stay as they are.
fn told(broken: &[Breaking]) -> String {
    let told: Vec<_> = broken.iter().take(TOLD_MAX).map(ToString::to_string).collect();
    let more = broken.len().saturating_sub(TOLD_MAX);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    let help = broken.first().map(|first| first.help.as_str()).unwrap_or_default();
    format!("{}{rest}. {help}", told.join("; "))
}
