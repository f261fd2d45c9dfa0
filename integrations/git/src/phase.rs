/// How far a fetch was when it failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    Connecting,
    /// The references are known, and nothing was received yet.
    Asking,
    Receiving,
}
