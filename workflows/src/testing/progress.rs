/// Progress of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub stage: Stage,
    pub done: u32,
    pub total: u32,
    /// Name of the running test.
    pub current: Option<String>,
}

/// What a test does at the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The files are copied and the tests of the reference are listed.
    Preparing,
    Running,
}
