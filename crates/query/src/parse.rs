//! Text to one statement that may be answered, and the setting before it.

use datafusion::sql::{
    parser::{DFParserBuilder, Statement},
    sqlparser::ast::{ContextModifier, Expr as SqlExpr, Set, Statement as SqlStatement},
};

use crate::{Error, Limits, dialect::HeadwaterDialect, options::AS_OF};

/// What is asked.
#[derive(Debug)]
pub(crate) struct Request {
    /// What `headwater.as_of` was set to before the statement.
    pub(crate) as_of: Option<Setting>,
    /// The statement.
    pub(crate) statement: Statement,
}

/// `SET headwater.as_of = …`
#[derive(Debug)]
pub(crate) enum Setting {
    /// To a moment.
    To(Box<SqlExpr>),
    /// To none.
    Default,
}

/// Parses one statement and refuses what is no query.
///
/// A text is a session of its own: settings may stand before its query.
pub(crate) fn request(sql: &str, limits: &Limits) -> Result<Request, Error> {
    if sql.len() > limits.query_bytes_max {
        let (length, most) = (sql.len(), limits.query_bytes_max);
        return Err(Error::invalid(format!("the query has {length} bytes, the limit is {most}")));
    }
    let mut statements = DFParserBuilder::new(sql)
        .with_dialect(&HeadwaterDialect)
        .with_recursion_limit(limits.depth_max)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| advised(error.into()))?;
    let mut as_of = None;
    while let Some(statement) = statements.front()
        && let Some(setting) = setting(statement)?
    {
        as_of = Some(setting);
        statements.pop_front();
    }
    let statement = statements.pop_front().ok_or_else(|| {
        Error::invalid(match as_of {
            None => "the query is empty".to_owned(),
            Some(_) => format!("SET {AS_OF} holds for a query behind it in the same text"),
        })
    })?;
    if !statements.is_empty() {
        return Err(Error::invalid("expected one statement, found several; send one at a time"));
    }
    check(&statement)?;
    Ok(Request { as_of, statement })
}

/// The parser takes a version anywhere but behind a table for a lock.
fn advised(error: Error) -> Error {
    if !error.to_string().to_uppercase().contains("SYSTEM_TIME") {
        return error;
    }
    Error::invalid(format!(
        "{error}; FOR SYSTEM_TIME AS OF stands right behind a table's name, before its alias; \
         subqueries and functions have none"
    ))
}

/// What a statement sets `headwater.as_of` to; `None` if it is another.
fn setting(statement: &Statement) -> Result<Option<Setting>, Error> {
    let Statement::Statement(statement) = statement else { return Ok(None) };
    let SqlStatement::Set(Set::SingleAssignment { scope, variable, values, .. }) = &**statement
    else {
        return Ok(None);
    };
    if !variable.to_string().eq_ignore_ascii_case(AS_OF) {
        return Ok(None);
    }
    match (scope, values.as_slice()) {
        (None | Some(ContextModifier::Session | ContextModifier::Local), [value]) => {
            let default = value.to_string().eq_ignore_ascii_case("default");
            Ok(Some(if default { Setting::Default } else { Setting::To(Box::new(value.clone())) }))
        }
        _ => Err(Error::invalid(format!(
            "SET {AS_OF} takes one moment, as in SET {AS_OF} = '1997-01-01', or DEFAULT"
        ))),
    }
}

fn check(statement: &Statement) -> Result<(), Error> {
    match statement {
        Statement::Explain(explain) => check(&explain.statement),
        Statement::Statement(statement) if is_query(statement) => Ok(()),
        _ => Err(Error::invalid(
            "only queries are answered here (SELECT, WITH, VALUES, EXPLAIN, SHOW, DESCRIBE, and SET \
             headwater.as_of before one): views are changed by events only, see `headwater produce`",
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
