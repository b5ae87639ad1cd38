//! Text to one statement that may be answered.

use std::ops::ControlFlow;

use datafusion::sql::{
    parser::{DFParserBuilder, Statement},
    sqlparser::ast::{Statement as SqlStatement, TableFactor, Visit as _, Visitor},
};

use crate::{Error, Limits, dialect::HeadwaterDialect};

/// Parses one statement and refuses what is no query, and what no table answers.
pub(crate) fn statement(sql: &str, limits: &Limits) -> Result<Statement, Error> {
    if sql.len() > limits.query_bytes_max {
        let (length, most) = (sql.len(), limits.query_bytes_max);
        return Err(Error::invalid(format!("the query has {length} bytes, the limit is {most}")));
    }
    let mut statements = DFParserBuilder::new(sql)
        .with_dialect(&HeadwaterDialect)
        .with_recursion_limit(limits.depth_max)
        .build()
        .and_then(|mut parser| parser.parse_statements())?;
    let statement = statements.pop_front().ok_or_else(|| Error::invalid("the query is empty"))?;
    if !statements.is_empty() {
        return Err(Error::invalid("expected one statement, found several; send one at a time"));
    }
    check(&statement)?;
    Ok(statement)
}

fn check(statement: &Statement) -> Result<(), Error> {
    match statement {
        Statement::Explain(explain) => check(&explain.statement),
        Statement::Statement(statement) if is_query(statement) => no_versions(statement),
        _ => Err(Error::invalid(
            "only queries are answered here (SELECT, WITH, VALUES, EXPLAIN, SHOW, DESCRIBE): \
             views are changed by events only, see `headwater produce`",
        )),
    }
}

fn is_query(statement: &SqlStatement) -> bool {
    match statement {
        SqlStatement::Explain { statement, .. } => is_query(statement),
        SqlStatement::Query(_)
        | SqlStatement::ExplainTable { .. }
        | SqlStatement::ShowTables { .. }
        | SqlStatement::ShowColumns { .. }
        | SqlStatement::ShowVariable { .. }
        | SqlStatement::ShowFunctions { .. } => true,
        _ => false,
    }
}

/// The planner passes over a table's version without a word: the past asked for, today shown.
fn no_versions(statement: &SqlStatement) -> Result<(), Error> {
    match statement.visit(&mut Versions) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(table) => {
            Err(Error::invalid(format!("AS OF is not supported by this table: {table}")))
        }
    }
}

/// Finds a table that is asked for as of a version.
struct Versions;

impl Visitor for Versions {
    type Break = String;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<String> {
        match factor {
            TableFactor::Table { name, version: Some(_), .. } => {
                ControlFlow::Break(name.to_string())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}
