//! Keys whose values are bounded by the value of another key.
//!
//! Where nobody set such a key, it follows the other one, and `ctutor config` says so. A value that somebody set is never
//! changed in silence: it is refused, with both keys and what to write.

use ctutor_api::Options;
use figment::{Figment, value::Value};

use super::{
    Error, Key,
    layer::{Layer, Source},
    section::Allowed,
};

/// What one key demands of another.
struct Relation {
    path: &'static str,
    /// The key that bounds it.
    other: &'static str,
    bound: Bound,
    /// What the bound is, for messages.
    reason: &'static str,
}

/// The bound that follows from the value of the other key.
enum Bound {
    AtLeast(fn(usize) -> usize),
    AtMost(fn(usize) -> usize),
}

const RELATIONS: [Relation; 3] = [
    Relation {
        path: "api.response_bytes_max",
        other: "limits.payload_size_bytes_max",
        bound: Bound::AtLeast(Options::response_bytes_min),
        reason: "four times the largest payload, which one history event can hold",
    },
    Relation {
        path: "graphql.page_items_max",
        other: "limits.page_items_max",
        bound: Bound::AtMost(|items| items),
        reason: "the largest page of any list",
    },
    Relation {
        path: "graphql.body_bytes_max",
        other: "limits.payload_size_bytes_max",
        bound: Bound::AtLeast(Options::body_bytes_min),
        reason: "the largest payload and the 64 KiB of the request around it",
    },
];

/// What is to be done about a value.
struct Misfit<'a> {
    relation: &'a Relation,
    found: usize,
    bound: usize,
}

/// Defaults that follow another key, each as the layer that sets it.
pub(super) fn derived(figment: &Figment, is_explicit: impl Fn(&str) -> bool) -> Vec<Layer> {
    let misfits = misfits(figment).filter(|misfit| !is_explicit(misfit.relation.path));
    misfits.map(Misfit::into_layer).collect()
}

/// Refuses values that somebody set and that the other key rules out, each with its source.
///
/// # Errors
/// All of them.
pub(super) fn check(figment: &Figment, source: impl Fn(&str) -> String) -> Result<(), Error> {
    let faults: Vec<String> = misfits(figment).map(|misfit| misfit.fault(&source)).collect();
    if faults.is_empty() { Ok(()) } else { Err(Error::new(faults)) }
}

/// Nothing follows from a value that its own key refuses: the fault is there, and not where it would lead to.
fn misfits(figment: &Figment) -> impl Iterator<Item = Misfit<'static>> {
    let value = |path| figment.extract_inner::<usize>(path).ok().filter(|value| is_allowed(path, *value));
    RELATIONS.iter().filter_map(move |relation| {
        let (found, other) = (value(relation.path)?, value(relation.other)?);
        let bound = relation.bound.of(other);
        let fits = match relation.bound {
            Bound::AtLeast(_) => found >= bound,
            Bound::AtMost(_) => found <= bound,
        };
        (!fits).then_some(Misfit { relation, found, bound })
    })
}

fn is_allowed(path: &str, value: usize) -> bool {
    match Key::find(path).map(|key| key.allowed) {
        Some(Allowed::Integer(min, max)) => {
            u32::try_from(value).is_ok_and(|value| (min..=max).contains(&value))
        }
        _ => true,
    }
}

impl Bound {
    /// The bound that follows from this value of the other key.
    fn of(&self, other: usize) -> usize {
        let (Self::AtLeast(bound) | Self::AtMost(bound)) = self;
        bound(other)
    }
}

impl Misfit<'_> {
    fn into_layer(self) -> Layer {
        let Relation { path, other, bound, .. } = self.relation;
        let source = match bound {
            Bound::AtLeast(_) => Source::Raised(other),
            Bound::AtMost(_) => Source::Lowered(other),
        };
        Layer::of_value(source, path, Value::from(i64::try_from(self.bound).unwrap_or(i64::MAX)))
    }

    fn fault(&self, source: impl Fn(&str) -> String) -> String {
        let Self { relation: Relation { path, other, bound: kind, reason }, found, bound } = self;
        let (side, remedy, change) = match kind {
            Bound::AtLeast(_) => ("less than", "at least", "lower"),
            Bound::AtMost(_) => ("more than", "at most", "raise"),
        };
        format!(
            "`{path}` (from {}) is not valid: `{found}` is {side} `{bound}`, {reason}; set it to {remedy} `{bound}`, or \
             {change} `{other}` (from {})",
            source(path),
            source(other),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{fault, load},
        *,
    };
    use crate::config::Flags;

    #[test]
    fn a_value_out_of_bounds_is_told_at_the_key_that_was_set() {
        for (variable, key, found, allowed) in [
            ("CTUTOR_LIMITS_PAGE_ITEMS_MAX", "limits.page_items_max", "5", "20 to 10000"),
            ("CTUTOR_LIMITS_PAGE_ITEMS_MAX", "limits.page_items_max", "10001", "20 to 10000"),
            (
                "CTUTOR_LIMITS_PAYLOAD_SIZE_BYTES_MAX",
                "limits.payload_size_bytes_max",
                "5",
                "1024 to 67108864",
            ),
            (
                "CTUTOR_LIMITS_PAYLOAD_SIZE_BYTES_MAX",
                "limits.payload_size_bytes_max",
                "4000000000",
                "1024 to 67108864",
            ),
        ] {
            assert_eq!(
                fault("", [(variable, found)]),
                format!(
                    "`{key}` (from environment variable {variable}) is not valid: `{found}` is out of bounds; it must be \
                     an integer from {allowed}"
                )
            );
        }
    }

    #[test]
    fn what_follows_from_any_value_is_allowed() {
        for Relation { path, other, bound, .. } in &RELATIONS {
            let Some(Allowed::Integer(min, max)) = Key::find(other).map(|key| key.allowed) else {
                panic!("`{other}` is no integer");
            };
            for value in [min, max] {
                let derived = bound.of(usize::try_from(value).unwrap());
                // A default is above a small least bound, and then nothing follows.
                let is_least = matches!(bound, Bound::AtLeast(_)) && value == min;
                assert!(
                    is_least || is_allowed(path, derived),
                    "`{path}` = {derived} for `{other}` = {value}"
                );
            }
        }
    }

    #[test]
    fn a_key_that_nobody_set_follows_the_other_and_is_shown_so() {
        let file = "[limits]\npayload_size_bytes_max = 8388608\npage_items_max = 50\n";
        let loaded = load(file, [], Flags::default()).unwrap();
        let options = loaded.config.api_options();
        assert_eq!(options.transport.http.body_bytes_max, 8_388_608 + 65_536);
        assert_eq!((options.response_bytes_max, options.lists.page_items_max), (4 * 8_388_608, 50));
        let (toml, json) = (loaded.to_toml(), loaded.to_json());
        for line in [
            "body_bytes_max = 8454144  # default, raised for limits.payload_size_bytes_max",
            "response_bytes_max = 33554432  # default, raised for limits.payload_size_bytes_max",
            "page_items_max = 50  # default, lowered for limits.page_items_max",
        ] {
            assert!(toml.contains(&format!("{line}\n")), "{line} in:\n{toml}");
        }
        assert_eq!(json["graphql.body_bytes_max"]["value"], 8_454_144);
        assert!(!loaded.is_explicit("graphql.body_bytes_max"));
    }

    #[test]
    fn a_value_that_somebody_set_is_kept_or_refused_with_both_keys() {
        let variables = [("CTUTOR_GRAPHQL_BODY_BYTES_MAX", "1048576")];
        assert_eq!(
            fault("[limits]\npayload_size_bytes_max = 1048576\n", variables),
            "`graphql.body_bytes_max` (from environment variable CTUTOR_GRAPHQL_BODY_BYTES_MAX) is not valid: `1048576` \
             is less than `1114112`, the largest payload and the 64 KiB of the request around it; set it to at least \
             `1114112`, or lower `limits.payload_size_bytes_max` (from file ctutor.toml)"
        );
        let told = fault(
            "[api]\nresponse_bytes_max = 65536\n[graphql]\npage_items_max = 101\n[limits]\npage_items_max = 100\n",
            [],
        );
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 2, "{told}");
        assert!(lines[0].contains("less than `8388608`") && lines[0].contains("(from default)"), "{told}");
        assert!(
            lines[1].ends_with(
                "set it to at most `100`, or raise `limits.page_items_max` (from file ctutor.toml)"
            ),
            "{told}"
        );
        let file = "[graphql]\nbody_bytes_max = 1114112\n[limits]\npayload_size_bytes_max = 1048576\n";
        let loaded = load(file, [], Flags::default()).unwrap();
        assert_eq!(loaded.config.api_options().transport.http.body_bytes_max, 1_114_112);
    }
}
