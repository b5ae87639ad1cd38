//! `SHOW TABLES`, `SHOW COLUMNS` and `DESCRIBE`: answered from the catalog, with descriptions.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, StringArray},
    datatypes::{DataType, Field, Schema},
    record_batch::RecordBatch,
};
use datafusion::{
    common::TableReference,
    execution::session_state::SessionState,
    sql::{
        parser::Statement,
        planner::object_name_to_table_reference,
        sqlparser::ast::{
            ObjectName, ShowStatementIn, ShowStatementOptions, Statement as SqlStatement,
        },
    },
};

use crate::{
    Error,
    catalog::{Catalog, Entry},
    tables::schema::{description, sql_type},
};

/// The answer to a statement about tables; `None` if it is another.
pub(crate) async fn answer(
    statement: &Statement,
    catalog: &Arc<Catalog>,
    state: &SessionState,
) -> Result<Option<RecordBatch>, Error> {
    let Statement::Statement(statement) = statement else { return Ok(None) };
    match &**statement {
        SqlStatement::ShowTables { show_options, .. } => {
            let schema = parent(show_options, "SHOW TABLES")?;
            tables(catalog, schema.as_ref().map(TableReference::table)).map(Some)
        }
        SqlStatement::ShowColumns { show_options, .. } => {
            let table = parent(show_options, "SHOW COLUMNS")?.ok_or_else(|| {
                Error::invalid("SHOW COLUMNS needs a table: SHOW COLUMNS FROM runs")
            })?;
            columns(catalog, state, table).await.map(Some)
        }
        SqlStatement::ExplainTable { table_name, .. } => {
            columns(catalog, state, reference(table_name)?).await.map(Some)
        }
        _ => Ok(None),
    }
}

fn reference(name: &ObjectName) -> Result<TableReference, Error> {
    Ok(object_name_to_table_reference(name.clone(), true)?)
}

/// What follows `FROM` or `IN`.
fn parent(options: &ShowStatementOptions, what: &str) -> Result<Option<TableReference>, Error> {
    let ShowStatementOptions { show_in, starts_with, limit, limit_from, filter_position } = options;
    let more = starts_with.is_some() || limit.is_some() || limit_from.is_some();
    if more || filter_position.is_some() {
        return Err(Error::invalid(format!(
            "{what} takes no filter; select from information_schema.tables or \
             information_schema.columns"
        )));
    }
    let name =
        show_in.as_ref().and_then(|ShowStatementIn { parent_name, .. }| parent_name.as_ref());
    name.map(reference).transpose()
}

fn tables(catalog: &Catalog, schema: Option<&str>) -> Result<RecordBatch, Error> {
    if let Some(schema) = schema
        && !catalog.schemas().iter().any(|known| known == schema)
    {
        let known = catalog.schemas().join(", ");
        return Err(Error::invalid(format!("there is no schema {schema}; there are {known}")));
    }
    let mut entries: Vec<&Entry> = catalog.sorted();
    entries.retain(|entry| schema.is_none_or(|schema| entry.schema == schema));
    texts(
        ["table_schema", "table_name", "description"],
        entries
            .iter()
            .map(|entry| [entry.schema.clone(), entry.name.clone(), entry.description.clone()]),
    )
}

async fn columns(
    catalog: &Arc<Catalog>,
    state: &SessionState,
    table: TableReference,
) -> Result<RecordBatch, Error> {
    catalog.check(&table).await?;
    let provider = state.schema_for_ref(table.clone())?.table(table.table()).await?;
    let provider = provider.ok_or_else(|| Error::invalid(format!("there is no table {table}")))?;
    texts(
        ["column_name", "data_type", "is_nullable", "description"],
        provider.schema().fields().iter().map(|field| {
            let nullable = if field.is_nullable() { "YES" } else { "NO" };
            [
                field.name().clone(),
                sql_type(field.data_type()),
                nullable.to_owned(),
                description(field).to_owned(),
            ]
        }),
    )
}

/// A batch of columns of text.
fn texts<const N: usize>(
    names: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<RecordBatch, Error> {
    let mut columns: [Vec<String>; N] = std::array::from_fn(|_| Vec::new());
    for row in rows {
        for (column, text) in columns.iter_mut().zip(row) {
            column.push(text);
        }
    }
    let fields = names.map(|name| Field::new(name, DataType::Utf8, false)).to_vec();
    let arrays = columns.map(|column| Arc::new(StringArray::from(column)) as ArrayRef).to_vec();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| Error::failed(error.to_string()))
}
