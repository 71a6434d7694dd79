//! Keys, values and versions, as text or as JSON.

use std::borrow::Cow;

use quorate_sm::Notice;
use quorate_sm::kv::{Change, Row, Versioned};
use serde_json::{Value, json};

use crate::diagnostic::Diagnostic;
use crate::output::{self, Format, json_bytes};
use crate::talk;

/// An answer: the text as it is, with an end of line, or the object.
pub(super) fn answer(format: Format, text: &[u8], object: Value) -> Result<(), Box<Diagnostic>> {
    match format {
        Format::Text => output::print_with(|out| {
            out.write_all(text)?;
            out.write_all(b"\n")
        }),
        Format::Json => output::print_json(&versioned(object)),
    }
}

/// There is no such key.
pub(super) fn absent(format: Format, key: &[u8]) -> Result<(), Box<Diagnostic>> {
    match format {
        Format::Text => talk::say(format_args!("there is no key {}", shown(key))),
        Format::Json => {
            output::print_json(&versioned(json!({ "key": json_bytes(key), "absent": true })))?;
        }
    }
    Ok(())
}

/// A compare-and-swap that found something else.
pub(super) fn lost(
    format: Format,
    key: &[u8],
    current: Option<&Versioned>,
) -> Result<(), Box<Diagnostic>> {
    match (format, current) {
        (Format::Text, Some(current)) => {
            talk::say(format_args!("the value of {} is {}", shown(key), shown(&current.value)));
            Ok(())
        }
        (Format::Text, None) => absent(format, key),
        (Format::Json, current) => {
            let current = current.map(|current| {
                json!({ "value": json_bytes(&current.value), "version": current.version.0 })
            });
            let object = json!({ "key": json_bytes(key), "swapped": false, "current": current });
            output::print_json(&versioned(object))
        }
    }
}

/// A page of a listing.
pub(super) fn rows(format: Format, rows: &[Row]) -> Result<(), Box<Diagnostic>> {
    output::print_with(|out| {
        for Row { key, found } in rows {
            match format {
                Format::Text => writeln!(out, "{}\t{}", shown(key), shown(&found.value))?,
                Format::Json => writeln!(out, "{}", versioned(row(key, found)))?,
            }
        }
        Ok(())
    })
}

/// What became of a key.
pub(super) fn change(format: Format, notice: &Notice<Change>) -> Result<(), Box<Diagnostic>> {
    let (key, version) = (&notice.topic, notice.index.0);
    let (what, value) = match &notice.event {
        Change::Put { value } => ("put", Some(value)),
        Change::Deleted => ("deleted", None),
        Change::Expired => ("expired", None),
    };
    output::print_with(|out| {
        match (format, value) {
            (Format::Text, Some(value)) => {
                writeln!(out, "{version}\t{what}\t{}\t{}", shown(key), shown(value))?;
            }
            (Format::Text, None) => writeln!(out, "{version}\t{what}\t{}", shown(key))?,
            (Format::Json, value) => {
                let value = value.map(|value| json_bytes(value));
                let object = json!({
                    "key": json_bytes(key), "change": what, "value": value, "version": version,
                });
                writeln!(out, "{}", versioned(object))?;
            }
        }
        out.flush()
    })
}

/// A key with its value, as an object.
pub(super) fn row(key: &[u8], found: &Versioned) -> Value {
    json!({
        "key": json_bytes(key),
        "value": json_bytes(&found.value),
        "version": found.version.0,
    })
}

fn versioned(mut object: Value) -> Value {
    object["v"] = json!(1);
    object
}

/// Text that cannot disturb a terminal or a table.
fn shown(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(|character: char| character.is_control()) => Cow::from(text),
        _ => Cow::from(bytes.escape_ascii().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(shown("grüße".as_bytes()), "grüße");
        assert_eq!(shown(b"\x1b[2J"), "\\x1b[2J");
        assert_eq!(shown(b"a\tb\n"), "a\\tb\\n");
        assert_eq!(shown(b"\xff"), "\\xff");
    }
}
