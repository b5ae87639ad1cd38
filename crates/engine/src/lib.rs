//! Log to fold to store: partition tasks, waiters, the clock, the outbox.
