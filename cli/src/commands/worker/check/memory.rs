use std::{fmt, str::FromStr};

/// A size in MiB, as `512MiB` or `2GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    mebibytes: u64,
}

const MEBIBYTES_MAX: u64 = 1_048_576;

impl Memory {
    pub(super) fn bytes(self) -> u64 {
        self.mebibytes << 20
    }

    pub(super) fn mebibytes(self) -> u64 {
        self.mebibytes
    }
}

impl FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid =
            || format!("expected a size from 16MiB to 1024GiB such as `512MiB` or `2GiB`, found `{text}`");
        let compact: String = text.chars().filter(|sign| !sign.is_whitespace()).collect();
        let split = compact.find(|sign: char| !sign.is_ascii_digit()).ok_or_else(invalid)?;
        let (number, unit) = compact.split_at(split);
        let factor = match unit.to_ascii_lowercase().as_str() {
            "mib" | "m" => 1,
            "gib" | "g" => 1024,
            _ => return Err(invalid()),
        };
        let mebibytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        match mebibytes {
            Some(mebibytes @ 16..=MEBIBYTES_MAX) => Ok(Self { mebibytes }),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mebibytes {
            size if size.is_multiple_of(1024) => write!(f, "{} GiB", size / 1024),
            size => write!(f, "{size} MiB"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        let shown = |text: &str| text.parse::<Memory>().map(|memory| memory.to_string());
        assert_eq!(
            [shown("512MiB"), shown("2 gib"), shown("1024m")],
            [Ok("512 MiB".into()), Ok("2 GiB".into()), Ok("1 GiB".into())]
        );
        for text in ["", "512", "MiB", "1MiB", "512MB", "99999999999999999999GiB", "2000000GiB", "-1GiB"] {
            assert!(shown(text).unwrap_err().contains(&format!("found `{text}`")), "{text}");
        }
    }
}
