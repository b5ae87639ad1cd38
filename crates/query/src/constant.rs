//! An expression after `AS OF` as a moment: it must be the same for the whole query.

use std::{ops::ControlFlow, sync::Arc};

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::{
    common::{DFSchema, ScalarValue},
    execution::session_state::SessionState,
    logical_expr::{Expr, simplify::SimplifyContext},
    optimizer::simplify_expressions::ExprSimplifier,
    sql::sqlparser::ast::{
        Expr as SqlExpr, ExprWithAlias, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
        Query, Visit as _, Visitor,
    },
};
use headwater_event::Timestamp;

use crate::{AsOf, Error, tables::schema::TIMESTAMP};

/// The years that have a text form: what lies outside can't be told, nor has any log.
const MICROS_MIN: i64 = -62_167_219_200_000_000;
const MICROS_MAX: i64 = 253_402_300_799_999_999;

/// The moment that an expression names; `now()` and `read_time()` are those of the state.
pub(crate) fn moment(expression: &SqlExpr, state: &SessionState) -> Result<AsOf, Error> {
    let told = |error: Error| {
        Error::new(error.kind(), format!("failed to read AS OF {expression}: {error}"))
    };
    let named = match position_of(expression) {
        Some(positions) => text(positions, state)
            .and_then(|text| AsOf::positions(&text).map_err(|e| Error::invalid(e.to_string()))),
        None => value(expression, state).and_then(|value| time(&value)),
    };
    named.map_err(told)
}

/// What stands in `position(…)`.
fn position_of(expression: &SqlExpr) -> Option<&SqlExpr> {
    match expression {
        SqlExpr::Nested(inner) => position_of(inner),
        SqlExpr::Function(Function { name, args: FunctionArguments::List(list), .. }) => {
            let called = name.to_string().eq_ignore_ascii_case("position");
            match list.args.as_slice() {
                [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] if called => Some(argument),
                _ => None,
            }
        }
        _ => None,
    }
}

fn text(expression: &SqlExpr, state: &SessionState) -> Result<String, Error> {
    let value = value(expression, state)?;
    let text = value.try_as_str().flatten().map(ToOwned::to_owned);
    text.ok_or_else(|| {
        Error::invalid("position() takes one text, as in position('control:7,0:123')")
    })
}

/// A text names any moment, a date or a timestamp names a time.
fn time(value: &ScalarValue) -> Result<AsOf, Error> {
    if let Some(Some(text)) = value.try_as_str() {
        return text.parse().map_err(|error: crate::NotAMoment| Error::invalid(error.to_string()));
    }
    let data_type = value.data_type();
    let known = matches!(data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
    if !known || value.is_null() {
        let found = if value.is_null() { "null".to_owned() } else { data_type.to_string() };
        return Err(Error::invalid(format!(
            "a moment is a timestamp, a text or position('control:7,0:123'), this is {found}"
        )));
    }
    // In two steps: what has no zone is taken for UTC.
    let micros = match data_type {
        DataType::Timestamp(..) => value.cast_to(&TIMESTAMP)?,
        _ => value.cast_to(&DataType::Timestamp(TimeUnit::Microsecond, None))?,
    };
    match micros {
        ScalarValue::TimestampMicrosecond(Some(micros), _)
            if (MICROS_MIN..=MICROS_MAX).contains(&micros) =>
        {
            Ok(AsOf::Time(Timestamp::from_micros(micros)))
        }
        _ => Err(Error::invalid("the time is outside the years 0 to 9999")),
    }
}

/// The value of a constant expression.
fn value(expression: &SqlExpr, state: &SessionState) -> Result<ScalarValue, Error> {
    if let ControlFlow::Break(what) = expression.visit(&mut Varying) {
        return Err(Error::invalid(format!(
            "a moment is one for the whole query, this has {what}"
        )));
    }
    let schema = DFSchema::empty();
    let named = ExprWithAlias { expr: expression.clone(), alias: None };
    let planned = state.create_logical_expr_from_sql_expr(named, &schema)?;
    let context = SimplifyContext::builder()
        .with_schema(Arc::new(schema.clone()))
        .with_config_options(Arc::clone(state.config_options()))
        .with_query_execution_start_time(state.execution_props().query_execution_start_time)
        .build();
    let simplifier = ExprSimplifier::new(context);
    match simplifier.simplify(simplifier.coerce(planned, &schema)?)? {
        Expr::Literal(value, _) => Ok(value),
        _ => Err(Error::invalid(
            "a moment is one for the whole query, this has no value before the query runs",
        )),
    }
}

/// Finds what differs from row to row.
struct Varying;

impl Visitor for Varying {
    type Break = String;

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<String> {
        ControlFlow::Break("a subquery".to_owned())
    }

    fn pre_visit_expr(&mut self, expression: &SqlExpr) -> ControlFlow<String> {
        match expression {
            SqlExpr::Identifier(_) | SqlExpr::CompoundIdentifier(_) => {
                ControlFlow::Break(format!("the column {expression}"))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}
