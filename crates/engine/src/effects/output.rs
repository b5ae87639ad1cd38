//! What comes back from the world, within bounds.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How deep JSON from elsewhere may nest to be kept as JSON: in its event it lies deeper still.
const DEPTH_MAX: usize = 64;

/// JSON if it is that, else text, else base64.
pub(super) fn shown(bytes: &[u8]) -> Value {
    let json = serde_json::from_slice::<Value>(bytes).ok();
    if let Some(json) = json.filter(|json| !is_deeper(json, DEPTH_MAX)) {
        return json;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::String(text.to_owned()),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// A file by its content.
pub(super) fn file(bytes: &[u8]) -> Value {
    let content = match std::str::from_utf8(bytes) {
        Ok(text) => ("text", text.to_owned()),
        Err(_) => ("base64", STANDARD.encode(bytes)),
    };
    json!({ "sha256": sha256(bytes), "bytes": bytes.len(), content.0: content.1 })
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads to the end, keeping the first bytes; whoever writes more is not held up by it.
pub(super) async fn kept(mut from: impl AsyncRead + Unpin, bytes_max: usize) -> Vec<u8> {
    let (mut kept, mut part) = (Vec::new(), vec![0; 8_192]);
    while let Ok(read @ 1..) = from.read(&mut part).await {
        let room = bytes_max.saturating_sub(kept.len());
        kept.extend(part.iter().take(read.min(room)));
    }
    kept
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else { return true };
    match value {
        Value::Object(fields) => fields.values().any(|value| is_deeper(value, below)),
        Value::Array(items) => items.iter().any(|value| is_deeper(value, below)),
        _ => false,
    }
}
