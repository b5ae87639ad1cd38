//! `GET /publications`: how the publications of this process are doing.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ApiState;

/// The publications of this process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Publications {
    /// By name.
    publications: Vec<Publication>,
}

/// How one publication is doing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Publication {
    /// The publication.
    publication: String,
    /// How many events this process has put into the topic.
    delivered: u64,
    /// Why it can't go on, if it can't: a broker that is away, a topic that does not exist. It tries again.
    problem: Option<String>,
}

/// How the publications of this process are doing: those that delivered something, or could not.
#[utoipa::path(get, path = "/publications", tag = "topology", responses((status = 200, body = Publications)))]
pub(crate) async fn get_publications(State(state): State<ApiState>) -> Json<Publications> {
    let all = state.engine().publications().into_iter();
    let publications = all.map(|(publication, status)| Publication {
        publication,
        delivered: status.delivered,
        problem: status.failed,
    });
    Json(Publications { publications: publications.collect() })
}
