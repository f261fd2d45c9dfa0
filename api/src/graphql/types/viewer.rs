use async_graphql::{Enum, SimpleObject};

use crate::{Policy, Principal, Role, graphql::scalar::DateTime};

/// The caller.
#[derive(Debug, Clone, SimpleObject)]
pub struct Viewer {
    /// Subject of the token.
    pub subject: String,
    /// What the token allows.
    pub role: ViewerRole,
    /// The same in detail, such as `workflow:read:own`.
    pub scopes: Vec<String>,
    /// When the token ends; open streams end then too.
    pub expires_at: DateTime,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ViewerRole {
    /// Everything, to all runs.
    Admin,
    /// Read and stop the own runs, and start what the server allows to users.
    User,
}

impl Viewer {
    pub(in crate::graphql) fn new(principal: &Principal, policy: &Policy) -> Self {
        let role = match principal.role {
            Role::Admin => ViewerRole::Admin,
            Role::User => ViewerRole::User,
        };
        Self {
            subject: principal.subject.as_ref().to_owned(),
            role,
            scopes: policy.scopes(principal),
            expires_at: principal.expires_at.into(),
        }
    }
}
