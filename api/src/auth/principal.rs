use std::{
    fmt,
    str::FromStr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ctutor_engine::{
    client::{Caller, Visibility},
    clock::Timestamp,
};

use crate::transport;

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// May do everything with all runs.
    Admin,
    /// May do what the policy allows, with the own runs.
    User,
}

impl Role {
    /// The name in the token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "admin" => Ok(Self::Admin),
            "user" => Ok(Self::User),
            _ => Err(UnknownRole(text.to_owned())),
        }
    }
}

/// The text is not a known role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role `{0}`; known are: admin, user")]
pub struct UnknownRole(pub String);

/// The caller that a valid token stands for. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Subject of the token.
    pub subject: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// When the token expires.
    pub expires_at: Timestamp,
}

impl Principal {
    /// Whether they are an administrator.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }

    /// The same person, as the engine knows them.
    #[must_use]
    pub fn caller(&self) -> Caller {
        let visibility = match self.role {
            Role::Admin => Visibility::All,
            Role::User => Visibility::Own,
        };
        Caller { subject: self.subject.as_ref().to_owned(), visibility }
    }
}

impl transport::Caller for Principal {
    fn expires_at(&self) -> Option<SystemTime> {
        let since_epoch = u64::try_from(self.expires_at.0).unwrap_or(0);
        // A time beyond the range of this machine's clock never comes.
        UNIX_EPOCH.checked_add(Duration::from_millis(since_epoch))
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.subject)
    }
}
