//! The writes: a feature view's rows, as the fold encodes them.

use std::collections::BTreeSet;

use headwater_event::Offset;
use headwater_fold::{
    Column, ColumnType, KeyedBy, Provenance, Row, Shown, StoredRow, Table, Value,
};

pub(crate) const UPSERTS: usize = 2_000_000;
pub(crate) const KEYS: u64 = 200_000;
pub(crate) const BATCH: usize = 1_000;

/// The writes in order; the n-th is the event at offset n.
pub(crate) struct Load {
    pub(crate) table: Table,
    keys: Vec<u32>,
    generator: u64,
}

impl Load {
    pub(crate) fn new(skewed: bool) -> Self {
        let mut load = Self { table: table(), keys: Vec::new(), generator: 0x9e37_79b9_7f4a_7c15 };
        // The harmonic sum of zipf 1.0, walked by bisection.
        let mut sums = Vec::with_capacity(KEYS as usize);
        let mut sum = 0.0;
        for rank in 1..=KEYS {
            sum += 1.0 / rank as f64;
            sums.push(sum);
        }
        for _ in 0..UPSERTS {
            let random = load.random();
            let rank = if skewed {
                let at = (random >> 11) as f64 / (1_u64 << 53) as f64 * sum;
                sums.partition_point(|s| *s < at) as u64
            } else {
                random % KEYS
            };
            // Popular keys lie apart, as customers' numbers do.
            load.keys.push((rank.wrapping_mul(2_654_435_761) % KEYS) as u32);
        }
        load
    }

    /// xorshift64*: the same numbers everywhere.
    fn random(&mut self) -> u64 {
        let mut x = self.generator;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.generator = x;
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn key(&self, n: usize) -> Vec<u8> {
        self.key_of(u64::from(self.keys[n % UPSERTS]))
    }

    pub(crate) fn key_of(&self, customer: u64) -> Vec<u8> {
        self.table.key_of("default", &[Value::Int64(customer as i64)])
    }

    pub(crate) fn row(&self, n: usize) -> Vec<u8> {
        let n = n as i64;
        let row = Row {
            event_source: "https://app.example.com".to_owned(),
            event_id: format!("order-{n}"),
            values: vec![
                Value::Timestamp(1_700_000_000_000_000 + n * 1_013_000),
                Value::Int64(n % 97),
                Value::Decimal(i128::from(n * 7_919 % 1_000_003)),
                Value::Int64(n * 31 % 65_536),
                Value::Float64(n as f64 / 7.0),
                Value::Text(["mobile", "web", "store", "phone"][(n % 4) as usize].to_owned()),
                Value::Timestamp(1_600_000_000_000_000 + n % 10_000 * 86_400_000_000),
            ],
        };
        row.encode(Provenance { offset: Offset(n as u64), appended_at_ms: 1_700_000_000_000 + n })
    }

    pub(crate) fn payload_bytes(&self) -> usize {
        (0..UPSERTS).map(|n| self.key(n).len() + self.row(n).len()).sum()
    }

    pub(crate) fn touched(&self) -> usize {
        self.keys.iter().collect::<BTreeSet<_>>().len()
    }

    /// Keys to look up, spread over all.
    pub(crate) fn lookups(&self) -> Vec<Vec<u8>> {
        (0..400_000).map(|n| self.key(n * 4_999 % UPSERTS)).collect()
    }
}

/// A sum over rows, so that no reader can leave any out, and all must agree.
pub(crate) fn checksum(sum: u64, key: &[u8], row: &[u8]) -> u64 {
    let last = |bytes: &[u8]| bytes.last_chunk().copied().map_or(0, u64::from_le_bytes);
    sum.wrapping_add(
        last(key).wrapping_mul(31) ^ row.first_chunk().copied().map_or(0, u64::from_le_bytes),
    )
}

/// What a query does with a row at least: reads its values.
pub(crate) fn decoded(sum: u64, row: &[u8]) -> u64 {
    let row = StoredRow::decode(row).unwrap().row;
    let Value::Int64(count) = row.values[1] else { panic!("a count") };
    sum.wrapping_add(count as u64)
}

fn table() -> Table {
    let column = |name: &str, column_type| Column {
        name: name.to_owned(),
        column_type,
        nullable: true,
        description: String::new(),
    };
    Table {
        schema: "features".to_owned(),
        name: "customer_orders".to_owned(),
        description: String::new(),
        version: *b"bench-view-00001",
        keyed_by: KeyedBy::Key,
        key: vec![column("customer", ColumnType::Int64)],
        stored: vec![
            column("_event_time", ColumnType::Timestamp),
            column("orders", ColumnType::Int64),
            column("total", ColumnType::Decimal { precision: 18, scale: 2 }),
            column("items", ColumnType::Int64),
            column("mean", ColumnType::Float64),
            column("channel", ColumnType::Text),
            column("first_at", ColumnType::Timestamp),
        ],
        shown: Shown::AsStored,
        merged_at_read: false,
        derived: Vec::new(),
    }
}
