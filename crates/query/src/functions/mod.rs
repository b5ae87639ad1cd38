//! The functions that Headwater adds to DataFusion's.

mod json;
mod read_time;

use datafusion::logical_expr::{Documentation, ScalarUDF};
use headwater_event::Timestamp;

pub(crate) use json::json_functions;
pub(crate) use read_time::{READ_TIME, read_time};

/// What a function does, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionDoc {
    /// Its name.
    pub name: String,
    /// How it is written.
    pub syntax: String,
    /// What it answers.
    pub description: String,
    /// A query that uses it.
    pub example: String,
}

/// The functions that Headwater adds, by name.
pub fn function_docs() -> Vec<FunctionDoc> {
    let functions = json_functions().into_iter().chain([read_time(Timestamp::from_micros(0))]);
    let mut docs: Vec<FunctionDoc> = functions.filter_map(|function| doc(&function)).collect();
    docs.sort_by(|a, b| a.name.cmp(&b.name));
    docs
}

fn doc(function: &ScalarUDF) -> Option<FunctionDoc> {
    let Documentation { description, syntax_example, sql_example, .. } =
        function.documentation()?.clone();
    Some(FunctionDoc {
        name: function.name().to_owned(),
        syntax: syntax_example,
        description,
        example: sql_example.unwrap_or_default(),
    })
}
