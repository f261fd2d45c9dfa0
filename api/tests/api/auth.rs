use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ctutor_api::{
    Role, TokenSigner, TokenVerifier,
    auth::{SecretError, VerifyError},
};
use ctutor_engine::{
    client::Visibility,
    clock::{Clock, ManualClock, SystemClock, Timestamp},
};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};

use crate::harness::SECRET;

const HOUR: Duration = Duration::from_secs(3_600);

fn signer() -> TokenSigner {
    TokenSigner::new(&SECRET.to_owned().into()).unwrap()
}

fn verifier() -> TokenVerifier {
    TokenVerifier::new(&SECRET.to_owned().into()).unwrap()
}

#[test]
fn a_token_says_who_and_until_when() {
    let token = signer().create("ada", Role::User, HOUR).unwrap();
    let principal = verifier().verify(&token).unwrap();
    assert_eq!((&*principal.subject, principal.role), ("ada", Role::User));
    let left = principal.expires_at.since(SystemClock.now());
    assert!(left > HOUR - Duration::from_secs(60) && left <= HOUR, "{left:?}");
    assert_eq!(principal.caller().visibility, Visibility::Own);
    let token = signer().create("root", Role::Admin, HOUR).unwrap();
    assert_eq!(verifier().verify(&token).unwrap().caller().visibility, Visibility::All);
}

#[test]
fn a_token_ends_and_the_refusal_tells_when() {
    let clock = Arc::new(ManualClock::new(Timestamp(1_000_000)));
    let token = signer().clock(clock.clone()).create("ada", Role::User, HOUR).unwrap();
    let verifier = verifier().clock(clock.clone());
    clock.advance(HOUR.saturating_sub(Duration::from_millis(1)));
    assert!(verifier.verify(&token).is_ok());
    clock.advance(Duration::from_millis(1));
    let at = Timestamp(1_000_000) + HOUR;
    assert_eq!(verifier.verify(&token), Err(VerifyError::Expired { at }));
}

#[test]
fn a_short_secret_is_refused_with_its_length() {
    let short = "x".repeat(31).into();
    let error = TokenSigner::new(&short).unwrap_err();
    assert_eq!(error, SecretError::TooShort { found: 31 });
    assert_eq!(error.to_string(), "the token secret has 31 bytes, at least 32 are needed");
    assert!(TokenVerifier::new(&short).is_err());
    assert!(TokenVerifier::new(&"x".repeat(32).into()).is_ok());
}

#[test]
fn tokens_of_others_and_other_texts_are_refused() {
    let other = TokenSigner::new(&"another secret that is long enough too".to_owned().into()).unwrap();
    let token = other.create("ada", Role::Admin, HOUR).unwrap();
    assert_eq!(verifier().verify(&token), Err(VerifyError::BadSignature));
    let token = signer().create("ada", Role::User, HOUR).unwrap();
    let (head, _) = token.rsplit_once('.').unwrap();
    assert_eq!(verifier().verify(&format!("{head}.")), Err(VerifyError::BadSignature));
    for text in ["", "x", "a.b.c", "....", &token[1..]] {
        assert!(matches!(verifier().verify(text), Err(VerifyError::Malformed(_))), "{text}");
    }
}

/// What `none` and the claims of a made-up token look like; its signature is empty.
#[test]
fn a_token_without_signature_is_refused() {
    // {"alg":"none","typ":"JWT"} and {"sub":"root","role":"admin","exp":99999999999}
    let token = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.\
                 eyJzdWIiOiJyb290Iiwicm9sZSI6ImFkbWluIiwiZXhwIjo5OTk5OTk5OTk5OX0.";
    assert!(verifier().verify(token).is_err());
}

#[test]
fn issuer_and_audience_are_checked_when_they_are_set() {
    let ours = signer().issuer("ctutor").audience("api").create("ada", Role::User, HOUR).unwrap();
    let plain = signer().create("ada", Role::User, HOUR).unwrap();
    let strict = verifier().issuer("ctutor").audience("api");
    assert!(strict.verify(&ours).is_ok());
    let refusal = verifier().verify(&ours).unwrap_err().to_string();
    assert!(refusal.contains("this server is configured for none"), "{refusal}");
    assert!(matches!(strict.verify(&plain), Err(VerifyError::NotAccepted(_))));
    let other = signer().issuer("other").audience("api").create("ada", Role::User, HOUR).unwrap();
    assert_eq!(strict.verify(&other), Err(VerifyError::NotAccepted("it comes from another issuer (`iss`)")));
}

/// A token with these parts, signed with the secret of the tests.
fn token(header: &str, claims: &str) -> String {
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", encode(header), encode(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{signed}.{signature}")
}

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn refusal(token: &str) -> String {
    let verifier = verifier().clock(Arc::new(ManualClock::new(Timestamp(1_000_000))));
    verifier.verify(token).map_or_else(|error| error.to_string(), |principal| principal.subject.to_string())
}

#[test]
fn the_reason_of_a_refused_header_is_the_true_one() {
    const CLAIMS: &str = r#"{"sub":"ada","role":"user","exp":2000}"#;
    for (header, reason) in [
        (HEADER, "ada"),
        (r#"{"alg":"HS256"}"#, "ada"),
        (r#"{"alg":"HS256","typ":"application/AT+JWT","kid":"1"}"#, "ada"),
        (r#"{"alg":"none"}"#, "not signed (`alg` is `none`)"),
        (r#"{"alg":"HS512"}"#, "not signed with HS256"),
        (r#"{"alg":"hs256"}"#, "not signed with HS256"),
        (r#"{"alg":"RS256"}"#, "not signed with HS256"),
        (r#"{"alg":["HS256"]}"#, "`alg` is not a string"),
        ("{}", "lacks the parameter `alg`"),
        (r#"{"alg":"none","alg":"HS256"}"#, "has a parameter twice"),
        (r#"{"alg":"HS256","crit":["exp"],"exp":1}"#, "(`crit`)"),
        (r#"{"alg":"HS256","crit":[]}"#, "`crit` is not an array of strings, or it is empty"),
        (r#"{"alg":"HS256","crit":"exp"}"#, "`crit` is not an array of strings"),
        (r#"{"alg":"HS256","crit":null}"#, "`crit` is not an array of strings"),
        (r#"{"alg":"HS256","typ":5}"#, "`typ` is not a string"),
        (r#"{"alg":"HS256","cty":null}"#, "`cty` is not a string"),
        (r#"{"alg":"HS256","jku":{}}"#, "`jku` is not a string"),
        (r#"{"alg":"HS256","jwk":"x"}"#, "`jwk` is not a JSON object"),
        (r#"{"alg":"HS256","x5c":[1]}"#, "`x5c` is not an array of strings"),
        (r#"{"alg":"HS256","x5t#S256":false}"#, "`x5t#S256` is not a string"),
        (r#"{"alg":"HS256","x5t":"x","x5c":["x"],"jwk":{},"x5u":"https://a","url":5}"#, "ada"),
        (r#"{"alg":"HS256","typ":"logout+jwt"}"#, "(`typ`)"),
        (r#"{"alg":"HS256","cty":"JWT"}"#, "(`cty`)"),
        (r#"{"alg":"HS256","kid":5}"#, "`kid` is not a string"),
        ("[]", "its header is not a JSON object"),
        ("x", "its header is not a JSON object"),
    ] {
        let found = refusal(&token(header, CLAIMS));
        assert!(found.contains(reason), "{header}: {found}");
    }
}

#[test]
fn the_reason_of_refused_claims_is_the_true_one() {
    for (claims, reason) in [
        (r#"{"sub":"ada","role":"user","exp":1000.5,"nbf":1004.9,"iat":5000}"#, "ada"),
        (r#"{"sub":"ada","role":"user","exp":1000}"#, "expired at 1970-01-01T00:16:40"),
        (r#"{"sub":"ada","role":"user","exp":1e300}"#, "ada"),
        (r#"{"sub":"ada","role":"user","exp":2000,"nbf":1006}"#, "not valid yet (`nbf`)"),
        (r#"{"sub":"ada","role":"user"}"#, "lacks the claim `exp`"),
        (r#"{"role":"user","exp":2000}"#, "lacks the claim `sub`"),
        (r#"{"sub":"ada","exp":2000}"#, "lacks the claim `role`"),
        (r#"{"sub":"ada","role":"root","exp":2000}"#, "role is unknown"),
        (r#"{"sub":"ada","role":"user","exp":"2000"}"#, "`exp` is not a number"),
        (r#"{"sub":"ada","role":"user","exp":2000,"nbf":null}"#, "`nbf` is not a number"),
        (r#"{"sub":"ada","role":"user","exp":2000,"iat":"x"}"#, "`iat` is not a number"),
        (r#"{"sub":5,"role":"user","exp":2000}"#, "`sub` is not a string"),
        (r#"{"sub":"ada","role":"user","exp":2000,"iss":[]}"#, "`iss` is not a string"),
        (r#"{"sub":"ada","role":"user","exp":2000,"jti":5}"#, "`jti` is not a string"),
        (r#"{"sub":"ada","role":"user","exp":2000,"jti":null}"#, "`jti` is not a string"),
        (r#"{"sub":"ada","role":"user","exp":2000,"jti":"5"}"#, "ada"),
        (r#"{"sub":"ada","role":"user","exp":true}"#, "`exp` is not a number"),
        (r#"{"sub":"ada","role":["user"],"exp":2000}"#, "`role` is not a string"),
        (r#"{"sub":"ada","role":"user","exp":2000,"aud":null}"#, "`aud` is neither"),
        (r#"{"sub":"ada","role":"user","exp":2000,"aud":[1]}"#, "`aud` is neither"),
        (r#"{"sub":"ada","role":"user","exp":2000,"aud":["x"]}"#, "configured for none"),
        (r#"{"sub":"a","sub":"ada","role":"user","exp":2000}"#, "have a name twice"),
        (r#"{"sub":"a\u0000","role":"user","exp":2000}"#, "control character"),
        (r#"{"sub":"\n","role":"user","exp":2000}"#, "blank"),
        (r#"{"sub":"\ud800","role":"user","exp":2000}"#, "a value that cannot be read"),
        (r#"{"sub":"ada","role":"user","exp":2000,"iat":1000.123456789}"#, "ada"),
        (r#"{"sub":"ada","role":"user","exp":2000.987654321,"uid":123456789012345678901234567890}"#, "ada"),
        (r#"{"sub":"ada","role":"user","exp":2000,"x":0.1234567890123456789,"y":1e999}"#, "ada"),
        (r#"{"sub":"ada","role":"user","exp":2000,"x":{"a":1,"a":2},"y":"\ud800"}"#, "ada"),
        (r#"{"sub":"ada","role":"user","exp":2000,"x":1,"x":2}"#, "have a name twice"),
        ("[]", "claims are not a JSON object"),
    ] {
        let found = refusal(&token(HEADER, claims));
        assert!(found.contains(reason), "{claims}: {found}");
    }
    let long = format!(r#"{{"sub":"{}","role":"user","exp":2000}}"#, "a".repeat(256));
    assert!(refusal(&token(HEADER, &long)).contains("more than 255 bytes"));
    let deep =
        format!(r#"{{"sub":"ada","role":"user","exp":2000,"x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    assert_eq!(refusal(&token(HEADER, &deep)), "ada");
}

#[test]
fn the_form_of_a_token_is_the_compact_one() {
    let good = token(HEADER, r#"{"sub":"ada","role":"user","exp":2000}"#);
    assert_eq!(refusal(&good), "ada");
    for (text, reason) in [
        (format!("{good}.x"), "three parts"),
        (good.replacen('.', "", 1), "three parts"),
        (format!("{good}="), "signature is not base64url"),
        (format!("={good}"), "header is not base64url"),
        (good.replacen('.', "=.", 1), "header is not base64url"),
        (format!("{good} "), "signature is not base64url"),
        ("x".repeat(9_000), "longer than 8 KiB"),
    ] {
        let found = refusal(&text);
        assert!(found.contains(reason), "{text}: {found}");
    }
}

#[test]
fn an_audience_may_be_one_of_several() {
    let verifier = verifier().audience("api").clock(Arc::new(ManualClock::new(Timestamp(1_000_000))));
    let claims = |audience: &str| format!(r#"{{"sub":"ada","role":"user","exp":2000,"aud":{audience}}}"#);
    assert!(verifier.verify(&token(HEADER, &claims(r#"["other","api"]"#))).is_ok());
    let error = verifier.verify(&token(HEADER, &claims("[]"))).unwrap_err();
    assert_eq!(error, VerifyError::NotAccepted("it is for another audience (`aud`)"));
}

#[test]
fn a_token_must_stand_for_somebody_and_last() {
    for subject in [" ", "a\u{0}", "a\n", &"a".repeat(256)] {
        assert!(signer().create(subject, Role::User, HOUR).is_err(), "{subject:?}");
    }
    assert!(signer().create("ada", Role::User, Duration::ZERO).is_err());
}

#[test]
fn secrets_are_not_printed() {
    let text = format!("{:?} {:?}", signer(), verifier());
    assert!(!text.contains(SECRET), "{text}");
}
