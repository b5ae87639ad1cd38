//! `FOR SYSTEM_TIME AS OF`: which tables of a query are asked for as of which moment.
//!
//! ```text
//! from t for system_time as of now() - interval '1 day'      as parsed
//! from t for system_time as of 0                             as planned; 0 is the first of its moments
//! scan of "features.t@1997-01-01T00:00:00Z", aliased to t    in the plan
//! ```
//!
//! Left alone, DataFusion's planner passes over a version without a word: the past asked for, today
//! shown. So each is taken out of the statement and counted here, [`AsOfPlanner`] notes which it
//! planned, and one that it did not is an error. Plans compare scans by their names, not by what they
//! read, so a scan's name tells its moment: else two moments of one table would be taken for the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use datafusion::{
    common::{DataFusionError, Result, TableReference},
    datasource::provider_as_source,
    execution::session_state::SessionState,
    logical_expr::{
        LogicalPlan, LogicalPlanBuilder,
        planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning},
    },
    sql::{
        parser::Statement,
        sqlparser::ast::{
            Expr as SqlExpr, TableFactor, TableVersion, Value, VisitMut as _, VisitorMut,
        },
    },
};

use crate::{
    AsOf, Error, Limits, Moment,
    catalog::{Catalog, INFORMATION_SCHEMA},
    constant,
};

/// A table that is asked for as of a moment.
#[derive(Debug)]
pub(crate) struct Asked {
    table: String,
    moment: SqlExpr,
}

/// Takes the moments out of a statement and leaves their numbers in their places.
pub(crate) fn take(statement: &mut Statement) -> Result<Vec<Asked>, Error> {
    let mut taker = Taker(Vec::new());
    if let Some(statement) = innermost(statement)
        && let ControlFlow::Break(error) = statement.visit(&mut taker)
    {
        return Err(error);
    }
    Ok(taker.0)
}

/// What is explained, or the statement itself.
fn innermost(statement: &mut Statement) -> Option<&mut datafusion::sql::sqlparser::ast::Statement> {
    match statement {
        Statement::Explain(explain) => innermost(&mut explain.statement),
        Statement::Statement(statement) => Some(statement),
        _ => None,
    }
}

struct Taker(Vec<Asked>);

impl VisitorMut for Taker {
    type Break = Error;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        let TableFactor::Table { name, version, args, sample, with_ordinality, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let table = name.to_string();
        // These, too, the planner passes over without a word.
        let dropped = match (sample, with_ordinality) {
            (Some(_), _) => Some("TABLESAMPLE: take rows with WHERE or LIMIT"),
            (None, true) => Some("WITH ORDINALITY: use row_number() OVER (ORDER BY …)"),
            (None, false) => None,
        };
        if let Some(what) = dropped {
            return ControlFlow::Break(Error::invalid(format!("{table} can't be read {what}")));
        }
        let Some(version) = version else { return ControlFlow::Continue(()) };
        if args.is_some() {
            return ControlFlow::Break(Error::invalid(format!(
                "AS OF is for tables, and {table} is a function"
            )));
        }
        let TableVersion::ForSystemTimeAsOf(moment) = version else {
            return ControlFlow::Break(Error::invalid(format!(
                "{table} {version}: write {table} FOR SYSTEM_TIME AS OF a time or position('0:123')"
            )));
        };
        let number = number(self.0.len());
        self.0.push(Asked { table, moment: std::mem::replace(moment, number) });
        ControlFlow::Continue(())
    }
}

fn number(place: usize) -> SqlExpr {
    SqlExpr::value(Value::Number(place.to_string(), false))
}

/// The statement without its tables of the past: those that are left are read at the query's moment.
pub(crate) fn without_past(statement: &Statement) -> Statement {
    let mut present = statement.clone();
    if let Some(statement) = innermost(&mut present) {
        let _: ControlFlow<()> = statement.visit(&mut Remover);
    }
    present
}

struct Remover;

impl VisitorMut for Remover {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if matches!(factor, TableFactor::Table { version: Some(_), .. }) {
            // Any factor that names no table.
            *factor = TableFactor::UNNEST {
                alias: None,
                array_exprs: Vec::new(),
                with_offset: false,
                with_offset_alias: None,
                with_ordinality: false,
            };
        }
        ControlFlow::Continue(())
    }
}

/// The moments of one query.
#[derive(Debug)]
pub(crate) struct Versions {
    catalogs: BTreeMap<AsOf, Arc<Catalog>>,
    /// By number: the table, and its moment.
    asked: Vec<(String, AsOf)>,
    planned: Mutex<BTreeSet<usize>>,
}

impl Versions {
    /// Finds each moment that is asked for, once; expressions are taken in this state.
    pub(crate) async fn find(
        asked: Vec<Asked>,
        base: &Moment,
        state: &SessionState,
        limits: &Limits,
        catalog_of: impl Fn(&AsOf, Arc<Moment>) -> Result<Catalog, Error>,
    ) -> Result<Self, Error> {
        let mut tables = Vec::with_capacity(asked.len());
        for Asked { table, moment } in asked {
            tables.push((table, constant::moment(&moment, state)?));
        }
        let distinct: BTreeSet<&AsOf> = tables.iter().map(|(_, as_of)| as_of).collect();
        if distinct.len() > limits.moments_max {
            let (count, most) = (distinct.len(), limits.moments_max);
            return Err(Error::invalid(format!(
                "the query asks for {count} moments, the limit is {most}: split it"
            )));
        }
        let mut catalogs = BTreeMap::new();
        for as_of in distinct {
            let moment = base.at(as_of).await?;
            catalogs.insert(as_of.clone(), Arc::new(catalog_of(as_of, moment)?));
        }
        for (table, as_of) in &tables {
            // Planning can't wait for what must be looked up in rows.
            if let Some(catalog) = catalogs.get(as_of) {
                let catalog: &Arc<Catalog> = catalog;
                catalog.find_version(TableReference::from(table.as_str()).table()).await?;
            }
        }
        Ok(Self { catalogs, asked: tables, planned: Mutex::default() })
    }

    /// The moments, each once.
    pub(crate) fn moments(&self) -> impl Iterator<Item = (&AsOf, &Arc<Moment>)> {
        self.catalogs.iter().map(|(as_of, catalog)| (as_of, catalog.moment()))
    }

    /// An error if a table that was asked for as of a moment was not planned so.
    pub(crate) fn check_all_planned(&self) -> Result<(), Error> {
        let planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let mut asked = self.asked.iter().enumerate();
        match asked.find(|(number, _)| !planned.contains(number)) {
            None => Ok(()),
            Some((_, (table, as_of))) => Err(Error::invalid(format!(
                "{table} as of {as_of} stands where AS OF is not understood; rather than to show \
                 another moment, nothing is answered"
            ))),
        }
    }

    /// The number of a version in a statement, and the catalog of its moment.
    fn of(&self, version: &TableVersion) -> Result<(usize, &Arc<Catalog>), Error> {
        let TableVersion::ForSystemTimeAsOf(number) = version else {
            return Err(Error::failed(format!("{version} was never counted")));
        };
        let number = number.to_string();
        let found = number.parse().ok().and_then(|place: usize| {
            let (_, as_of) = self.asked.get(place)?;
            Some((place, self.catalogs.get(as_of)?))
        });
        found.ok_or_else(|| Error::failed(format!("AS OF {number} was never counted")))
    }
}

/// Plans tables of the past.
#[derive(Debug)]
pub(crate) struct AsOfPlanner(pub(crate) Arc<Versions>);

impl RelationPlanner for AsOfPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::Table { name, alias, version: Some(version), .. } = &relation else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let (number, catalog) = self.0.of(version)?;
        let reference = context.object_name_to_table_reference(name.clone())?;
        let alias = alias.clone();
        refuse_with(relation, &reference, context)?;
        let plan = scan(catalog, reference)?;
        self.0.planned.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

/// A scan named by its moment, under the name that the query knows it by.
fn scan(catalog: &Catalog, reference: TableReference) -> Result<LogicalPlan> {
    if reference.schema() == Some(INFORMATION_SCHEMA) {
        return Err(Error::invalid(format!(
            "AS OF is for tables that events write, {reference} is not; for the tables of a moment \
             set {} before the query",
            crate::options::AS_OF
        ))
        .into());
    }
    let (name, provider) = catalog.versioned(&reference)?;
    let name = TableReference::bare(name);
    let scan = LogicalPlanBuilder::scan(name, provider_as_source(provider), None)?;
    scan.alias(reference)?.build()
}

/// Refuses the name of a subquery (`WITH`), which hides tables and has no versions.
///
/// The context does not tell which names those are, so the name is planned without its version: what
/// is no scan of the table of that name is a subquery.
fn refuse_with(
    mut relation: TableFactor,
    reference: &TableReference,
    context: &mut dyn RelationPlannerContext,
) -> Result<(), DataFusionError> {
    if let TableFactor::Table { alias, version, .. } = &mut relation {
        (*alias, *version) = (None, None);
    }
    // Without a plan it is no subquery, but a table that there is not now.
    let Ok(plan) = context.plan(relation) else { return Ok(()) };
    let source = context.context_provider().get_table_source(reference.clone());
    let is_table = match (source, &plan) {
        (Err(_), _) => false,
        (Ok(source), LogicalPlan::TableScan(scan)) => Arc::ptr_eq(&source, &scan.source),
        (Ok(source), plan) => {
            LogicalPlanBuilder::scan(reference.clone(), source, None)?.build()? == *plan
        }
    };
    if is_table {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "AS OF is for tables, and {reference} is a subquery named by WITH: write FOR SYSTEM_TIME AS \
         OF at the tables within it"
    ))
    .into())
}
