//! The check that no version of a table is passed over can fail.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::{
    execution::{SessionStateBuilder, session_state::SessionState},
    sql::parser::Statement,
};
use futures::stream::BoxStream;
use headwater_event::{Offset, PartitionId, Record, Schemas, Timestamp};
use headwater_fold::{Compiled, family::built_in_tables};
use headwater_topology::Topology;

use crate::{
    AsOf, Error, EventSource, Limits, Moment, Past, ReadError,
    catalog::Catalog,
    parse, session,
    versions::{Versions, take},
};

/// A log without records, at all times.
#[derive(Debug, Clone)]
struct Empty;

#[async_trait]
impl Past for Empty {
    async fn at(&self, _: &AsOf) -> Result<Arc<Moment>, Error> {
        Ok(Arc::new(moment()))
    }
}

impl EventSource for Empty {
    fn events(
        &self,
        _: PartitionId,
        _: Offset,
        _: Offset,
    ) -> BoxStream<'static, Result<Vec<Record>, ReadError>> {
        Box::pin(futures::stream::empty())
    }
}

fn moment() -> Moment {
    Moment {
        partitions: Vec::new(),
        events: Arc::new(Empty),
        compiled: Arc::new(
            Compiled::new(&Schemas::built_in().unwrap(), Topology::default()).unwrap(),
        ),
        read_time: Timestamp::from_micros(0),
        past: Arc::new(Empty),
    }
}

const TWO: &str = "select * from runs for system_time as of '1997-01-01' a, runs for system_time as of \
                   '1997-01-02' b, params";

/// A statement as it is planned, its versions, and a state that plans them.
async fn prepared(sql: &str) -> (Statement, Arc<Versions>, SessionState) {
    let limits = Limits::default();
    let common = session::common(&limits).unwrap();
    let state = session::at(&common, Timestamp::from_micros(0)).unwrap();
    let mut statement = parse::request(sql, &limits).unwrap().statement;
    let built_in: Vec<_> =
        built_in_tables().into_iter().map(|table| Arc::new(table.clone())).collect();
    let catalog_of = |as_of: Option<&AsOf>, moment: Arc<Moment>| {
        let expressions = Arc::new(state.clone());
        Catalog::new(&built_in, moment, as_of.cloned(), limits.clone(), expressions)
    };
    let asked = take(&mut statement).unwrap();
    let base = moment();
    let found = Versions::find(asked, &base, &state, &limits, |as_of, moment| {
        Ok(catalog_of(Some(as_of), moment))
    });
    let versions = Arc::new(found.await.unwrap());
    let catalog = Arc::new(catalog_of(None, Arc::new(moment())));
    let state = session::of_query(state.clone(), &catalog, None, &versions).unwrap();
    (statement, versions, state)
}

#[tokio::test]
async fn every_version_is_planned() {
    let (statement, versions, state) = prepared(TWO).await;
    assert!(versions.check_all_planned().is_err(), "nothing is planned yet");
    state.statement_to_plan(statement).await.unwrap();
    versions.check_all_planned().unwrap();
}

#[tokio::test]
async fn a_planner_that_drops_versions_is_found_out() {
    let (statement, versions, state) = prepared(TWO).await;
    let alone = SessionStateBuilder::new_from_existing(state).with_relation_planners(Vec::new());
    // DataFusion's own planner plans today's rows without a word.
    alone.build().statement_to_plan(statement).await.unwrap();
    let told = versions.check_all_planned().unwrap_err().to_string();
    assert_eq!(
        told,
        "runs as of 1997-01-01T00:00:00Z stands where AS OF is not understood; rather than to show \
         another moment, nothing is answered"
    );
}

#[tokio::test]
async fn one_version_that_is_left_out_is_found_out() {
    let (_, versions, state) = prepared(TWO).await;
    let half = "select * from runs for system_time as of 0 a";
    let half = parse::request(half, &Limits::default()).unwrap().statement;
    state.statement_to_plan(half).await.unwrap();
    let told = versions.check_all_planned().unwrap_err().to_string();
    assert!(told.starts_with("runs as of 1997-01-02T00:00:00Z stands where"), "{told}");
}

#[tokio::test]
async fn a_version_that_was_not_counted_is_not_planned() {
    let (_, _, state) = prepared(TWO).await;
    for more in ["2", "'1997-01-01'"] {
        let query = format!("select * from runs for system_time as of {more}");
        let statement = parse::request(&query, &Limits::default()).unwrap().statement;
        let told = state.statement_to_plan(statement).await.unwrap_err();
        assert!(told.to_string().contains("was never counted"), "{told}");
    }
}
