//! Bounds on what one event may be; each is named here and nowhere else.

/// The largest record, in bytes of key, headers and value: larger things are artifacts.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// What a dead letter keeps of a record: enough to see what it was.
pub const DEAD_LETTER_BYTES_MAX: usize = 64 * 1024;

/// The longest id, source, subject, type or project: they stand in keys and indexes.
pub const NAME_BYTES_MAX: usize = 1_024;

/// How many violations of a schema are told at once; more help nobody.
pub const VIOLATIONS_MAX: usize = 20;

/// How deep a payload may nest: beyond it lies only mischief, and the stack.
pub const NESTING_MAX: usize = 64;

/// How many events one batch request may carry.
pub const BATCH_EVENTS_MAX: usize = 100_000;

/// How deep a payload may nest once it was upcast: as deep as the reader of JSON goes.
pub const PAYLOAD_DEPTH_MAX: usize = 128;
