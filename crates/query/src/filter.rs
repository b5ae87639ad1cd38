//! What a query's filters say of a row's key and place, so that a scan can seek.
//!
//! Everything here narrows what is read; DataFusion still applies the filters to what is.

use std::collections::BTreeSet;

use datafusion::{
    common::ScalarValue,
    logical_expr::{BinaryExpr, Expr, Operator},
};
use headwater_fold::{ColumnType, Table, Value, codec::write_key_value};

/// How many keys a scan seeks at most; with more, fewer key columns are sought by.
const SEEKS_MAX: usize = 4_096;

/// What is known of the rows wanted of a table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct KeyFilter {
    /// The projects, in order; `None` for all.
    pub(crate) projects: Option<Vec<String>>,
    /// What keys hold after the project: bytes that they begin with, in order; one empty for all.
    pub(crate) suffixes: Vec<Vec<u8>>,
    /// How many key columns the suffixes cover.
    pub(crate) columns: usize,
    /// The partitions; `None` for all.
    pub(crate) partitions: Option<BTreeSet<String>>,
    /// Bytes that keys go on with after all columns that the table was told to have: from the first up to
    /// the second.
    pub(crate) within: Option<(Vec<u8>, Vec<u8>)>,
    /// How many key columns that are.
    pub(crate) known_columns: usize,
}

impl KeyFilter {
    /// What these filters, which all hold, say of this table.
    pub(crate) fn of(table: &Table, filters: &[Expr]) -> Self {
        let choices: Vec<Choice> = filters.iter().flat_map(conjuncts).filter_map(choice).collect();
        let project = values_of(&choices, "project", ColumnType::Text);
        let partition = values_of(&choices, "_partition", ColumnType::Text);
        let mut suffixes = vec![Vec::new()];
        let mut columns = 0;
        for column in &table.key {
            let Some(values) = values_of(&choices, &column.name, column.column_type) else { break };
            if suffixes.len().saturating_mul(values.len()) > SEEKS_MAX {
                break;
            }
            suffixes = extended(&suffixes, &values);
            columns += 1;
        }
        suffixes.sort_unstable();
        suffixes.dedup();
        let texts = |values: Vec<Value>| -> BTreeSet<String> {
            let text = |value| if let Value::Text(text) = value { Some(text) } else { None };
            values.into_iter().filter_map(text).collect()
        };
        Self {
            projects: project.map(|values| texts(values).into_iter().collect()),
            suffixes,
            columns,
            partitions: partition.map(texts),
            within: None,
            known_columns: table.key.len(),
        }
    }

    /// Of each entity only rows with a time from `start` up to `end` at the end of their key.
    pub(crate) fn within(self, start: i64, end: i64) -> Self {
        let bytes = |time| {
            let mut bytes = Vec::new();
            write_key_value(&Value::Timestamp(time), &mut bytes);
            bytes
        };
        Self { within: Some((bytes(start), bytes(end))), ..self }
    }

    /// Whether this filter says anything of this table's keys or places.
    pub(crate) fn helps(table: &Table, filter: &Expr) -> bool {
        let named = |choice: &Choice| {
            let keys = table.key.iter().map(|column| column.name.as_str());
            keys.chain(["project", "_partition"]).any(|name| name == choice.column)
        };
        conjuncts(filter).into_iter().filter_map(choice).any(|choice| named(&choice))
    }
}

fn extended(prefixes: &[Vec<u8>], values: &[Value]) -> Vec<Vec<u8>> {
    let mut longer = Vec::with_capacity(prefixes.len() * values.len());
    for prefix in prefixes {
        for value in values {
            let mut suffix = prefix.clone();
            write_key_value(value, &mut suffix);
            longer.push(suffix);
        }
    }
    longer
}

/// A column must be one of these.
struct Choice<'a> {
    column: &'a str,
    values: Vec<&'a ScalarValue>,
}

/// The parts of a filter that all must hold.
pub(crate) fn conjuncts(filter: &Expr) -> Vec<&Expr> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            let mut parts = conjuncts(left);
            parts.extend(conjuncts(right));
            parts
        }
        other => vec![other],
    }
}

/// `column = 1`, `column IN (1, 2)` or `column = 1 OR column = 2`.
fn choice(filter: &Expr) -> Option<Choice<'_>> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let (column, value) = match (&**left, &**right) {
                (Expr::Column(column), Expr::Literal(value, _))
                | (Expr::Literal(value, _), Expr::Column(column)) => (column, value),
                _ => return None,
            };
            Some(Choice { column: &column.name, values: vec![value] })
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (mut left, right) = (choice(left)?, choice(right)?);
            left.values.extend(right.values);
            (left.column == right.column).then_some(left)
        }
        Expr::InList(list) if !list.negated => {
            let Expr::Column(column) = &*list.expr else { return None };
            let values = list.list.iter().map(literal).collect::<Option<_>>()?;
            Some(Choice { column: &column.name, values })
        }
        _ => None,
    }
}

fn literal(expression: &Expr) -> Option<&ScalarValue> {
    match expression {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

/// The values that a column may have; `None` if nothing usable is known.
fn values_of(choices: &[Choice<'_>], column: &str, column_type: ColumnType) -> Option<Vec<Value>> {
    let typed = |choice: &Choice<'_>| -> Option<Vec<Value>> {
        let known = choice.values.iter().filter(|value| !value.is_null());
        known.map(|value| key_value(value, column_type)).collect()
    };
    let mut lists = choices.iter().filter(|choice| choice.column == column).filter_map(typed);
    let first = lists.next()?;
    Some(lists.fold(first, |mut values, others| {
        values.retain(|value| others.contains(value));
        values
    }))
}

/// A literal as a key's value, if it is of the column's type.
fn key_value(literal: &ScalarValue, column_type: ColumnType) -> Option<Value> {
    match (column_type, literal) {
        (ColumnType::Int64, ScalarValue::Int64(Some(v))) => Some(Value::Int64(*v)),
        (ColumnType::Timestamp, ScalarValue::TimestampMicrosecond(Some(v), Some(_))) => {
            Some(Value::Timestamp(*v))
        }
        (ColumnType::Text, literal) => {
            let text = literal.try_as_str().flatten()?;
            Some(Value::Text(text.to_owned()))
        }
        _ => None,
    }
}

/// The values that `_partition` may have; `None` for all.
pub(crate) fn partitions(filters: &[Expr]) -> Option<BTreeSet<String>> {
    let choices: Vec<Choice> = filters.iter().flat_map(conjuncts).filter_map(choice).collect();
    let values = values_of(&choices, "_partition", ColumnType::Text)?;
    let text = |value| if let Value::Text(text) = value { Some(text) } else { None };
    Some(values.into_iter().filter_map(text).collect())
}

/// The range that `_offset` may be in: from, to before.
pub(crate) fn offsets(filters: &[Expr]) -> (u64, u64) {
    let (mut from, mut to) = (0, u64::MAX);
    for filter in filters.iter().flat_map(conjuncts) {
        let Some((op, bound)) = offset_bound(filter) else { continue };
        // A negative bound is below every offset.
        let at = u64::try_from(bound).unwrap_or(0);
        let after = u64::try_from(bound).map_or(0, |bound| bound.saturating_add(1));
        match op {
            Operator::Eq => (from, to) = (from.max(at), to.min(after)),
            Operator::Gt => from = from.max(after),
            Operator::GtEq => from = from.max(at),
            Operator::Lt => to = to.min(at),
            Operator::LtEq => to = to.min(after),
            _ => {}
        }
    }
    (from, to)
}

/// Whether a filter narrows `_partition` or `_offset`.
pub(crate) fn is_place(filter: &Expr) -> bool {
    conjuncts(filter).into_iter().any(|part| {
        offset_bound(part).is_some()
            || choice(part).is_some_and(|choice| choice.column == "_partition")
    })
}

fn offset_bound(filter: &Expr) -> Option<(Operator, i64)> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else { return None };
    match (&**left, &**right) {
        (Expr::Column(column), Expr::Literal(ScalarValue::Int64(Some(bound)), _))
            if column.name == "_offset" =>
        {
            Some((*op, *bound))
        }
        (Expr::Literal(ScalarValue::Int64(Some(bound)), _), Expr::Column(column))
            if column.name == "_offset" =>
        {
            Some((op.swap()?, *bound))
        }
        _ => None,
    }
}
