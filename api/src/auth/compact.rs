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
const KNOWN: [&str; 12] =
    ["alg", "crit", "typ", "cty", "kid", "sub", "role", "exp", "nbf", "iat", "iss", "aud"];

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
            Some(None) | None => return Err(VerifyError::Malformed("its header lacks the string `alg`")),
        }
        if header.contains_key("crit") {
            return Err(VerifyError::NotAccepted(
                "its header demands extensions that are not supported (`crit`)",
            ));
        }
        match header.get("typ") {
            None => {}
            Some(Value::String(found)) if is_known_type(found) => {}
            Some(_) => {
                return Err(VerifyError::NotAccepted("its header names another type of token (`typ`)"));
            }
        }
        if header.contains_key("cty") {
            return Err(VerifyError::NotAccepted(
                "its header says that it holds something else than claims (`cty`)",
            ));
        }
        if header.get("kid").is_some_and(|key| !key.is_string()) {
            return Err(VerifyError::Malformed("its header parameter `kid` is not a string"));
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
