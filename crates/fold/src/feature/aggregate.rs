//! Aggregates as a commutative monoid: a state for no event, the state of one event, and a merge.
//!
//! Folding an event is merging its state, so that order, batches and partitions can't matter. The
//! state of an aggregate is a few stored values; see [`Slot::width`].

use headwater_event::{Event, Timestamp};
use headwater_topology::{Aggregate, ValueAt, ValueType};
use num_bigint::BigInt;

use super::{
    exact_sum::{ExactSum, round_ratio},
    typed::value_at,
};
use crate::{ColumnType, Value, codec::Damaged, column_type};

/// One feature's state among the stored values of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// The feature's name.
    pub name: String,
    /// How it is folded.
    pub aggregate: Aggregate,
    /// Its declared type.
    pub value_type: ValueType,
}

/// A state that can't be shown as the declared type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "feature {name}: the value does not fit its declared type {value_type:?}; declare a wider one"
)]
pub struct DoesNotFit {
    name: String,
    value_type: ValueType,
}

impl Slot {
    /// How many stored values the state has.
    pub fn width(&self) -> usize {
        match self.aggregate {
            Aggregate::CountAll | Aggregate::Count(_) => 1,
            Aggregate::Sum(_) | Aggregate::Min(_) | Aggregate::Max(_) => 1,
            Aggregate::Mean(_) => 2,
            Aggregate::First(_) | Aggregate::Last(_) | Aggregate::Written => 3,
        }
    }

    /// The types of the stored values, with the ends of their names.
    pub fn stored_types(&self) -> Vec<(&'static str, ColumnType)> {
        let value = column_type(self.value_type);
        let sum = match self.value_type {
            ValueType::Float64 => ColumnType::Binary,
            ValueType::Decimal { scale, .. } => ColumnType::Decimal { precision: 38, scale },
            _ => ColumnType::Decimal { precision: 38, scale: 0 },
        };
        match self.aggregate {
            Aggregate::CountAll | Aggregate::Count(_) => vec![("", ColumnType::Int64)],
            Aggregate::Sum(_) => vec![("", sum)],
            Aggregate::Mean(_) => vec![("_sum", sum), ("_count", ColumnType::Int64)],
            Aggregate::Min(_) | Aggregate::Max(_) => vec![("", value)],
            Aggregate::First(_) | Aggregate::Last(_) | Aggregate::Written => {
                vec![("", value), ("_time", ColumnType::Timestamp), ("_event", ColumnType::Text)]
            }
        }
    }

    /// The type that people see.
    pub fn shown_type(&self) -> ColumnType {
        match (&self.aggregate, self.value_type) {
            (Aggregate::CountAll | Aggregate::Count(_), _) => ColumnType::Int64,
            (Aggregate::Mean(_), _) => ColumnType::Float64,
            // A sum of many may need more digits than each of them.
            (Aggregate::Sum(_), ValueType::Decimal { scale, .. }) => {
                ColumnType::Decimal { precision: 38, scale }
            }
            (_, value_type) => column_type(value_type),
        }
    }

    /// The state of no event.
    pub fn empty(&self) -> Vec<Value> {
        match self.aggregate {
            Aggregate::CountAll | Aggregate::Count(_) => vec![Value::Int64(0)],
            Aggregate::Mean(_) => vec![Value::Null, Value::Int64(0)],
            _ => vec![Value::Null; self.width()],
        }
    }

    /// The state of one event.
    pub fn of_event(&self, event: &Event, event_time: Timestamp) -> Result<Vec<Value>, String> {
        let value = match &self.aggregate {
            Aggregate::CountAll => return Ok(vec![Value::Int64(1)]),
            // Whatever is there counts; it need not be of any type.
            Aggregate::Count(at) => value_at(event, event_time, at, ValueType::Json)?,
            Aggregate::Sum(at)
            | Aggregate::Mean(at)
            | Aggregate::Min(at)
            | Aggregate::Max(at)
            | Aggregate::First(at)
            | Aggregate::Last(at) => value_at(event, event_time, at, self.value_type)?,
            Aggregate::Written => {
                let at = ValueAt::Data(format!("/values/{}", self.name));
                let named = event.data.pointer(&format!("/values/{}", self.name)).is_some();
                let value = value_at(event, event_time, &at, self.value_type)?;
                return Ok(if named { stamped(value, event, event_time) } else { self.empty() });
            }
        };
        if value == Value::Null {
            return Ok(self.empty());
        }
        Ok(match &self.aggregate {
            Aggregate::Count(_) | Aggregate::CountAll => vec![Value::Int64(1)],
            Aggregate::Sum(_) => vec![summand(value)?],
            Aggregate::Mean(_) => vec![summand(value)?, Value::Int64(1)],
            Aggregate::Min(_) | Aggregate::Max(_) => vec![value],
            Aggregate::First(_) | Aggregate::Last(_) | Aggregate::Written => {
                stamped(value, event, event_time)
            }
        })
    }

    /// Merges two states; neither order nor grouping matters.
    pub fn merge(&self, a: &[Value], b: &[Value]) -> Result<Vec<Value>, Damaged> {
        match (&self.aggregate, a, b) {
            (Aggregate::CountAll | Aggregate::Count(_), [Value::Int64(a)], [Value::Int64(b)]) => {
                Ok(vec![Value::Int64(a.saturating_add(*b))])
            }
            (Aggregate::Sum(_), [a], [b]) => Ok(vec![add(a, b)?]),
            (Aggregate::Mean(_), [a, Value::Int64(m)], [b, Value::Int64(n)]) => {
                Ok(vec![add(a, b)?, Value::Int64(m.saturating_add(*n))])
            }
            (Aggregate::Min(_), [a], [b]) => Ok(vec![pick(a, b, false)]),
            (Aggregate::Max(_), [a], [b]) => Ok(vec![pick(a, b, true)]),
            (Aggregate::First(_), a, b) => {
                let b_first = stamp(b).is_some_and(|b| stamp(a).is_none_or(|a| b < a));
                Ok(if b_first { b } else { a }.to_vec())
            }
            (Aggregate::Last(_) | Aggregate::Written, a, b) => {
                Ok(if stamp(b) > stamp(a) { b } else { a }.to_vec())
            }
            _ => Err(Damaged("aggregate state")),
        }
    }

    /// The value that people see.
    pub fn finish(&self, state: &[Value]) -> Result<Value, DoesNotFit> {
        let too_large = || DoesNotFit { name: self.name.clone(), value_type: self.value_type };
        match (&self.aggregate, state) {
            (Aggregate::Sum(_), [Value::Decimal(sum)]) if self.value_type == ValueType::Int64 => {
                i64::try_from(*sum).map(Value::Int64).map_err(|_| too_large())
            }
            (Aggregate::Sum(_), [Value::Binary(sum)]) => {
                let sum = ExactSum::from_bytes(sum).map_err(|_| too_large())?.round();
                sum.is_finite().then_some(Value::Float64(sum)).ok_or_else(too_large)
            }
            (Aggregate::Sum(_), [sum @ Value::Decimal(v)]) => {
                let fits = v.unsigned_abs() < 10_u128.pow(38);
                fits.then(|| sum.clone()).ok_or_else(too_large)
            }
            (Aggregate::Mean(_), [_, Value::Int64(0)]) => Ok(Value::Null),
            (Aggregate::Mean(_), [Value::Binary(sum), Value::Int64(count)]) => {
                let sum = ExactSum::from_bytes(sum).map_err(|_| too_large())?;
                Ok(Value::Float64(sum.mean(*count)))
            }
            (Aggregate::Mean(_), [Value::Decimal(sum), Value::Int64(count)]) => {
                let scale = match self.value_type {
                    ValueType::Decimal { scale, .. } => u32::from(scale),
                    _ => 0,
                };
                let divisor = 10_i64.checked_pow(scale).and_then(|ten| ten.checked_mul(*count));
                let divisor = divisor.ok_or_else(too_large)?;
                Ok(Value::Float64(round_ratio(&(BigInt::from(*sum) << 1_074_u32), divisor)))
            }
            (_, [value, ..]) => Ok(value.clone()),
            (_, []) => Ok(Value::Null),
        }
    }
}

fn stamped(value: Value, event: &Event, event_time: Timestamp) -> Vec<Value> {
    vec![
        value,
        Value::Timestamp(event_time.micros()),
        Value::Text(format!("{}\n{}", event.id, event.source)),
    ]
}

/// When and by which event (id, then source) a value was given; `None` sorts before all.
fn stamp(state: &[Value]) -> Option<(i64, &str)> {
    match state {
        [_, Value::Timestamp(time), Value::Text(event)] => Some((*time, event)),
        _ => None,
    }
}

fn summand(value: Value) -> Result<Value, String> {
    match value {
        Value::Int64(v) => Ok(Value::Decimal(i128::from(v))),
        Value::Float64(v) => ExactSum::of(v)
            .map(|sum| Value::Binary(sum.to_bytes()))
            .ok_or_else(|| format!("{v} can't be summed")),
        decimal @ Value::Decimal(_) => Ok(decimal),
        _ => Err("only numbers can be summed".to_owned()),
    }
}

fn add(a: &Value, b: &Value) -> Result<Value, Damaged> {
    match (a, b) {
        (Value::Null, other) | (other, Value::Null) => Ok(other.clone()),
        // Wrapping is exact arithmetic modulo 2^128: still commutative, and `finish` refuses what
        // exceeds 38 digits.
        (Value::Decimal(a), Value::Decimal(b)) => Ok(Value::Decimal(a.wrapping_add(*b))),
        (Value::Binary(a), Value::Binary(b)) => {
            let sum = ExactSum::from_bytes(a)?.plus(&ExactSum::from_bytes(b)?);
            Ok(Value::Binary(sum.to_bytes()))
        }
        _ => Err(Damaged("sum")),
    }
}

fn pick(a: &Value, b: &Value, greater: bool) -> Value {
    let b_greater = match (a, b) {
        (Value::Null, _) => return b.clone(),
        (_, Value::Null) => return a.clone(),
        (Value::Int64(a), Value::Int64(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => b > a,
        (Value::Decimal(a), Value::Decimal(b)) => b > a,
        (Value::Float64(a), Value::Float64(b)) => b.total_cmp(a).is_gt(),
        (Value::Text(a), Value::Text(b)) => b > a,
        _ => false,
    };
    if b_greater == greater { b.clone() } else { a.clone() }
}
