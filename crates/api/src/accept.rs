//! Media types: what a body is, and which form of an answer a client would have.

use axum::http::{HeaderMap, header};

/// The body's media type in lower case, without parameters; `None` if none is told.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media = text.split(';').next().unwrap_or_default().trim();
    (!media.is_empty()).then(|| media.to_ascii_lowercase())
}

/// The place in `offered` of the media type that the client likes best; the first one if it does not
/// say, or likes several alike; `None` if it takes none of them.
pub(crate) fn preferred(headers: &HeaderMap, offered: &[&str]) -> Option<usize> {
    let texts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let wanted: Vec<(String, u32)> = texts.flat_map(|text| text.split(',')).map(range).collect();
    if wanted.is_empty() {
        return Some(0);
    }
    let mut best: Option<(usize, u32)> = None;
    for (place, media) in offered.iter().enumerate() {
        let quality = quality(&wanted, media);
        if quality > best.map_or(0, |(_, quality)| quality) {
            best = Some((place, quality));
        }
    }
    best.map(|(place, _)| place)
}

/// A media range and its quality in thousandths.
fn range(text: &str) -> (String, u32) {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f64>().ok());
    let thousandths = quality.unwrap_or(1.0).clamp(0.0, 1.0) * 1_000.0;
    (media, format!("{thousandths:.0}").parse().unwrap_or(0))
}

/// What the most specific range that covers `media` says.
fn quality(wanted: &[(String, u32)], media: &str) -> u32 {
    let group = media.split('/').next().unwrap_or_default();
    let whole_group = format!("{group}/*");
    [media, &whole_group, "*/*"]
        .into_iter()
        .find_map(|range| wanted.iter().find(|(wanted, _)| wanted == range))
        .map_or(0, |(_, quality)| *quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: [&str; 3] = ["application/json", "application/x-ndjson", "text/csv"];

    fn choose(accept: &str) -> Option<usize> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        preferred(&headers, &OFFERED)
    }

    #[test]
    fn the_best_liked_form_is_chosen() {
        assert_eq!(preferred(&HeaderMap::new(), &OFFERED), Some(0));
        assert_eq!(choose("*/*"), Some(0));
        assert_eq!(choose("text/csv"), Some(2));
        assert_eq!(choose("application/json;q=0.1, text/*"), Some(2));
        assert_eq!(choose("application/x-ndjson, application/json;q=0"), Some(1));
        assert_eq!(choose("image/png"), None);
    }
}
