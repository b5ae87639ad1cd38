//! What is set up once for all queries, and what anew for each.

use std::sync::Arc;

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
use headwater_fold::Table;

use crate::{
    Error, Limits, Moment,
    catalog::{CATALOG, Catalog, SEARCH_PATH, Schemas},
    functions::{json_functions, read_time},
    tables::schema::UTC,
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
    state.mark_start_execution();
    Ok(state)
}

/// The state and the tables of one query.
pub(crate) fn of_query(
    common: &SessionState,
    built_in: &[Arc<Table>],
    moment: Arc<Moment>,
    limits: &Limits,
) -> Result<(SessionState, Arc<Catalog>), Error> {
    let expressions = Arc::new(at(common, moment.read_time)?);
    let catalog =
        Arc::new(Catalog::new(built_in, moment, limits.clone(), Arc::clone(&expressions)));
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(CATALOG.to_owned(), Arc::new(Schemas(Arc::clone(&catalog))));
    let mut state = SessionStateBuilder::new_from_existing((*expressions).clone())
        .with_catalog_list(Arc::new(list))
        .build();
    state.mark_start_execution();
    Ok((state, catalog))
}
