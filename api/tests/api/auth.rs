use std::{sync::Arc, time::Duration};

use ctutor_api::{
    Role, TokenSigner, TokenVerifier,
    auth::{SecretError, VerifyError},
};
use ctutor_engine::{
    client::Visibility,
    clock::{Clock, ManualClock, SystemClock, Timestamp},
};

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
        assert!(
            matches!(verifier().verify(text), Err(VerifyError::Malformed | VerifyError::BadSignature)),
            "{text}"
        );
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
    assert!(verifier().verify(&ours).is_ok());
    assert!(matches!(strict.verify(&plain), Err(VerifyError::NotAccepted(_))));
    let other = signer().issuer("other").audience("api").create("ada", Role::User, HOUR).unwrap();
    assert_eq!(strict.verify(&other), Err(VerifyError::NotAccepted("it comes from another issuer")));
}

#[test]
fn a_token_must_stand_for_somebody_and_last() {
    assert!(signer().create(" ", Role::User, HOUR).is_err());
    assert!(signer().create("ada", Role::User, Duration::ZERO).is_err());
}

#[test]
fn secrets_are_not_printed() {
    let text = format!("{:?} {:?}", signer(), verifier());
    assert!(!text.contains(SECRET), "{text}");
}
