//! PostgreSQL's text format of COPY (its documentation, "COPY", "Text Format"): a row a line, columns
//! with tabs between, `\N` for null, and a backslash before what would be one of these.

use std::borrow::Cow;

/// The columns of a row, without its line end; null is `None`. Bytes that are no UTF-8 become U+FFFD.
pub(crate) fn columns(line: &[u8]) -> impl Iterator<Item = Option<Cow<'_, str>>> {
    line.split(|byte| *byte == b'\t').map(|raw| {
        if raw == b"\\N" {
            return None;
        }
        if !raw.contains(&b'\\') {
            return Some(String::from_utf8_lossy(raw));
        }
        let mut plain = Vec::with_capacity(raw.len());
        let mut bytes = raw.iter();
        while let Some(byte) = bytes.next() {
            plain.push(match byte {
                b'\\' => match bytes.next() {
                    Some(b'n') => b'\n',
                    Some(b't') => b'\t',
                    Some(b'r') => b'\r',
                    Some(b'b') => 8,
                    Some(b'f') => 12,
                    Some(b'v') => 11,
                    Some(other) => *other,
                    None => b'\\',
                },
                other => *other,
            });
        }
        Some(Cow::Owned(String::from_utf8_lossy(&plain).into_owned()))
    })
}

/// Writes a column, and what follows it: a tab, or the end of the line.
pub(crate) fn write(out: &mut Vec<u8>, column: Option<&str>, after: u8) {
    match column {
        None => out.extend_from_slice(b"\\N"),
        Some(text) => {
            for byte in text.bytes() {
                match byte {
                    b'\\' => out.extend_from_slice(b"\\\\"),
                    b'\n' => out.extend_from_slice(b"\\n"),
                    b'\r' => out.extend_from_slice(b"\\r"),
                    b'\t' => out.extend_from_slice(b"\\t"),
                    // The database knows no NUL.
                    0 => {}
                    other => out.push(other),
                }
            }
        }
    }
    out.push(after);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let row = [Some("a\tb\\N"), None, Some(""), Some("\\N"), Some("ț\r\n"), Some("\u{8}")];
        let mut out = Vec::new();
        for column in row {
            write(&mut out, column, b'\t');
        }
        let line = out.strip_suffix(b"\t").unwrap();
        let read: Vec<_> = columns(line).collect();
        assert_eq!(read.iter().map(Option::as_deref).collect::<Vec<_>>(), row);
        assert!(!line.contains(&b'\n'));
    }

    #[test]
    fn what_the_server_writes_is_understood() {
        let read: Vec<_> =
            columns(b"a\\tb\t\\N\t\\\\N\tx\\").map(|one| one.map(Cow::into_owned)).collect();
        let told: Vec<_> = read.iter().map(Option::as_deref).collect();
        assert_eq!(told, [Some("a\tb"), None, Some("\\N"), Some("x\\")]);
        assert_eq!(columns(b"\xff").next().unwrap().unwrap(), "\u{fffd}");
    }
}
