//! What is known of effects: each one asked for, what is due when, and how they were declared.

use headwater_event::{DEFAULT_PROJECT, Timestamp};

use crate::{Json, Table, TableRow, Value, table::table};

table! {
    /// Every effect that was asked for, and what became of it. Times are of the log's clock.
    Effect in "log"."effects" keyed by Key (
        /// The effect's name in the topology.
        effect: String,
        /// The idempotency key: the same for the same cause, for ever.
        key: String,
    ) {
        /// What it does: `http`, `sql` or `command`.
        kind: String,
        /// `pending`, `running`, `succeeded`, `failed`, `expired` or `cancelled`.
        state: String,
        /// The try that runs or ran last, from 1; 0 before the first.
        attempt: i64,
        /// How often it is tried at most.
        attempts_max: i64,
        /// How often a process that ran it was replaced before it had told the result.
        leases_lost: i64,
        /// What the cause is about.
        subject: String,
        /// The type of the event that asked for it.
        cause_type: String,
        /// The source of that event.
        cause_source: String,
        /// The id of that event.
        cause_id: String,
        /// The hash of the declaration that it is done by.
        declaration: String,
        /// The tick that comes after the cause: a query is answered as of it.
        tick: i64,
        /// The multiple of its span that an effect of the clock is done for.
        scheduled_for: Option<Timestamp>,
        /// How many multiples before it the clock passed over.
        passed_over: i64,
        /// When control knew of it.
        requested_at: Timestamp,
        /// When it is to be tried next; null while it runs, waits for its tick, or has ended.
        due_at: Option<Timestamp>,
        /// When it is given up.
        deadline_at: Timestamp,
        /// When the last try began.
        started_at: Option<Timestamp>,
        /// When it ended.
        finished_at: Option<Timestamp>,
        /// The epoch of the process that tried it last.
        epoch: Option<i64>,
        /// What the world said last, in short: an HTTP status, an exit code.
        status: Option<String>,
        /// What went wrong last.
        error: Option<String>,
        /// What came back.
        output: Option<Json>,
    }
}

table! {
    /// What effects that have not ended were given of their events.
    EffectGiven in "log"."effect_inputs" keyed by Key (
        /// The effect's name in the topology.
        effect: String,
        /// The idempotency key.
        key: String,
    ) {
        /// The parts, by name.
        input: Json,
    }
}

table! {
    /// What is to be looked at when: an index of the effects that have not ended, each effect's by itself.
    EffectDue in "log"."effects_due" keyed by Key (
        /// `start`: to be tried; `waiting`: for its tick; `running`; `deadline`: to be given up.
        list: String,
        /// The effect's name in the topology.
        effect: String,
        /// When; of `running` and `waiting`, since when.
        at: Timestamp,
        /// The project of the event that asked for it.
        of_project: String,
        /// The idempotency key.
        key: String,
    ) {
    }
}

table! {
    /// How many of each effect are in which state.
    EffectTotals in "log"."effect_totals" keyed by Key (
        /// The effect's name in the topology.
        effect: String,
    ) {
        /// To be tried, for the first time or again.
        pending: i64,
        /// Being tried.
        running: i64,
        /// Done.
        succeeded: i64,
        /// Given up after the last try.
        failed: i64,
        /// Given up at the deadline.
        expired: i64,
        /// Given up because somebody asked for that.
        cancelled: i64,
    }
}

table! {
    /// How each effect was ever declared; what was asked for under a declaration is done by it.
    EffectDeclaration in "log"."effect_declarations" keyed by Key (
        /// The effect's name in the topology.
        effect: String,
        /// The declaration's hash.
        declaration: String,
    ) {
        /// The declaration.
        declared: Json,
    }
}

table! {
    /// Effects of the clock: the last multiple of its span that each was asked for.
    EffectSchedule in "log"."effect_schedules" keyed by Key (
        /// The effect's name in the topology.
        effect: String,
    ) {
        /// The span, in milliseconds.
        every_ms: i64,
        /// The last multiple that is behind the log's clock.
        last: Timestamp,
    }
}

/// The lists of `log.effects_due`.
pub mod lists {
    /// To be tried, at the time of the entry.
    pub const START: &str = "start";
    /// Waiting for the first tick after the cause.
    pub const WAITING: &str = "waiting";
    /// Being tried.
    pub const RUNNING: &str = "running";
    /// To be given up, at the time of the entry.
    pub const DEADLINE: &str = "deadline";
}

/// The states of an effect.
pub mod states {
    /// To be tried.
    pub const PENDING: &str = "pending";
    /// Being tried.
    pub const RUNNING: &str = "running";
    /// Done.
    pub const SUCCEEDED: &str = "succeeded";
    /// Given up after the last try.
    pub const FAILED: &str = "failed";
    /// Given up at the deadline.
    pub const EXPIRED: &str = "expired";
    /// Given up because somebody asked for that.
    pub const CANCELLED: &str = "cancelled";
}

impl Effect {
    /// Its place in the table.
    pub fn place(project: &str, effect: &str, key: &str) -> Vec<u8> {
        let values = [Value::Text(effect.to_owned()), Value::Text(key.to_owned())];
        Self::table().key_of(project, &values)
    }

    /// The entries of the index that an effect in this state has.
    pub(crate) fn due(&self, project: &str) -> Vec<EffectDue> {
        let entry = |list: &str, at: Timestamp| EffectDue {
            list: list.to_owned(),
            effect: self.effect.clone(),
            at,
            of_project: project.to_owned(),
            key: self.key.clone(),
        };
        let now = match (self.state.as_str(), self.due_at) {
            (states::PENDING, Some(at)) => entry(lists::START, at),
            (states::PENDING, None) => entry(lists::WAITING, self.requested_at),
            (states::RUNNING, _) => {
                entry(lists::RUNNING, self.started_at.unwrap_or(self.requested_at))
            }
            _ => return Vec::new(),
        };
        vec![now, entry(lists::DEADLINE, self.deadline_at)]
    }
}

impl EffectDue {
    /// Where the entries of an effect in a list stand, up to and with this time.
    pub fn range(list: &str, effect: &str, until: Timestamp) -> (Vec<u8>, Vec<u8>) {
        let names = [Value::Text(list.to_owned()), Value::Text(effect.to_owned())];
        let from = Self::table().key_of(DEFAULT_PROJECT, &names);
        let last = Value::Timestamp(until.micros());
        let until = Self::table().key_of(DEFAULT_PROJECT, names.iter().chain([&last]));
        (from, Table::after(&until))
    }
}

impl EffectTotals {
    /// How many have not ended.
    pub fn open(&self) -> i64 {
        self.pending.saturating_add(self.running)
    }

    /// The number of a state.
    pub(crate) fn of_state(&mut self, state: &str) -> &mut i64 {
        match state {
            states::PENDING => &mut self.pending,
            states::RUNNING => &mut self.running,
            states::SUCCEEDED => &mut self.succeeded,
            states::FAILED => &mut self.failed,
            states::EXPIRED => &mut self.expired,
            _ => &mut self.cancelled,
        }
    }

    /// Each state and how many are in it.
    pub fn counts(&self) -> [(&'static str, i64); 6] {
        [
            (states::PENDING, self.pending),
            (states::RUNNING, self.running),
            (states::SUCCEEDED, self.succeeded),
            (states::FAILED, self.failed),
            (states::EXPIRED, self.expired),
            (states::CANCELLED, self.cancelled),
        ]
    }
}
