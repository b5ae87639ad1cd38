//! The rules by which control decides, by number.
//!
//! `headwater.rules.raised` says on the log from where a number holds. Rules that held once stay in
//! this code for ever: a log that was decided under them folds to the same outcomes again. What a
//! decision asks is a method here, and each number's golden log in `compat/` holds it.
//!
//! | rules | since then |
//! |---|---|
//! | 1 | the first |
//! | 2 | a topology that breaks its readers is refused ([`headwater_topology::compatible`], [`headwater_topology::unreadable`]); a version of a view with history to fold is activated once that is whole |
//! | 3 | a snapshot can become the log's origin, and the records before be taken away; windows can hop |
//! | 4 | windows close by the clock, with late events and results; events are derived, published, mapped from other topics; effects |

use crate::Head;

/// The newest rules that this program knows.
pub const RULES_KNOWN: u32 = 4;

/// The rules that hold at a position of control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rules(u32);

impl Rules {
    /// What the log has raised so far; rules 1 held before anything was raised.
    pub(crate) fn of(head: &Head) -> Self {
        Self(head.rules.max(1))
    }

    /// Whether a version with history is folded beside the one that serves, and activated once it is
    /// whole.
    pub(crate) fn activate_later(self) -> bool {
        self.0 >= 2
    }

    /// Whether the log can have an origin other than its first record.
    pub(crate) fn trim(self) -> bool {
        self.0 >= 3
    }

    /// Whether windows can hop.
    pub(crate) fn hopping(self) -> bool {
        self.0 >= 3
    }

    /// Whether windows close and watermarks never go back, and what follows from events can be declared: derived events,
    /// publications, sources, effects.
    pub(crate) fn flows(self) -> bool {
        self.0 >= 4
    }

    /// Whether a topology is judged by what it does to those who read events.
    pub(crate) fn judge_evolution(self) -> bool {
        self.0 >= 2
    }
}
