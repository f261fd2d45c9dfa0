use ctutor_git::{
    Credential,
    Error::{self, CredentialInUrl},
    SecretRef, Source,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The user name for HTTP if only a secret is named; GitLab uses it for access tokens.
const DEFAULT_USERNAME: &str = "oauth2";

/// What [`Source::parse`] takes, as far as a schema can say it: an input is checked before it is stored, and a token
/// in it would stay in the history. What has a credential has this shape, too, and is told apart by [`CREDENTIAL`].
const SHAPE: &str = concat!(
    r"^(https?://[^\s\\]+|ssh://[^\s\\/]+/[^\s\\]+|[^\s\\/]+@[^\s\\]+:[^\s\\]+",
    r"|file:///[^\s\\]+|/[^\s\\]+)$"
);

/// A query or fragment; user information of a web server; a password, or no login of a machine, for SSH.
const CREDENTIAL: &str = concat!(
    r"[?#]",
    r"|^[Hh][Tt][Tt][Pp][Ss]?:/*[^/]*@",
    r"|^(?!/|[A-Za-z]+://|(?!glpat-|ghp_|github_pat_)[a-z_][a-z0-9_-]{0,23}@[^@]*$).*@",
    r"|^[Ss][Ss][Hh]://(?!((?!glpat-|ghp_|github_pat_)[a-z_][a-z0-9_-]{0,23}@)?[^/@]*(/|$))"
);

/// A Git repository at a commit. Never holds a secret, only the name of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// `https://…`, `ssh://…`, `user@host:path`, or, where the worker allows it, a local path. A URL with a
    /// password or token in it is refused.
    #[schemars(length(max = 2048), extend("allOf" = [
        { "pattern": SHAPE, "x-message": "the repository URL is invalid: expected `https://…`, `http://…`, `ssh://…`, `user@host:path` or, where the worker allows it, a local path" },
        { "not": { "pattern": CREDENTIAL }, "x-message": CredentialInUrl.to_string() },
    ]))]
    pub url: String,
    /// The commit to test: a branch, a tag, a commit ID (full, or short if it is unambiguous) or a full reference such
    /// as `refs/heads/main`. Default: the default branch of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub commit: Option<String>,
    /// The folder of the repository to use. Default: the whole repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The credential for a repository that is not public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialReference>,
}

/// The name of a credential: the worker looks up the secret itself when it connects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
// Where it may be left out, a reference to it would become an `anyOf`, whose failures name nothing.
#[schemars(inline)]
pub struct CredentialReference {
    /// The user name. Default: `oauth2`, which GitLab uses for access tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The name of a secret that the worker has: letters, digits, `.`, `_` and `-`.
    #[schemars(
        regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$"),
        extend("x-message" = "the name of a secret has at most 100 letters, digits, `.`, `_` and `-`, and no `.` first")
    )]
    pub secret: String,
}

impl Repository {
    /// The source for a checkout.
    ///
    /// # Errors
    /// [`Error`] when the URL or the commit is malformed, or the URL holds a credential; none repeats the credential.
    pub(super) fn source(&self) -> Result<Source, Error> {
        let source = match &self.commit {
            Some(commit) => Source::parse(&self.url, commit)?,
            None => Source::default_branch(&self.url)?,
        };
        Ok(match &self.credential {
            None => source,
            Some(credential) => source.with_credential(Credential {
                username: credential.username.clone().unwrap_or_else(|| DEFAULT_USERNAME.to_owned()),
                secret: SecretRef(credential.secret.clone()),
            }),
        })
    }

    /// The same repository at a commit that was resolved.
    pub(super) fn at(&self, commit: &str) -> Self {
        Self { commit: Some(commit.to_owned()), ..self.clone() }
    }

    /// What was asked for.
    pub(super) fn revision(&self) -> &str {
        self.commit.as_deref().unwrap_or("HEAD")
    }
}

#[cfg(test)]
mod tests {
    use ctutor_git::Revision;
    use serde_json::{Value, json};

    use super::*;

    fn validator() -> jsonschema::Validator {
        jsonschema::validator_for(schemars::schema_for!(Repository).as_value()).unwrap()
    }

    fn faults(repository: &Value) -> Vec<String> {
        let schema = schemars::schema_for!(Repository).to_value();
        let message = |error: jsonschema::ValidationError<'_>| {
            let path = error.schema_path().to_string();
            let above = path.match_indices('/').rev().map(|(at, _)| &path[..at]);
            let message = above.filter_map(|place| schema.pointer(place)?.get("x-message")?.as_str()).next();
            message.map_or_else(|| error.masked().to_string(), str::to_owned)
        };
        validator().iter_errors(repository).map(message).collect()
    }

    #[test]
    fn the_schema_refuses_what_the_source_refuses() {
        for url in [
            "https://gitlab.example/a.git",
            "http://127.0.0.1:3000/a.git",
            "https://[::1]:3000/a.git",
            "https://gitlab.example/a@b/c.git",
            "https://gitlab.example",
            "ssh://git@gitlab.example:2222/group/a.git",
            "ssh://gitlab.example/a.git",
            "git@gitlab.example:group/a.git",
            "_gitea@gitlab.example:a.git",
            "/srv/a@b.git",
            "file:///srv/a.git",
        ] {
            assert_eq!(faults(&json!({ "url": url, "commit": "main" })), [""; 0], "{url}");
            Source::parse(url, "main").unwrap();
        }
        for url in [
            "https://user:token@host/x.git",
            "https://token@host/x.git",
            "https:///user:token@host/x.git",
            "https:user:token@host/x.git",
            "HTTPS://user:token@host/x.git",
            "https://host/x.git?private_token=t",
            "https://host/x.git#t",
            "ssh://git:token@host/x.git",
            "ssh://glpat-1@host/x.git",
            "ssh://Token@host/x.git",
            "git:token@host:x.git",
            "git@host:x.git?t",
            "git@host:x@y.git",
            "Token@host:x.git",
            "glpat-1@host:x.git",
            "abcdefghijklmnopqrstuvwxyz@host:x.git",
            "/srv/a.git?t",
        ] {
            let found = faults(&json!({ "url": url, "commit": "main" }));
            assert!(found.contains(&CredentialInUrl.to_string()), "{url}: {found:?}");
            Source::parse(url, "main").unwrap_err();
        }
        for url in ["", "a.git", "./a.git", "ftp://host/a", "git://host/a", "https://a b", "https://a\\@b/c"]
        {
            assert!(!faults(&json!({ "url": url, "commit": "main" })).is_empty(), "{url}");
            Source::parse(url, "main").unwrap_err();
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_one_sentence() {
        let told = faults(&json!({ "url": "git://host/a.git" }));
        let expected = "the repository URL is invalid: expected `https://…`, `http://…`, `ssh://…`, `user@host:path` or, \
                        where the worker allows it, a local path";
        assert_eq!(told, [expected]);
        let with = |url: &str, secret: &str| json!({ "url": url, "commit": "main", "credential": { "secret": secret } });
        let told = faults(&with("https://user:token@host/x.git", "gitlab"));
        assert_eq!(told, ["the repository URL carries a credential; name a secret by reference instead"]);
        let told = faults(&with("https://host/x.git", "../gitlab"));
        assert_eq!(
            told,
            ["the name of a secret has at most 100 letters, digits, `.`, `_` and `-`, and no `.` first"]
        );
        assert!(validator().is_valid(&json!({ "url": "/a", "commit": "main", "credential": null })));
    }

    #[test]
    fn a_commit_may_be_left_out_and_then_means_the_default_branch() {
        for repository in [json!({ "url": "/a" }), json!({ "url": "/a", "commit": null })] {
            assert_eq!(faults(&repository), [""; 0]);
            let repository: Repository = serde_json::from_value(repository).unwrap();
            assert_eq!(repository.source().unwrap().revision, Revision::Default);
            assert_eq!(serde_json::to_value(&repository).unwrap(), json!({ "url": "/a" }));
        }
        for commit in [json!(""), json!(7), json!("x".repeat(256))] {
            assert!(!faults(&json!({ "url": "/a", "commit": commit })).is_empty(), "{commit}");
        }
    }
}
