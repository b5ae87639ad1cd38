//! The way of a query: parse → find its moments → answer from the catalog, or plan → stream.

use std::{fmt, sync::Arc};

use datafusion::{
    common::ParamValues, dataframe::DataFrame, execution::session_state::SessionState,
    logical_expr::LogicalPlan, prelude::SQLOptions, sql::parser::Statement,
};
use headwater_event::Timestamp;
use headwater_fold::{Table, family::built_in_tables};

use crate::{
    Answer, AsOf, Error, Limits, Moment, QueryOptions,
    answer::Seen,
    catalog::Catalog,
    constant, options,
    parse::{self, Setting},
    session, statements,
    tables::{derived, schema::row_columns},
    versions::{self, Versions},
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

    /// Answers one query as of a moment, or as of the moments of its past that the options and the
    /// text name. The answer streams; dropping it cancels the query.
    ///
    /// Must be called within a tokio runtime.
    pub async fn query(
        &self,
        moment: Arc<Moment>,
        sql: &str,
        options: &QueryOptions,
    ) -> Result<Answer, Error> {
        let parse::Request { as_of, mut statement } = parse::request(sql, &self.limits)?;
        let asked = versions::take(&mut statement)?;
        let as_of = self.as_of(as_of, &moment, options)?;
        let base = base(moment, as_of.as_ref(), options.read_time).await?;
        let expressions = session::at(&self.common, base.read_time)?;
        let catalog_of =
            |as_of: &AsOf, moment: Arc<Moment>| self.catalog(moment, Some(as_of.clone()));
        let versions = Versions::find(asked, &base, &expressions, &self.limits, catalog_of).await?;
        let seen = Seen {
            as_of,
            positions: base.positions(),
            versions: versions
                .moments()
                .map(|(v, moment)| (v.clone(), moment.positions()))
                .collect(),
        };
        let catalog = Arc::new(self.catalog(base, None)?);
        let versions = Arc::new(versions);
        let state = session::of_query(expressions, &catalog, seen.as_of.as_ref(), &versions)?;
        if let Some(batch) = statements::answer(&statement, &catalog, &state).await? {
            versions.check_all_planned()?;
            return Ok(Answer::of(batch, seen));
        }
        let plan = plan(&state, &catalog, statement, options).await?;
        versions.check_all_planned()?;
        let frame = DataFrame::new(state, plan);
        Ok(Answer::streaming(frame.execute_stream().await?, seen))
    }

    /// The moment of all tables that name no other.
    fn as_of(
        &self,
        set: Option<Setting>,
        now: &Moment,
        options: &QueryOptions,
    ) -> Result<Option<AsOf>, Error> {
        match set {
            None => Ok(options.as_of.clone()),
            Some(Setting::Default) => Ok(None),
            Some(Setting::To(moment)) => {
                let state = session::at(&self.common, options.read_time.unwrap_or(now.read_time))?;
                constant::moment(&moment, &state).map(Some)
            }
        }
    }

    /// The tables of a moment.
    fn catalog(&self, moment: Arc<Moment>, as_of: Option<AsOf>) -> Result<Catalog, Error> {
        let expressions = Arc::new(session::at(&self.common, moment.read_time)?);
        Ok(Catalog::new(&self.built_in, moment, as_of, self.limits.clone(), expressions))
    }

    /// Plans each derived feature of a view as a query would; tells every problem.
    pub fn check_derived(&self, table: &Table) -> Result<(), String> {
        let state = session::at(&self.common, Timestamp::from_micros(0))
            .map_err(|error| error.to_string())?;
        let (schema, _) = row_columns(table);
        derived::check(table, &schema, &state)
    }
}

/// The moment that a query sees where it names no other.
async fn base(
    now: Arc<Moment>,
    as_of: Option<&AsOf>,
    read_time: Option<Timestamp>,
) -> Result<Arc<Moment>, Error> {
    let base = match as_of {
        None => now,
        Some(as_of) => now.at(as_of).await?,
    };
    Ok(match read_time {
        None => base,
        Some(read_time) => Arc::new(Moment { read_time, ..Moment::clone(&base) }),
    })
}

async fn plan(
    state: &SessionState,
    catalog: &Arc<Catalog>,
    statement: Statement,
    options: &QueryOptions,
) -> Result<LogicalPlan, Error> {
    for reference in state.resolve_table_references(&versions::without_past(&statement))? {
        catalog.check(&reference).await?;
    }
    let plan = state.statement_to_plan(statement).await?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)?;
    if options.parameters.is_empty() {
        return Ok(plan);
    }
    let values = ParamValues::from(options::scalars(&options.parameters)?);
    Ok(plan.replace_params_with_values(&values)?)
}
