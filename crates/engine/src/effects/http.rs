//! The kind `http`: one call, to a host that the operator allows.
//!
//! Redirects are not followed: the declaration names who is called, and what is answered instead is told.

use std::{error::Error, time::Duration};

use headwater_topology::HttpEffect;
use reqwest_tls::{
    Client, Method, Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use serde_json::{Value, json};

use super::{
    AllowedHost,
    address::{Guarded, PrivateAddress, private_literal},
    kinds::Call,
    outcome::Ended,
    output,
    secrets::Secrets,
};

/// What is kept of an answer; the rest is not read.
const BODY_BYTES_MAX: usize = 32 * 1024;
/// A host that does not take a connection by then is tried again later.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Tells the server that two calls are one.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Calls hosts.
#[derive(Debug)]
pub(super) struct Http {
    /// Reaches public addresses only.
    public: Client,
    /// For effects that declare that they mean a private one.
    any: Client,
    allow: Vec<AllowedHost>,
}

impl Http {
    pub(super) fn new(allow: &[AllowedHost]) -> Result<Self, String> {
        let client = |allow_private| {
            Client::builder()
                .redirect(Policy::none())
                .no_proxy()
                .connect_timeout(CONNECT_TIMEOUT)
                .dns_resolver(std::sync::Arc::new(Guarded { allow_private }))
                .user_agent("headwater")
                .build()
                .map_err(|error| format!("make a client of HTTP: {error}"))
        };
        Ok(Self { public: client(false)?, any: client(true)?, allow: allow.to_vec() })
    }

    /// Makes the call.
    pub(super) async fn call(&self, call: &Call, http: &HttpEffect) -> Ended {
        let mut secrets = Secrets::default();
        let ended = match self.request(call, http, &mut secrets) {
            Ok(request) => answered(request.send().await).await,
            Err(ended) => ended,
        };
        Ended {
            error: ended.error.map(|error| secrets.hide(&error)),
            output: secrets.hide_in(ended.output),
            ..ended
        }
    }

    fn request(
        &self,
        call: &Call,
        http: &HttpEffect,
        secrets: &mut Secrets,
    ) -> Result<reqwest_tls::RequestBuilder, Ended> {
        let url = secrets.resolve(&http.url).map_err(Ended::refused)?;
        let url: Url = url.parse().map_err(|error| Ended::refused(format!("the URL: {error}")))?;
        if !self.allow.iter().any(|allowed| allowed.is(&url)) {
            return Err(not_allowed(&url));
        }
        let client = if http.allow_private { &self.any } else { &self.public };
        if let Some(refused) = private_literal(&url).filter(|_| !http.allow_private) {
            return Err(Ended::refused(refused));
        }
        let method: Method = http.method.parse().map_err(|_| Ended::refused("the method"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &http.headers {
            let value = secrets.resolve(value).map_err(Ended::refused)?;
            let name_of = HeaderName::try_from(name.as_str());
            let value = HeaderValue::try_from(value);
            // An error of a value would repeat it.
            let (Ok(header), Ok(mut value)) = (name_of, value) else {
                return Err(Ended::refused(format!("the value of header {name} can't be sent")));
            };
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        let mut request = client
            .request(method, url)
            .header("headwater-effect", call.effect.as_str())
            .header("headwater-attempt", call.attempt);
        if let Some(body) = &http.body {
            let value = call.input.get(body.name()).unwrap_or(&Value::Null);
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(headwater_event::canonical_text(value));
        }
        Ok(request.headers(headers).header(IDEMPOTENCY_KEY, call.key.as_str()))
    }
}

fn not_allowed(url: &Url) -> Ended {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Ended::refused(format!(
        "{host}{port} is not among the hosts that effects may call; start the server with \
         --effects-allow {host}{port}, then let the event come again under another id"
    ))
}

async fn answered(answer: reqwest_tls::Result<Response>) -> Ended {
    match answer {
        Ok(response) => {
            let status = response.status();
            let location = response.headers().get("location").cloned();
            let output = match read(response).await {
                Ok(output) => output,
                Err(error) => return Ended::failed(told(&error)).with_status(status.as_str()),
            };
            judged(status, location.as_ref()).with_status(status.as_str()).with_output(output)
        }
        Err(error) => match private(&error) {
            Some(refused) => Ended::refused(refused),
            None => Ended::failed(told(&error)),
        },
    }
}

/// Whom the fault of an answer lies with, its status tells.
fn judged(status: StatusCode, location: Option<&HeaderValue>) -> Ended {
    let told = |status: StatusCode| format!("the answer is {status}");
    if status.is_success() {
        return Ended::done(Value::Null);
    }
    if status.is_redirection() {
        let to = location.and_then(|to| to.to_str().ok()).and_then(|to| to.parse::<Url>().ok());
        let host = to.as_ref().and_then(Url::host_str).unwrap_or("another place");
        return Ended::refused(format!(
            "{}, to {host}: redirects are not followed; declare the URL that is meant",
            told(status)
        ));
    }
    let later = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    );
    if status.is_client_error() && !later {
        return Ended::refused(told(status));
    }
    Ended::failed(told(status))
}

async fn read(mut response: Response) -> reqwest_tls::Result<Value> {
    let content_type = response.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    let mut truncated = false;
    while let Some(part) = response.chunk().await? {
        let room = BODY_BYTES_MAX.saturating_sub(body.len());
        body.extend(part.iter().take(room));
        if part.len() > room {
            // The connection is closed: nobody reads the rest.
            truncated = true;
            break;
        }
    }
    let status = response.status().as_u16();
    let body = if body.is_empty() { Value::Null } else { output::shown(&body) };
    let mut output = json!({ "status": status, "content_type": content_type, "body": body });
    if truncated && let Some(fields) = output.as_object_mut() {
        fields.insert("truncated".to_owned(), Value::Bool(true));
    }
    Ok(output)
}

/// The error and its causes, without the URL, which may hold a secret.
fn told(error: &reqwest_tls::Error) -> String {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    let what = if error.is_connect() { "failed to connect" } else { "the call failed" };
    match causes.last() {
        Some(last) => format!("{what}: {last}"),
        None => what.to_owned(),
    }
}

fn private(error: &reqwest_tls::Error) -> Option<PrivateAddress> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(refused) = cause.downcast_ref::<PrivateAddress>() {
            return Some(refused.clone());
        }
        source = cause.source();
    }
    None
}
