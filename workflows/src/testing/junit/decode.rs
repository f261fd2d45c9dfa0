//! The text of a report, by its byte order mark or by the encoding that its XML declaration names.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::fault::Fault;

/// The declaration stands at the beginning.
const DECLARATION_BYTES_MAX: usize = 1_000;

/// How compressed files begin, and what makes them.
const COMPRESSED: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
];

/// Decodes a report. Bytes that are not valid in its encoding become U+FFFD: tests often print such bytes, and no
/// verdict depends on them.
///
/// # Errors
/// [`Fault::Encoding`] with the name of an encoding that is not known, [`Fault::Compressed`].
pub(super) fn decode(bytes: &[u8]) -> Result<String, Fault> {
    if let Some((_, program)) = COMPRESSED.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Err(Fault::Compressed { program });
    }
    let (encoding, bytes) = match bytes {
        // Before UTF-16, whose mark is the beginning of this one.
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [b'<', 0, 0, 0, ..] | [0, 0, 0, b'<', ..] => {
            return Err(Fault::encoding("UTF-32"));
        }
        [0x4c, 0x6f, 0xa7, 0x94, ..] => return Err(Fault::encoding("EBCDIC")),
        [b'<', 0, ..] => (UTF_16LE, bytes),
        [0, b'<', ..] => (UTF_16BE, bytes),
        _ => match Encoding::for_bom(bytes) {
            Some((encoding, mark)) => (encoding, &bytes[mark..]),
            None => (declared(bytes)?, bytes),
        },
    };
    Ok(encoding.decode_without_bom_handling(bytes).0.into_owned())
}

/// The encoding that the declaration names; UTF-8 if it names none.
fn declared(bytes: &[u8]) -> Result<&'static Encoding, Fault> {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARATION_BYTES_MAX)]);
    let Some(label) = label_of(start.trim_start()) else { return Ok(UTF_8) };
    let known = |label: &str| Encoding::for_label_no_replacement(label.as_bytes());
    // Java's older names have underscores.
    match known(label).or_else(|| known(&label.replace('_', "-"))) {
        // What could be read up to here is not UTF-16: .NET declares the encoding of its strings, not of its files.
        Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => Ok(UTF_8),
        Some(encoding) => Ok(encoding),
        None => Err(Fault::encoding(label)),
    }
}

fn label_of(text: &str) -> Option<&str> {
    let (declaration, _) = text.strip_prefix("<?xml")?.split_once("?>")?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|one| matches!(one, '"' | '\''))?;
    value[1..].split_once(quote).map(|(label, _)| label.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaring(label: &str, rest: &[u8]) -> Vec<u8> {
        [format!("<?xml version=\"1.0\" encoding=\"{label}\"?>").as_bytes(), rest].concat()
    }

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn the_declaration_names_the_encoding() {
        for (label, bytes, expected) in [
            ("ISO-8859-1", &b"\xfcber"[..], "über"),
            ("iso8859_1", b"\xfc", "ü"),
            ("iso-8859-15", b"\xa4", "€"),
            ("windows-1252", b"\x80", "€"),
            ("Cp1252", b"\x80", "€"),
            ("US-ASCII", b"a", "a"),
            ("Shift_JIS", b"\x83\x65", "テ"),
            ("utf8", "ü".as_bytes(), "ü"),
            ("utf-16", "ü".as_bytes(), "ü"),
        ] {
            let text = decode(&declaring(label, bytes)).unwrap();
            assert!(text.ends_with(&format!("?>{expected}")), "{label}: {text}");
        }
        let single = b"\n <?xml version='1.0' encoding = 'latin1' ?>\xe4";
        assert!(decode(single).unwrap().ends_with('ä'));
    }

    #[test]
    fn a_mark_or_zeros_tell_utf_16() {
        let text = "<?xml version=\"1.0\" encoding=\"utf-16\"?><a>über 😀</a>";
        for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            assert_eq!(decode(&utf16(text, to_bytes)).unwrap(), text);
            assert_eq!(decode(&utf16(&format!("\u{feff}{text}"), to_bytes)).unwrap(), text);
        }
        assert_eq!(decode("\u{feff}<a/>".as_bytes()).unwrap(), "<a/>");
    }

    #[test]
    fn without_a_declaration_it_is_utf_8_and_bad_bytes_are_replaced() {
        assert_eq!(decode(b"<a>\xfc\x00</a>").unwrap(), "<a>\u{fffd}\0</a>");
        assert_eq!(decode(b"").unwrap(), "");
    }

    #[test]
    fn unknown_encodings_are_named() {
        for label in ["UTF-7", "cp850", "ISO-2022-KR", "klingon"] {
            assert_eq!(decode(&declaring(label, b"<a/>")), Err(Fault::encoding(label)));
        }
        for bytes in
            [&b"\xff\xfe\0\0<\0\0\0"[..], b"\0\0\xfe\xff\0\0\0<", b"<\0\0\0a\0\0\0", b"\0\0\0<\0\0\0a"]
        {
            assert_eq!(decode(bytes), Err(Fault::encoding("UTF-32")));
        }
        assert_eq!(decode(b"\x1f\x8b\x08\0"), Err(Fault::Compressed { program: "gzip" }));
    }
}
