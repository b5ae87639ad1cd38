//! All routes, the layers around them, and what is answered where there is no route.

use std::{panic::AssertUnwindSafe, time::Instant};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode, Uri},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use futures::FutureExt as _;

use crate::{
    ApiState,
    problem::{Kind, Problem},
    routes,
};

/// The route label of requests that no route matches: clients must not be able to make labels.
const NO_ROUTE: &str = "none";

/// The HTTP face of an engine.
pub fn router(state: ApiState) -> Router {
    let (routes, _) = routes::all().split_for_parts();
    routes
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(no_such_route)
        .layer(from_fn_with_state(state.clone(), watched))
        .with_state(state)
}

async fn no_such_route(method: Method, uri: Uri) -> Problem {
    Problem::new(Kind::NoSuchRoute, format!("there is no route {method} {}", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(Kind::MethodNotAllowed, format!("{} does not take {method}", uri.path()))
}

/// Counts and times each request; a panic becomes an answer like every other error.
async fn watched(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| NO_ROUTE.to_owned(), |path| path.as_str().to_owned());
    let response = AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
        Problem::new(Kind::Failed, format!("{method} {route} panicked")).into_response()
    });
    let status = response.status();
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(%method, route, "a request failed");
    }
    state.metrics().answered(&method, route, status, started.elapsed());
    response
}
