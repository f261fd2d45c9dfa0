//! Who may start what.

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

    /// Whether the caller may remove ended runs for good. Users could hide what they did.
    #[must_use]
    pub fn may_delete(&self, principal: &Principal) -> bool {
        principal.is_admin()
    }

    /// What the caller may do, as words for the caller.
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

#[cfg(test)]
mod tests {
    use ctutor_engine::clock::Timestamp;

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
