//! Data on stdout, as text or as JSON.

use std::io::{self, BufWriter, ErrorKind, Write};

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::codes;
use crate::diagnostic::Diagnostic;

/// How data are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: objects with a version, `"v":1`, one a line.
    Json,
}

/// Prints data.
pub(crate) fn print(text: &str) -> Result<(), Box<Diagnostic>> {
    print_with(|out| out.write_all(text.as_bytes()))
}

/// Prints an object as one line.
pub(crate) fn print_json(object: &Value) -> Result<(), Box<Diagnostic>> {
    print(&format!("{object}\n"))
}

/// Prints data that are too long to be kept. A reader that has seen enough is no error.
pub(crate) fn print_with(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Box<Diagnostic>> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Diagnostic::new(codes::STDOUT_FAILED, "the output cannot be written")
                .because(&error))
        }
        _ => Ok(()),
    }
}

/// Columns as wide as their widest cell.
pub(crate) fn aligned<const N: usize>(lines: &[[String; N]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let mut text = String::new();
    for line in lines {
        let pad = |(at, cell): (usize, &String)| format!("{cell:<wide$}", wide = width(at));
        let cells: Vec<_> = line.iter().enumerate().map(pad).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Bytes in JSON: a string if they are UTF-8, else `{"b64": ...}`.
pub(crate) fn json_bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "b64": base64(bytes) }),
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = group >> (18 - 6 * digit) & 63;
            text.push(if digit <= chunk.len() { char::from(DIGITS[value as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 4648, section 10.
    #[test]
    fn base64_is_the_usual_one() {
        let pairs = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in pairs {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(json_bytes(b"\xff\xfe"), json!({ "b64": "//4=" }));
        assert_eq!(json_bytes("é".as_bytes()), json!("é"));
    }
}
