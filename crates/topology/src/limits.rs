//! Bounds on what a topology may hold; each is named here and nowhere else.

/// A YAML or schema file: longer ones are generated, and generated ones can be split.
pub(crate) const FILE_BYTES_MAX: usize = 1024 * 1024;

/// How deep YAML may nest; the format itself needs seven levels.
pub(crate) const NESTING_MAX: usize = 32;

/// Columns and tables: PostgreSQL's own bound, so that each client can name them.
pub(crate) const NAME_BYTES_MAX: usize = 63;

/// Event types: they are names of folders too.
pub(crate) const EVENT_TYPE_BYTES_MAX: usize = 127;

/// Event types in all.
pub(crate) const EVENT_TYPES_MAX: usize = 1_000;

/// Entities in all.
pub(crate) const ENTITIES_MAX: usize = 1_000;

/// Feature views in all.
pub(crate) const FEATURE_VIEWS_MAX: usize = 1_000;

/// Stored and derived features of one view.
pub(crate) const FEATURES_MAX: usize = 500;

/// Columns of one entity's key.
pub(crate) const JOIN_KEYS_MAX: usize = 16;

/// Derived event types in all.
pub(crate) const DERIVED_EVENTS_MAX: usize = 1_000;

/// Publications in all.
pub(crate) const PUBLICATIONS_MAX: usize = 100;

/// Values that a filter names for one place.
pub(crate) const FILTER_VALUES_MAX: usize = 1_000;

/// Hopping windows that an event may lie in: it changes a row in each.
pub(crate) const HOPS_MAX: i64 = 400;

/// Panes of a sliding window: a read merges all of them.
pub(crate) const PANES_MAX: i64 = 1_000;

/// Windows up to a century; beyond lies a slip of the pen.
pub(crate) const DURATION_MS_MAX: i64 = 36_525 * 86_400_000;

/// Digits of a decimal: what 128 bits hold.
pub(crate) const DECIMAL_PRECISION_MAX: u8 = 38;

/// Steps that lead to one version of a schema.
pub(crate) const STEPS_MAX: usize = 100;

/// Places of two schemas that are compared: choices of choices multiply.
pub(crate) const COMPARISONS_MAX: usize = 20_000;

/// `$ref` after `$ref`: a longer chain is a circle.
pub(crate) const SCHEMA_REFS_MAX: usize = 32;

/// Subschemas looked at to tell what one place holds: choices of choices multiply.
pub(crate) const SCHEMA_STEPS_MAX: usize = 256;

/// How many faults of one schema are told.
pub(crate) const SCHEMA_FAULTS_MAX: usize = 20;

/// How much of a fault is told: the validator quotes what it refuses, however long.
pub(crate) const SCHEMA_FAULT_CHARS_MAX: usize = 300;

/// The topology travels in one event, which may have 1 MiB with its envelope.
pub(crate) const TOPOLOGY_BYTES_MAX: usize = 1000 * 1024;

/// Sources in all: each has readers of its own for every partition of its topic.
pub(crate) const SOURCES_MAX: usize = 100;

/// Effects in all: each tick looks at each of them.
pub(crate) const EFFECTS_MAX: usize = 200;

/// How often an effect is tried: more is not patience but a mistake.
pub(crate) const ATTEMPTS_MAX: u32 = 100;

/// By what each pause between tries may be longer than the one before.
pub(crate) const BACKOFF_FACTOR_MAX: u32 = 100;

/// How many of one effect run at once: each holds a connection or a process.
pub(crate) const CONCURRENCY_MAX: u32 = 32;

/// Headers of one call.
pub(crate) const HEADERS_MAX: usize = 50;

/// A query, a header, a program's text: it travels in the topology.
pub(crate) const EFFECT_TEXT_BYTES_MAX: usize = 64 * 1024;

/// A program and its arguments.
pub(crate) const COMMAND_WORDS_MAX: usize = 64;

/// Files that a program is given, and files that it leaves.
pub(crate) const COMMAND_FILES_MAX: usize = 16;
