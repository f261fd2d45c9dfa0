//! The codes a socket closes with.

use axum::extract::ws::CloseFrame;

/// Why the server closes a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Close {
    code: u16,
    reason: String,
}

/// The longest reason that a close frame can hold. A longer one breaks the frame.
const REASON_BYTES_MAX: usize = 123;

impl Close {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        let mut end = reason.len().min(REASON_BYTES_MAX);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        reason.truncate(end);
        Self { code, reason }
    }

    pub(super) fn shutting_down() -> Self {
        Self::new(1001, "the server is shutting down")
    }

    pub(super) fn protocol_violated() -> Self {
        Self::new(1002, "the WebSocket protocol was violated")
    }

    pub(super) fn not_utf8() -> Self {
        Self::new(1007, "a text message is not valid UTF-8")
    }

    pub(super) fn message_too_long(allowed: usize) -> Self {
        Self::new(1009, format!("a message exceeds {allowed} bytes"))
    }

    pub(super) fn too_many_sockets(allowed: usize) -> Self {
        Self::new(1013, format!("at most {allowed} WebSockets of one user may be open"))
    }

    pub(super) fn bad_message(reason: impl Into<String>) -> Self {
        Self::new(4400, reason)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(4401, "Unauthorized")
    }

    pub(super) fn forbidden(reason: impl Into<String>) -> Self {
        Self::new(4403, reason)
    }

    pub(super) fn subprotocol() -> Self {
        Self::new(4406, "Subprotocol not acceptable")
    }

    pub(super) fn init_timeout() -> Self {
        Self::new(4408, "Connection initialisation timeout")
    }

    pub(super) fn id_taken(id: &str) -> Self {
        Self::new(4409, format!("Subscriber for {id} already exists"))
    }

    pub(super) fn second_init() -> Self {
        Self::new(4429, "Too many initialisation requests")
    }

    pub(super) fn into_frame(self) -> CloseFrame {
        CloseFrame { code: self.code, reason: self.reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let close = Close::id_taken(&"ä".repeat(200));
        assert!(close.reason.len() <= REASON_BYTES_MAX);
        assert!(close.reason.ends_with('ä'));
    }
}
