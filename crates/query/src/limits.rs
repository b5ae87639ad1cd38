//! What a query may use.

/// The bounds of all queries of one [`Sql`](crate::Sql) together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The memory of sorts, joins and aggregates of all queries that run: beyond it a query fails
    /// rather than the process.
    pub memory_bytes_max: usize,
    /// The rows of a batch: enough to spread the cost of a step, few enough to stream.
    pub batch_rows: usize,
    /// The stored bytes that a batch of a scan is made of, whatever its rows: a row can have 1 MiB.
    pub batch_bytes_max: usize,
    /// How many plan partitions a query is spread over; the machine's cores if `None`.
    pub parallelism: Option<usize>,
    /// How deep expressions and subqueries nest: parsing and planning recurse.
    pub depth_max: usize,
    /// The length of a query's text.
    pub query_bytes_max: usize,
    /// How many moments of the past a query compares: each holds a snapshot of every partition.
    pub moments_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 1 << 30,
            batch_rows: 8_192,
            batch_bytes_max: 4 << 20,
            parallelism: None,
            depth_max: 50,
            query_bytes_max: 1 << 20,
            moments_max: 8,
        }
    }
}
