/// Largest string or value of a run in a row of a list, which may have a thousand rows.
const ROW_VALUE_BYTES_MAX: usize = 4 * 1024;

/// Leaves out values that are too large and records their fields.
pub(super) struct Cut {
    value_bytes_max: usize,
    pub(super) fields: Vec<&'static str>,
}

impl Cut {
    /// For rows of a list.
    pub(super) fn row() -> Self {
        Self { value_bytes_max: ROW_VALUE_BYTES_MAX, fields: Vec::new() }
    }

    /// For one task: nothing is too large.
    pub(super) fn nothing() -> Self {
        Self { value_bytes_max: usize::MAX, fields: Vec::new() }
    }

    /// Whether a value of this size is included.
    pub(super) fn takes(&mut self, field: &'static str, size_bytes: usize) -> bool {
        let takes = size_bytes <= self.value_bytes_max;
        if !takes {
            self.fields.push(field);
        }
        takes
    }

    /// The string, cut to the largest size.
    pub(super) fn text(&mut self, field: &'static str, mut text: String) -> String {
        if !self.takes(field, text.len()) {
            text.truncate(text.floor_char_boundary(self.value_bytes_max));
            text.push('…');
        }
        text
    }
}
