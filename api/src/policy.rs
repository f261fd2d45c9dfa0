//! Who may start what.

use ctutor_engine::{
    near,
    payload::{Payload, strict},
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

    /// A type that users may start and whose name is almost this one.
    #[must_use]
    pub fn meant(&self, workflow_type: &str) -> Option<&str> {
        near::nearest(workflow_type, self.user_may_start.iter().map(String::as_str))
    }

    /// Where the input asks for what only administrators may ask for; `None` when it does not.
    ///
    /// A worker reaches repositories with secrets and keys of its own. Users would read with them what they may not
    /// see: their repositories must be open to everybody who can reach them by HTTP. An input that cannot be read may ask
    /// for anything, and is refused as a whole, with an empty path.
    #[must_use]
    pub fn reaches_too_far(&self, principal: &Principal, input: &Payload) -> Option<Vec<String>> {
        match principal.role {
            Role::Admin => None,
            Role::User => input.to_value().map_or(Some(Vec::new()), |input| worker_rights(&input)),
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

/// The path of the first repository that needs the worker's rights: one with a credential, or with a source that only
/// the worker's keys or files give access to. A repository is an object with a URL; its commit may be left out.
fn worker_rights(input: &Value) -> Option<Vec<String>> {
    let below = |name: String, value: &Value| {
        worker_rights(value).map(|mut path| {
            path.insert(0, name);
            path
        })
    };
    match input {
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| below(index.to_string(), item))
        }
        Value::Object(fields) => {
            let url = fields.get("url");
            if fields.get("credential").is_some_and(|value| !value.is_null()) && url.is_some() {
                return Some(vec!["credential".to_owned()]);
            }
            if url.is_some_and(|url| !url.as_str().is_some_and(is_http)) {
                return Some(vec!["url".to_owned()]);
            }
            fields.iter().find_map(|(name, value)| below(strict::shown(name), value))
        }
        _ => None,
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
            policy.reaches_too_far(principal, &input.into()).map(|path| path.join("."))
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
            assert!(Policy::default().reaches_too_far(&ada, &input).is_some(), "{}", input.as_str());
            assert_eq!(Policy::default().reaches_too_far(&root, &input), None);
        }
    }

    #[test]
    fn a_long_key_is_shortened_in_the_path() {
        let input = json!({ "k".repeat(200_000): { "url": "/srv/a.git" } }).into();
        let path = Policy::default().reaches_too_far(&principal(Role::User), &input).unwrap();
        assert_eq!(path, [format!("{}…", "k".repeat(60)), "url".to_owned()]);
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
