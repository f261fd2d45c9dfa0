use async_graphql::{Enum, SimpleObject};

use crate::{Policy, Principal, Role, graphql::scalar::DateTime};

/// The caller, as identified by the access token.
#[derive(Debug, Clone, SimpleObject)]
pub struct Viewer {
    /// Subject (`sub`) of the access token.
    pub subject: String,
    /// Role that the token grants.
    pub role: ViewerRole,
    /// Permissions of the role in detail, such as `workflow:read:own`.
    pub scopes: Vec<String>,
    /// When the token expires (UTC). Open streams end at that time.
    pub expires_at: DateTime,
}

/// Role of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ViewerRole {
    /// May do everything with all runs.
    Admin,
    /// May read and stop own runs, and start the workflow types that the server allows users to start.
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
