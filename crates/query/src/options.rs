//! What a query is asked with beside its text.

use std::any::Any;

use datafusion::{
    common::{
        Result, ScalarValue,
        config::{ConfigEntry, ConfigExtension, ExtensionOptions},
    },
    execution::session_state::SessionState,
};
use headwater_event::Timestamp;
use serde_json::Value;

use crate::{AsOf, Error};

/// The setting that moves all tables of a session to a moment.
pub(crate) const AS_OF: &str = "headwater.as_of";

/// What a query is asked with beside its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryOptions {
    /// The moment of all tables; `SET headwater.as_of` before the query and `FOR SYSTEM_TIME AS OF` at
    /// a table go before it. Without one, tables are read as they are.
    pub as_of: Option<AsOf>,
    /// What `now()` and `read_time()` answer instead of the moment's time.
    pub read_time: Option<Timestamp>,
    /// The values of `$1`, `$2` and so on: null, booleans, numbers and text.
    pub parameters: Vec<Value>,
}

/// The values of the parameters, as DataFusion takes them.
pub(crate) fn scalars(parameters: &[Value]) -> Result<Vec<ScalarValue>, Error> {
    let scalar = |(place, value): (usize, &Value)| match value {
        Value::Null => Ok(ScalarValue::Null),
        Value::Bool(value) => Ok(ScalarValue::from(*value)),
        Value::String(text) => Ok(ScalarValue::from(text.as_str())),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(ScalarValue::from(whole)),
            (None, Some(number)) => Ok(ScalarValue::from(number)),
            (None, None) => Err(Error::invalid(format!("parameter ${} is too large", place + 1))),
        },
        Value::Array(_) | Value::Object(_) => Err(Error::invalid(format!(
            "parameter ${} is a list or an object; give null, a boolean, a number or text",
            place + 1
        ))),
    };
    parameters.iter().enumerate().map(scalar).collect()
}

/// The settings of a session, so that `SHOW` tells them.
#[derive(Debug, Clone)]
struct Settings {
    as_of: Option<String>,
}

/// Makes `SHOW headwater.as_of` answer this.
pub(crate) fn tell(state: &mut SessionState, as_of: Option<&AsOf>) {
    let as_of = as_of.map(ToString::to_string);
    state.config_mut().options_mut().extensions.insert(Settings { as_of });
}

impl ConfigExtension for Settings {
    const PREFIX: &'static str = "headwater";
}

impl ExtensionOptions for Settings {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    /// A session's moment is set before its query is planned, never from within.
    fn set(&mut self, key: &str, _: &str) -> Result<()> {
        Err(Error::invalid(format!("headwater.{key} can't be set here")).into())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        vec![ConfigEntry {
            key: AS_OF.to_owned(),
            value: self.as_of.clone(),
            description: "The moment of all tables; none: as they are.",
        }]
    }
}
