//! Who may start what.

use ctutor_engine::{
    chain,
    payload::{Payload, strict, syntax},
};
use serde_json::Value;

use crate::auth::{Principal, Role};

/// The workflow type that students start.
const STUDENT_TESTING: &str = "student_testing";

/// What users may start. Administrators may start every type.
///
/// A start carries free parameters, and most types act with the rights of the course's own accounts: so types are
/// closed to users unless they are named here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Workflow types; `*` stands for all.
    pub user_may_start: Vec<String>,
}

/// Why the input of a user is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputRefusal {
    /// It asks for what only administrators may ask for.
    Forbidden {
        /// The way to the value in the input.
        path: Vec<String>,
    },
    /// It cannot be told what it asks for.
    Malformed {
        /// The way to the value in the input; empty for the input as a whole.
        path: Vec<String>,
        /// What was expected and what was found.
        message: String,
    },
}

impl InputRefusal {
    fn path_mut(&mut self) -> &mut Vec<String> {
        match self {
            Self::Forbidden { path } | Self::Malformed { path, .. } => path,
        }
    }
}

impl Default for Policy {
    /// Users may start `student_testing`.
    fn default() -> Self {
        Self { user_may_start: vec![STUDENT_TESTING.to_owned()] }
    }
}

impl Policy {
    /// Whether the caller may start runs of a type.
    #[must_use]
    pub fn may_start(&self, principal: &Principal, workflow_type: &str) -> bool {
        match principal.role {
            Role::Admin => true,
            Role::User => self.user_may_start.iter().any(|known| known == "*" || known == workflow_type),
        }
    }

    /// Refuses an input that asks for what only administrators may ask for.
    ///
    /// A worker reaches repositories with secrets and keys of its own. Users would read with them what they may not
    /// see: their repositories must be open to everybody who can reach them by HTTP. What cannot be read may ask for
    /// anything: it does not pass either, but it is malformed and not forbidden.
    ///
    /// # Errors
    /// [`InputRefusal`] with the first value that is at fault.
    pub fn check_input(&self, principal: &Principal, input: &Payload) -> Result<(), InputRefusal> {
        match principal.role {
            Role::Admin => Ok(()),
            Role::User => check_repositories(&readable(input)?),
        }
    }

    /// Whether the caller may remove ended runs for good. Users could hide what they did.
    #[must_use]
    pub fn may_delete(&self, principal: &Principal) -> bool {
        principal.is_admin()
    }

    /// What the caller may do, as scopes for the caller.
    #[must_use]
    pub fn scopes(&self, principal: &Principal) -> Vec<String> {
        match principal.role {
            Role::Admin => ["read:all", "start:*", "cancel:all", "terminate:all", "delete:all"]
                .map(|scope| format!("workflow:{scope}"))
                .to_vec(),
            Role::User => {
                let own = ["read:own", "cancel:own", "terminate:own"].map(str::to_owned);
                let starts = self.user_may_start.iter().map(|name| format!("start:{name}"));
                own.into_iter().chain(starts).map(|scope| format!("workflow:{scope}")).collect()
            }
        }
    }
}

/// An input as a value, with the same faults as every start tells of it.
fn readable(input: &Payload) -> Result<Value, InputRefusal> {
    if let Err(fault) = input.checked() {
        let path = fault.path.iter().map(ToString::to_string).collect();
        return Err(InputRefusal::Malformed { path, message: fault.to_string() });
    }
    input
        .to_value()
        .map_err(|error| InputRefusal::Malformed { path: Vec::new(), message: chain(&error).to_string() })
}

/// Looks for a repository that needs the worker's rights: one with a credential, or with a source that only the worker's
/// keys or files give access to. A repository is an object with a URL; its commit may be left out.
fn check_repositories(input: &Value) -> Result<(), InputRefusal> {
    let below = |name: String, value: &Value| {
        check_repositories(value).map_err(|mut refusal| {
            refusal.path_mut().insert(0, name);
            refusal
        })
    };
    match input {
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| below(index.to_string(), item))
        }
        Value::Object(fields) => {
            if let Some(url) = fields.get("url") {
                if fields.get("credential").is_some_and(|value| !value.is_null()) {
                    return Err(InputRefusal::Forbidden { path: vec!["credential".to_owned()] });
                }
                check_url(url)?;
            }
            fields.iter().try_for_each(|(name, value)| below(strict::shown(name), value))
        }
        _ => Ok(()),
    }
}

fn check_url(url: &Value) -> Result<(), InputRefusal> {
    let path = vec!["url".to_owned()];
    match url {
        Value::String(url) if is_http(url) => Ok(()),
        Value::String(_) => Err(InputRefusal::Forbidden { path }),
        other => {
            let message = format!(
                "the URL of a repository must be a string, found {}",
                syntax::kind(&other.to_string())
            );
            Err(InputRefusal::Malformed { path, message })
        }
    }
}

fn is_http(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use ctutor_engine::clock::Timestamp;
    use serde_json::json;

    use super::*;

    fn principal(role: Role) -> Principal {
        Principal { subject: "ada".into(), role, expires_at: Timestamp::NEVER }
    }

    #[test]
    fn users_start_what_is_named_and_administrators_everything() {
        let policy = Policy::default();
        assert!(policy.may_start(&principal(Role::Admin), "example_long_running"));
        assert!(!policy.may_start(&principal(Role::User), "example_long_running"));
        assert!(policy.may_start(&principal(Role::User), "student_testing"));
        let open = Policy { user_may_start: vec!["*".into()] };
        assert!(open.may_start(&principal(Role::User), "example_long_running"));
        let closed = Policy { user_may_start: Vec::new() };
        assert!(!closed.may_start(&principal(Role::User), "student_testing"));
    }

    #[test]
    fn users_reach_only_what_is_open_to_everybody() {
        let (ada, root) = (principal(Role::User), principal(Role::Admin));
        let public = json!({ "url": "HTTPS://git.example/a.git", "commit": "main", "credential": null });
        let with_secret =
            json!({ "url": "https://git.example/a.git", "commit": "main", "credential": { "secret": "s" } });
        let policy = Policy::default();
        let far = |principal: &Principal, reference: &Value| {
            let input = json!({ "submission": public, "list": [1, { "reference": reference }] });
            match policy.check_input(principal, &input.into()) {
                Ok(()) => None,
                Err(InputRefusal::Forbidden { path }) => Some(path.join(".")),
                Err(other) => panic!("{other:?}"),
            }
        };
        assert_eq!(far(&ada, &public), None);
        assert_eq!(far(&ada, &with_secret).as_deref(), Some("list.1.reference.credential"));
        assert_eq!(far(&root, &with_secret), None);
        for url in
            ["ssh://git@git.example/a.git", "git@git.example:a.git", "/srv/a.git", "file:///srv/a.git", ""]
        {
            for commit in [json!({}), json!({ "commit": null }), json!({ "commit": "main" })] {
                let mut keyed = commit.clone();
                keyed["url"] = json!(url);
                assert_eq!(far(&ada, &keyed).as_deref(), Some("list.1.reference.url"), "{keyed}");
            }
        }
        let secret = json!({ "url": "https://git.example/a.git", "credential": { "secret": "s" } });
        assert_eq!(far(&ada, &secret).as_deref(), Some("list.1.reference.credential"));
        assert_eq!(far(&ada, &json!({ "url": "https://git.example/a.git" })), None);
        assert_eq!(far(&ada, &json!({ "commit": "main" })), None, "without a URL nothing is reached");
    }

    #[test]
    fn an_input_that_cannot_be_read_is_refused_to_users() {
        let (ada, root) = (principal(Role::User), principal(Role::Admin));
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let marked = r#"{"$serde_json::private::RawValue":"1","a":{"url":"/srv/a.git"}}"#.to_owned();
        for text in [deep, marked] {
            let input = Payload::parse(text).unwrap();
            let refused = Policy::default().check_input(&ada, &input).unwrap_err();
            assert!(matches!(refused, InputRefusal::Malformed { .. }), "{refused:?}");
            assert_eq!(Policy::default().check_input(&root, &input), Ok(()));
        }
    }

    #[test]
    fn a_url_that_is_no_string_does_not_pass_and_is_not_forbidden() {
        for (url, found) in [
            (json!(1), "a number"),
            (json!(null), "null"),
            (json!(true), "a boolean"),
            (json!(["/srv/a.git"]), "an array"),
            (json!({ "url": "/srv/a.git" }), "an object"),
        ] {
            let input = json!({ "reference": { "url": url } }).into();
            let refused = Policy::default().check_input(&principal(Role::User), &input).unwrap_err();
            let path = vec!["reference".to_owned(), "url".to_owned()];
            let message = format!("the URL of a repository must be a string, found {found}");
            assert_eq!(refused, InputRefusal::Malformed { path, message });
        }
    }

    #[test]
    fn a_long_key_is_shortened_in_the_path() {
        let input = json!({ "k".repeat(200_000): { "url": "/srv/a.git" } }).into();
        let refused = Policy::default().check_input(&principal(Role::User), &input).unwrap_err();
        let path = vec![format!("{}…", "k".repeat(60)), "url".to_owned()];
        assert_eq!(refused, InputRefusal::Forbidden { path });
    }

    #[test]
    fn scopes_say_what_the_policy_allows() {
        let scopes = Policy::default().scopes(&principal(Role::User));
        assert_eq!(
            scopes,
            [
                "workflow:read:own",
                "workflow:cancel:own",
                "workflow:terminate:own",
                "workflow:start:student_testing"
            ]
        );
    }
}
