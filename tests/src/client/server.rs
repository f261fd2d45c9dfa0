/// A server, and who talks to it.
#[derive(Debug, Clone)]
pub(super) struct Server {
    /// As [`crate::process::Process::ready`] returns it.
    pub(super) base: String,
    pub(super) token: Option<String>,
}

impl Server {
    /// Another one, with the same token.
    pub(super) fn at(&self, base: impl Into<String>) -> Self {
        Self { base: base.into(), token: self.token.clone() }
    }
}
