//! The compact form of a signed token (RFC 7515, 7.1): header, claims and signature, in base64url without padding.

use std::{collections::HashSet, fmt};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use super::VerifyError;

/// The longest token that is read. Proxies and servers bound headers at about the same.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Types of tokens that are meant for an API (RFC 8725, 3.11); `application/` may stand in front.
const TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// Parameters of the header and claims that are looked at.
const KNOWN: [&str; 19] = [
    "alg", "crit", "typ", "cty", "kid", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "sub", "role", "exp",
    "nbf", "iat", "iss", "aud", "jti",
];

/// Parameters of the header that are strings wherever they stand (RFC 7515, 4.1), and what is said if one is not.
const STRINGS: [(&str, &str); 7] = [
    ("typ", "its header parameter `typ` is not a string"),
    ("cty", "its header parameter `cty` is not a string"),
    ("kid", "its header parameter `kid` is not a string"),
    ("jku", "its header parameter `jku` is not a string"),
    ("x5u", "its header parameter `x5u` is not a string"),
    ("x5t", "its header parameter `x5t` is not a string"),
    ("x5t#S256", "its header parameter `x5t#S256` is not a string"),
];

/// A token in its parts, of which nothing is known yet.
pub(super) struct Compact<'a> {
    /// What the signature is for: header and claims with the dot.
    pub(super) signed: &'a str,
    pub(super) signature: &'a str,
    header: &'a str,
    claims: &'a str,
}

impl<'a> Compact<'a> {
    pub(super) fn split(token: &'a str) -> Result<Self, VerifyError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(VerifyError::Malformed("it is longer than 8 KiB"));
        }
        let not_three = VerifyError::Malformed("it does not have three parts separated by dots");
        let Some((signed, signature)) = token.rsplit_once('.') else { return Err(not_three) };
        let Some((header, claims)) = signed.split_once('.') else { return Err(not_three) };
        match claims.contains('.') {
            true => Err(not_three),
            false => Ok(Self { signed, signature, header, claims }),
        }
    }

    /// Checks that the token is signed in the one way that is accepted, and demands nothing that is not understood.
    pub(super) fn check_header(&self) -> Result<(), VerifyError> {
        let header = object(self.header, Part::Header)?;
        match header.get("alg").map(Value::as_str) {
            Some(Some("HS256")) => {}
            Some(Some(none)) if none.eq_ignore_ascii_case("none") => {
                return Err(VerifyError::NotAccepted("it is not signed (`alg` is `none`)"));
            }
            Some(Some(_)) => return Err(VerifyError::NotAccepted("it is not signed with HS256 (`alg`)")),
            Some(None) => return Err(VerifyError::Malformed("its header parameter `alg` is not a string")),
            None => return Err(VerifyError::Malformed("its header lacks the parameter `alg`")),
        }
        check_types(&header)?;
        if header.contains_key("crit") {
            return Err(VerifyError::NotAccepted(
                "its header demands extensions that are not supported (`crit`)",
            ));
        }
        if header.get("typ").and_then(Value::as_str).is_some_and(|found| !is_known_type(found)) {
            return Err(VerifyError::NotAccepted(
                "its header names another type of token (`typ`), expected `JWT` or `at+jwt`",
            ));
        }
        if header.contains_key("cty") {
            return Err(VerifyError::NotAccepted(
                "its header says that it holds something else than claims (`cty`)",
            ));
        }
        match BASE64_URL_SAFE_NO_PAD.decode(self.signature) {
            Ok(_) => Ok(()),
            Err(_) => Err(VerifyError::Malformed("its signature is not base64url without padding")),
        }
    }

    pub(super) fn claims(&self) -> Result<Map<String, Value>, VerifyError> {
        object(self.claims, Part::Claims)
    }
}

#[derive(Clone, Copy)]
enum Part {
    Header,
    Claims,
}

/// Checks the types of the parameters that RFC 7515 defines. Of their values only some are looked at: keys come from the
/// configuration, never from a token (RFC 8725, 3.10).
fn check_types(header: &Map<String, Value>) -> Result<(), VerifyError> {
    let is_not_string = |name: &str| header.get(name).is_some_and(|value| !value.is_string());
    if let Some((_, fault)) = STRINGS.into_iter().find(|(name, _)| is_not_string(name)) {
        return Err(VerifyError::Malformed(fault));
    }
    if header.get("jwk").is_some_and(|key| !key.is_object()) {
        return Err(VerifyError::Malformed("its header parameter `jwk` is not a JSON object"));
    }
    if header.get("x5c").is_some_and(|chain| !is_array_of_strings(chain)) {
        return Err(VerifyError::Malformed(
            "its header parameter `x5c` is not an array of strings, or it is empty",
        ));
    }
    if header.get("crit").is_some_and(|names| !is_array_of_strings(names)) {
        return Err(VerifyError::Malformed(
            "its header parameter `crit` is not an array of strings, or it is empty",
        ));
    }
    Ok(())
}

/// Whether it is one, with at least one string.
fn is_array_of_strings(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_string))
}

fn is_known_type(found: &str) -> bool {
    let found = found.to_ascii_lowercase();
    TYPES.contains(&found.strip_prefix("application/").unwrap_or(&found))
}

/// The members of the JSON object of a part that are looked at. The others may be anything (RFC 7519, 4), but a repeated
/// name could be read in two ways, and is refused.
fn object(part: &str, which: Part) -> Result<Map<String, Value>, VerifyError> {
    let pick = |of_header, of_claims| {
        VerifyError::Malformed(match which {
            Part::Header => of_header,
            Part::Claims => of_claims,
        })
    };
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| {
        pick("its header is not base64url without padding", "its claims are not base64url without padding")
    })?;
    let not_object = || pick("its header is not a JSON object", "its claims are not a JSON object");
    let text = String::from_utf8(bytes).map_err(|_| not_object())?;
    let Members(members) = serde_json::from_str(&text).map_err(|_| not_object())?;
    let mut known = Map::new();
    let mut names = HashSet::new();
    for (name, value) in members {
        if KNOWN.contains(&name.as_str()) {
            let value = serde_json::from_str(value.get()).map_err(|_| {
                pick(
                    "its header has a value that cannot be read",
                    "its claims have a value that cannot be read",
                )
            })?;
            known.insert(name.clone(), value);
        }
        if !names.insert(name) {
            return Err(pick("its header has a parameter twice", "its claims have a name twice"));
        }
    }
    Ok(known)
}

/// The members of a JSON object in their order, each as it is written.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}
