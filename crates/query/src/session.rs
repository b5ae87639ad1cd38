//! What is set up once for all queries, and what anew for each.

use std::sync::Arc;

use chrono::DateTime;
use datafusion::{
    catalog::{CatalogProviderList, MemoryCatalogProviderList},
    common::config::{ConfigNonZeroUsize, Dialect},
    execution::{
        FunctionRegistry as _, SessionState, SessionStateBuilder,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::{FairSpillPool, TrackConsumersPool},
        runtime_env::RuntimeEnvBuilder,
    },
    prelude::SessionConfig,
};
use headwater_event::Timestamp;

use crate::{
    AsOf, Error, Limits,
    catalog::{CATALOG, Catalog, SEARCH_PATH, Schemas},
    functions::{json_functions, read_time},
    options,
    tables::schema::UTC,
    versions::{AsOfPlanner, Versions},
};

/// How many of the largest consumers are named where memory runs out.
const CONSUMERS_TOLD: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN;

/// The state that all queries begin with: functions, settings, one pool of memory.
pub(crate) fn common(limits: &Limits) -> Result<SessionState, Error> {
    let pool = TrackConsumersPool::new(FairSpillPool::new(limits.memory_bytes_max), CONSUMERS_TOLD);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
        )
        .build_arc()?;
    let mut state = SessionStateBuilder::new_with_default_features()
        .with_config(config(limits)?)
        .with_runtime_env(runtime)
        .build();
    for function in json_functions() {
        state.register_udf(Arc::new(function))?;
    }
    Ok(state)
}

fn config(limits: &Limits) -> Result<SessionConfig, Error> {
    let mut config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SEARCH_PATH)
        .with_information_schema(true);
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::PostgreSQL;
    // One type for all text, in tables, literals and casts.
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.recursion_limit = ConfigNonZeroUsize::try_new(limits.depth_max)?;
    options.execution.batch_size = ConfigNonZeroUsize::try_new(limits.batch_rows)?;
    options.execution.time_zone = Some(UTC.to_owned());
    if let Some(parallelism) = limits.parallelism {
        options.execution.target_partitions = parallelism.max(1);
    }
    Ok(config)
}

/// The state in which expressions without tables are planned, at this time of reading.
pub(crate) fn at(common: &SessionState, time: Timestamp) -> Result<SessionState, Error> {
    let mut state = common.clone();
    state.register_udf(Arc::new(read_time(time)))?;
    start(&mut state, time)?;
    Ok(state)
}

/// A query's `now()` is the time of its moment, never the wall clock.
fn start(state: &mut SessionState, time: Timestamp) -> Result<(), Error> {
    let now = DateTime::from_timestamp_micros(time.micros());
    let now = now.ok_or_else(|| Error::invalid(format!("there is no such read time: {time}")))?;
    state.mark_start_execution();
    state.execution_props_mut().query_execution_start_time = Some(now);
    Ok(())
}

/// The state of one query: its tables, and how those of the past are planned.
pub(crate) fn of_query(
    expressions: SessionState,
    catalog: &Arc<Catalog>,
    as_of: Option<&AsOf>,
    versions: &Arc<Versions>,
) -> Result<SessionState, Error> {
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(CATALOG.to_owned(), Arc::new(Schemas(Arc::clone(catalog))));
    let mut state = SessionStateBuilder::new_from_existing(expressions)
        .with_catalog_list(Arc::new(list))
        .build();
    state.register_relation_planner(Arc::new(AsOfPlanner(Arc::clone(versions))))?;
    options::tell(&mut state, as_of);
    start(&mut state, catalog.moment().read_time)?;
    Ok(state)
}
