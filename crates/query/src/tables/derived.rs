//! Features that SQL computes at read: a projection over the stored columns.
//!
//! A derived feature must be a function of the row and of `read_time()`, so that it can be computed
//! again. Whatever else would change the answer, such as the wall clock, is refused.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::{
    catalog::{TableProvider, view::ViewTable},
    common::metadata::FieldMetadata,
    common::{Column, DFSchema, TableReference, tree_node::TreeNode as _},
    datasource::provider_as_source,
    execution::session_state::SessionState,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Volatility, cast, col},
};
use headwater_fold::{Table, column_type};
use headwater_topology::DerivedFeature;

use super::schema::{data_type, field};
use crate::{Error, functions::READ_TIME};

/// The stored column before which the derived ones stand.
const AFTER: &str = "_event_time";

/// A provider of the stored columns and the derived ones, over a scan of this name.
pub(crate) fn with_derived(
    table: &Table,
    scan: &str,
    stored: Arc<dyn TableProvider>,
    state: &SessionState,
) -> Result<Arc<dyn TableProvider>, Error> {
    if table.derived.is_empty() {
        return Ok(stored);
    }
    Ok(Arc::new(ViewTable::new(plan(table, scan, stored, state)?, None)))
}

/// The plan that computes the derived columns.
fn plan(
    table: &Table,
    scan: &str,
    stored: Arc<dyn TableProvider>,
    state: &SessionState,
) -> Result<LogicalPlan, Error> {
    // A bare name: one that tells a moment or a version holds dots or an @.
    let name = TableReference::bare(scan);
    let schema = DFSchema::try_from_qualified_schema(name.clone(), &stored.schema())?;
    let mut columns = Vec::with_capacity(schema.fields().len() + table.derived.len());
    for stored in schema.fields() {
        if stored.name() == AFTER {
            for feature in &table.derived {
                columns.push(
                    derived(feature, &schema, state)
                        .map_err(|error| Error::failed(format!("view {}: {error}", table.name)))?,
                );
            }
        }
        columns.push(col(Column::new(Some(name.clone()), stored.name())));
    }
    let scan = LogicalPlanBuilder::scan(name, provider_as_source(stored), None)?;
    Ok(scan.project(columns)?.build()?)
}

fn derived(
    feature: &DerivedFeature,
    schema: &DFSchema,
    state: &SessionState,
) -> Result<Expr, Error> {
    let value =
        state.create_logical_expr(&feature.sql, schema).map_err(|e| told(feature, e.into()))?;
    pure(&value).map_err(|e| told(feature, e))?;
    let to = data_type(column_type(feature.value_type));
    let metadata =
        FieldMetadata::from(&field(&feature.name, to.clone(), true, &feature.description));
    Ok(cast(value.unalias(), to).alias_with_metadata(&feature.name, Some(metadata)))
}

fn told(feature: &DerivedFeature, error: Error) -> Error {
    Error::invalid(format!("derived feature {}: {error}", feature.name))
}

/// Refuses what is no function of the row and of the time of reading.
fn pure(value: &Expr) -> Result<(), Error> {
    let mut impure = None;
    let looked = value.exists(|part| {
        impure = match part {
            Expr::ScalarFunction(call)
                if call.func.signature().volatility != Volatility::Immutable
                    && call.func.name() != READ_TIME =>
            {
                Some(format!("{}() changes by itself; use read_time()", call.func.name()))
            }
            Expr::AggregateFunction(call) => {
                Some(format!("{}() is an aggregate", call.func.name()))
            }
            Expr::WindowFunction(_) => Some("it holds a window function".to_owned()),
            Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) => {
                Some("it holds a subquery".to_owned())
            }
            _ => None,
        };
        Ok(impure.is_some())
    });
    looked?;
    match impure {
        Some(what) => {
            Err(Error::invalid(format!("{what}; only this row and read_time() can be used")))
        }
        None => Ok(()),
    }
}

/// Every problem of a view's derived features, each planned as a query would.
pub(crate) fn check(table: &Table, stored: &Schema, state: &SessionState) -> Result<(), String> {
    let schema = DFSchema::try_from_qualified_schema(&*table.name, stored);
    let schema = schema.map_err(|error| Error::from(error).to_string())?;
    let mut problems = Vec::new();
    for feature in &table.derived {
        // The physical expression is the first that knows which types can be cast.
        let planned = derived(feature, &schema, state).and_then(|value| {
            state.create_physical_expr(value, &schema).map_err(|e| told(feature, e.into()))
        });
        if let Err(error) = planned {
            problems.push(format!("view {}: {error}", table.name));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}
