//! `GET /sources`: how the sources that this process reads are doing.

use axum::{Json, extract::State};
use headwater_engine::SourceStatus;
use serde::Serialize;
use utoipa::ToSchema;

use crate::ApiState;

/// The sources that this process reads.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sources {
    /// By name. This is what the process does; what is on record is in `log.sources`.
    sources: Vec<Source>,
}

/// How one source is doing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Source {
    /// The source.
    source: String,
    /// Its topic.
    topic: String,
    /// Why it can't go on, if it can't: a broker that is away, a topic that does not exist. It tries again.
    problem: Option<String>,
    /// Each partition that is read.
    partitions: Vec<Partition>,
}

/// How far one partition is read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Partition {
    /// The topic's partition.
    partition: u32,
    /// The first offset that is not on the log yet.
    next: u64,
    /// The topic's end, as it was asked for last.
    end: Option<u64>,
    /// How many offsets are to be read yet.
    lag: Option<u64>,
}

/// How the sources that this process reads are doing.
#[utoipa::path(get, path = "/sources", tag = "topology", responses((status = 200, body = Sources)))]
pub(crate) async fn get_sources(State(state): State<ApiState>) -> Json<Sources> {
    Json(Sources { sources: state.engine().sources().into_iter().map(source).collect() })
}

fn source(status: SourceStatus) -> Source {
    let partition = |place: headwater_engine::SourceProgress| Partition {
        partition: place.partition,
        next: place.next,
        end: place.end,
        lag: place.lag(),
    };
    Source {
        source: status.source,
        topic: status.topic,
        problem: status.problem,
        partitions: status.partitions.into_iter().map(partition).collect(),
    }
}
