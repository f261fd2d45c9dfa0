//! Which media type an answer takes, and whether a body is JSON.

use axum::http::{HeaderMap, HeaderValue, header};
use ctutor_engine::payload::strict;

/// The two JSON types of an answer that is not a stream.
///
/// They differ in statuses: only with the younger one can a client trust that a status tells of GraphQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`: the older type, and the default for clients that do not send `Accept`.
    Json,
    /// `application/graphql-response+json`.
    GraphqlResponse,
}

impl Media {
    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        })
    }
}

/// What a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepts {
    /// The better of the JSON types, if any.
    pub(super) media: Option<Media>,
    /// Whether it asks for an event stream. `*/*` does not: who takes anything cannot read a stream.
    pub(super) event_stream: bool,
}

impl Accepts {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::ACCEPT).iter().peekable();
        if values.peek().is_none() {
            return Self { media: Some(Media::Json), event_stream: false };
        }
        let ranges: Vec<Range> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(Range::parse)
            .collect();
        let json = Preference::of(&ranges, "application", "json");
        let graphql = Preference::of(&ranges, "application", "graphql-response+json");
        let stream = Preference::of(&ranges, "text", "event-stream");
        // Of two named with equal weight the younger type wins, of two not named the older.
        let media = match (json, graphql) {
            (None, None) => None,
            (Some(_), None) => Some(Media::Json),
            (None, Some(_)) => Some(Media::GraphqlResponse),
            (Some(json), Some(graphql)) if json > graphql => Some(Media::Json),
            (Some(json), Some(graphql)) if json == graphql && !graphql.is_named() => Some(Media::Json),
            (Some(_), Some(_)) => Some(Media::GraphqlResponse),
        };
        Self { media, event_stream: stream.is_some_and(|stream| stream.specificity > 0) }
    }

    /// The type for an answer that must be given in any case, such as a refusal.
    pub(super) fn media_or_json(self) -> Media {
        self.media.unwrap_or(Media::Json)
    }
}

/// Weight first, then how exactly the type is named: 0 for `*/*`, 1 for `application/*`, 2 for the type itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    weight: u16,
    specificity: u8,
}

impl Preference {
    /// The range that names a type most exactly rules, even if it rules the type out.
    fn of(ranges: &[Range<'_>], kind: &str, subtype: &str) -> Option<Self> {
        let matches = ranges.iter().filter_map(|range| {
            let specificity = range.matches(kind, subtype)?;
            Some(Self { weight: range.weight, specificity })
        });
        matches.max_by_key(|found| (found.specificity, found.weight)).filter(|found| found.weight > 0)
    }

    fn is_named(self) -> bool {
        self.specificity == 2
    }
}

/// One media range of an `Accept` header; its weight is in thousandths.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    weight: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut weight = 1000;
        for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => weight = parse_weight(value.trim())?,
                "charset" if !is_utf8(value) => return None,
                _ => {}
            }
        }
        Some(Self { kind, subtype, weight })
    }

    fn matches(&self, kind: &str, subtype: &str) -> Option<u8> {
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(1),
            (own, sub) if own.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => Some(2),
            _ => None,
        }
    }
}

fn parse_weight(text: &str) -> Option<u16> {
    let weight: f32 = text.parse().ok()?;
    // The range is checked, so the product fits.
    (0.0..=1.0).contains(&weight).then(|| (weight * 1000.0).round() as u16)
}

fn is_utf8(charset: &str) -> bool {
    let charset = charset.trim().trim_matches('"');
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

/// Checks that the body is plain JSON in UTF-8.
///
/// Nothing else may pass, for a page of any origin can make a browser send forms and plain text unasked.
///
/// # Errors
///
/// What the headers say in its place.
pub(super) fn check_json_body(headers: &HeaderMap) -> Result<(), String> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let value = match (types.next(), types.next()) {
        (Some(value), None) => value,
        (None, _) => return Err("none".to_owned()),
        (Some(_), Some(_)) => return Err("several headers `Content-Type`".to_owned()),
    };
    let shown = |value: &HeaderValue| strict::shown(&String::from_utf8_lossy(value.as_bytes()));
    let encoding = headers.get(header::CONTENT_ENCODING);
    if let Some(encoding) = encoding.filter(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(format!("`Content-Encoding: {}`, which is not supported", shown(encoding)));
    }
    let range = value.to_str().ok().and_then(Range::parse);
    let is_json = range.is_some_and(|range| range.matches("application", "json") == Some(2));
    if is_json { Ok(()) } else { Err(format!("`{}`", shown(value))) }
}
