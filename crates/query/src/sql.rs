//! The way of a query: parse → refuse or answer from the catalog → plan → stream.

use std::{fmt, sync::Arc};

use datafusion::{
    dataframe::DataFrame, execution::session_state::SessionState, prelude::SQLOptions,
    sql::parser::Statement,
};
use headwater_event::Timestamp;
use headwater_fold::{Table, family::built_in_tables};

use crate::{
    Answer, Error, Limits, Moment, parse, session, statements,
    tables::{derived, schema::row_columns},
};

/// Answers queries. Made once: all its queries share one bounded pool of memory.
pub struct Sql {
    limits: Limits,
    common: SessionState,
    built_in: Vec<Arc<Table>>,
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sql").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Sql {
    /// An engine within these limits.
    pub fn new(limits: Limits) -> Result<Self, Error> {
        let built_in = built_in_tables().into_iter().map(|table| Arc::new(table.clone())).collect();
        Ok(Self { common: session::common(&limits)?, limits, built_in })
    }

    /// Answers one query as of a moment. The answer streams; dropping it cancels the query.
    ///
    /// Must be called within a tokio runtime.
    pub async fn query(&self, moment: Arc<Moment>, sql: &str) -> Result<Answer, Error> {
        let statement = parse::statement(sql, &self.limits)?;
        let positions = moment.positions();
        let (state, catalog) =
            session::of_query(&self.common, &self.built_in, moment, &self.limits)?;
        if let Some(batch) = statements::answer(&statement, &catalog, &state).await? {
            return Ok(Answer::of(batch, positions));
        }
        let frame = plan(state, &catalog, statement).await?;
        Ok(Answer::streaming(frame.execute_stream().await?, positions))
    }

    /// Plans each derived feature of a view as a query would; tells every problem.
    pub fn check_derived(&self, table: &Table) -> Result<(), String> {
        let state = session::at(&self.common, Timestamp::from_micros(0))
            .map_err(|error| error.to_string())?;
        let (schema, _) = row_columns(table);
        derived::check(table, &schema, &state)
    }
}

async fn plan(
    state: SessionState,
    catalog: &Arc<crate::catalog::Catalog>,
    statement: Statement,
) -> Result<DataFrame, Error> {
    for reference in state.resolve_table_references(&statement)? {
        catalog.check(&reference).await?;
    }
    let plan = state.statement_to_plan(statement).await?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)?;
    Ok(DataFrame::new(state, plan))
}
