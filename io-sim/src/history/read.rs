//! Reads a history, line by line, trusting nothing.

use std::io::{self, BufRead, Read};

use serde::de::IntoDeserializer;
use serde::{Deserialize, de};

use super::operation::{Call, History, ModelName};
use super::recorder::{RecordError, Recorder};
use super::wire::{Event, FORMAT, Header, Kind};

/// The longest line, in bytes, its end included.
pub const LINE_BYTES_MAX: u64 = 4 << 20;

/// The longest history, in bytes: in memory, it takes some eighty times as much at worst.
pub const HISTORY_BYTES_MAX: u64 = 64 << 20;

impl History {
    /// Reads `lin-history/1`.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub fn read_from(reader: impl BufRead) -> Result<Self, HistoryError> {
        let mut lines = Lines { reader, line: Vec::new(), number: 0, bytes: 0 };
        let mut recorder = match lines.next()? {
            Some((_, line)) => read_header(line)?,
            None => return Err(HistoryError::Empty),
        };
        while let Some((number, line)) = lines.next()? {
            let event = serde_json::from_slice(line)
                .map_err(|source| HistoryError::Syntax { line: number, source })?;
            record(&mut recorder, number, event)?;
        }
        Ok(recorder.finish())
    }
}

/// Why a file is not a history that can be checked.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The reader failed.
    #[error("line {line} cannot be read: {source}")]
    Read {
        /// From 1.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// Not even a header.
    #[error("line 1 is missing: a history begins with a header")]
    Empty,
    /// Longer than anything sensible.
    #[error("line {line} exceeds the limit of {LINE_BYTES_MAX} bytes")]
    LineTooLong {
        /// From 1.
        line: u64,
    },
    /// Longer than anything sensible.
    #[error("line {line} exceeds the limit of {HISTORY_BYTES_MAX} bytes for a history")]
    HistoryTooLong {
        /// From 1.
        line: u64,
    },
    /// Not JSON, or not with the fields of an event.
    #[error("line {line} is not an event: {source}")]
    Syntax {
        /// From 1.
        line: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// The first line is not a header.
    #[error("line 1 is not a header: {source}")]
    Header {
        /// Why.
        source: serde_json::Error,
    },
    /// A format that this reader does not know.
    #[error("line 1 has format {format:?}, known is {FORMAT:?}")]
    Format {
        /// As given.
        format: String,
    },
    /// A model that this checker does not know.
    #[error("line 1 has unknown model {model:?}")]
    Model {
        /// As given.
        model: String,
    },
    /// An invocation without a function.
    #[error("line {line} invokes nothing: f is missing")]
    NoFunction {
        /// From 1.
        line: u64,
    },
    /// A completion that names another function or key than its invocation.
    #[error("line {line} completes an operation other than the one that process {process} invoked")]
    Mismatch {
        /// From 1.
        line: u64,
        /// Who.
        process: u64,
    },
    /// Events of a process that do not alternate between invocation and completion.
    #[error("line {line}: {source}")]
    Order {
        /// From 1.
        line: u64,
        /// Why.
        source: RecordError,
    },
    /// The initial value is not one of the model.
    #[error("line 1 has an initial value that model {model} cannot have")]
    Init {
        /// Of the history.
        model: ModelName,
    },
    /// An operation that the model does not have, or an argument or an answer that it cannot take.
    #[error("line {line}: {what} of model {model}: {function}")]
    Operation {
        /// From 1.
        line: u64,
        /// Of the history.
        model: ModelName,
        /// As given.
        function: String,
        /// What is wrong.
        what: &'static str,
    },
}

struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<(u64, &[u8])>, HistoryError> {
        self.number += 1;
        let line = self.number;
        self.line.clear();
        let read = (&mut self.reader)
            .take(LINE_BYTES_MAX + 1)
            .read_until(b'\n', &mut self.line)
            .map_err(|source| HistoryError::Read { line, source })?;
        self.bytes += read as u64;
        match read as u64 {
            0 => Ok(None),
            _ if self.bytes > HISTORY_BYTES_MAX => Err(HistoryError::HistoryTooLong { line }),
            1..=LINE_BYTES_MAX => Ok(Some((line, &self.line))),
            _ => Err(HistoryError::LineTooLong { line }),
        }
    }
}

fn read_header(line: &[u8]) -> Result<Recorder, HistoryError> {
    let header: Header =
        serde_json::from_slice(line).map_err(|source| HistoryError::Header { source })?;
    if header.format != FORMAT {
        return Err(HistoryError::Format { format: header.format });
    }
    let name: Result<_, de::value::Error> =
        ModelName::deserialize(header.model.as_str().into_deserializer());
    let model = name.map_err(|_| HistoryError::Model { model: header.model })?;
    Ok(Recorder::new(model, header.init))
}

fn record(recorder: &mut Recorder, line: u64, event: Event) -> Result<(), HistoryError> {
    let Event { p: process, e: kind, f: function, k: key, v: argument, r: answer } = event;
    if kind != Kind::Invoke
        && let Some(call) = recorder.waits_for(process)
        && (function.as_ref().is_some_and(|function| *function != call.function)
            || key.is_some() && key != call.key)
    {
        return Err(HistoryError::Mismatch { line, process });
    }
    let done = match kind {
        Kind::Invoke => {
            let function = function.ok_or(HistoryError::NoFunction { line })?;
            recorder.invoke(process, Call { function, key, argument })
        }
        Kind::Ok => recorder.ok(process, answer),
        Kind::Fail => recorder.fail(process),
        Kind::Info => recorder.info(process),
    };
    done.map_err(|source| HistoryError::Order { line, source })
}

#[cfg(test)]
mod tests {
    use super::super::operation::Outcome;
    use super::*;

    const HEADER: &str = r#"{"format":"lin-history/1","model":"kv","init":null}"#;
    const INVOKE: &str = r#"{"p":1,"e":"invoke","f":"get","k":"x"}"#;

    fn error(lines: &[&str]) -> String {
        History::read_from(lines.join("\n").as_bytes()).expect_err("not a history").to_string()
    }

    #[test]
    fn an_error_names_its_line() {
        assert_eq!(error(&[]), "line 1 is missing: a history begins with a header");
        assert_eq!(
            error(&[r#"{"format":"lin-history/2","model":"kv"}"#]),
            r#"line 1 has format "lin-history/2", known is "lin-history/1""#
        );
        assert_eq!(
            error(&[r#"{"format":"lin-history/1","model":"stack"}"#]),
            r#"line 1 has unknown model "stack""#
        );
        assert!(error(&["{}"]).starts_with("line 1 is not a header: missing field `format`"));
        assert!(error(&[HEADER, INVOKE, "p"]).starts_with("line 3 is not an event: "));
        assert!(error(&[HEADER, "", INVOKE]).starts_with("line 2 is not an event: "));
        assert_eq!(
            error(&[HEADER, r#"{"p":1,"e":"invoke"}"#]),
            "line 2 invokes nothing: f is missing"
        );
        assert_eq!(
            error(&[HEADER, INVOKE, INVOKE]),
            "line 3: process 1 invokes while its operation of event 1 is open"
        );
        assert_eq!(
            error(&[HEADER, r#"{"p":1,"e":"ok","f":"get"}"#]),
            "line 2: process 1 completes an operation that it did not invoke"
        );
        for other in
            [r#"{"p":1,"e":"ok","f":"put","k":"x"}"#, r#"{"p":1,"e":"ok","f":"get","k":"y"}"#]
        {
            assert_eq!(
                error(&[HEADER, INVOKE, other]),
                "line 3 completes an operation other than the one that process 1 invoked"
            );
        }
    }

    #[test]
    fn a_null_answer_differs_from_none() {
        let answer = |ok: &str| {
            let file = [HEADER, INVOKE, ok].join("\n");
            History::read_from(file.as_bytes()).unwrap().operations.remove(0).outcome
        };
        let null = Some(serde_json::Value::Null);
        assert_eq!(answer(r#"{"p":1,"e":"ok","r":null}"#), Outcome::Ok { answer: null, at: 2 });
        assert_eq!(answer(r#"{"p":1,"e":"ok"}"#), Outcome::Ok { answer: None, at: 2 });
    }

    #[test]
    fn a_null_argument_is_written_as_it_was_read() {
        let file = [HEADER, r#"{"p":1,"e":"invoke","f":"put","k":"x","v":null}"#, ""].join("\n");
        let mut written = Vec::new();
        History::read_from(file.as_bytes()).unwrap().write_to(&mut written).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), file);
    }

    #[test]
    fn a_line_without_end_is_not_read_to_its_end() {
        let mut endless = io::Read::chain(HEADER.as_bytes(), &b"\n"[..]).chain(io::repeat(b' '));
        let reader = io::BufReader::new(&mut endless);
        let error = History::read_from(reader).expect_err("too long");
        assert!(matches!(error, HistoryError::LineTooLong { line: 2 }), "{error}");
    }
}
