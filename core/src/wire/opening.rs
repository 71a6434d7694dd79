//! The first bytes of a connection, before any frame.

/// What either side says first. It starts with a byte that begins no text, and is no prefix of
/// anything that other protocols open with.
pub const MAGIC: [u8; 8] = *b"\xD1quorate";

const HTTP_METHODS: [&[u8]; 10] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
    b"PRI * HTTP/2.0",
];
/// A handshake record of any version of TLS.
const TLS: &[u8] = &[0x16, 0x03];

/// Who is at the other end of a connection, by its first bytes.
///
/// ```
/// use quorate_core::wire::{MAGIC, Opening};
/// assert_eq!(Opening::recognise(&MAGIC[..3]), None, "may become anything yet");
/// assert_eq!(Opening::recognise(&MAGIC), Some(Opening::Quorate));
/// assert_eq!(Opening::recognise(b"GET / HTTP/1.1\r\n"), Some(Opening::Http));
/// assert_eq!(Opening::recognise(b"SSH-2.0-OpenSSH"), Some(Opening::Foreign));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// One of us: [`MAGIC`], then frames.
    Quorate,
    /// A web browser, a health check.
    Http,
    /// Somebody who expects TLS where there is none.
    Tls,
    /// Anybody else.
    Foreign,
}

impl Opening {
    /// Recognises the other end; `None` while there are too few bytes to tell, which are fewer than
    /// sixteen.
    #[must_use]
    pub fn recognise(input: &[u8]) -> Option<Self> {
        let openings = [(&MAGIC[..], Self::Quorate), (TLS, Self::Tls)];
        let methods = HTTP_METHODS.map(|method| (method, Self::Http));
        let mut undecided = false;
        for (bytes, opening) in openings.into_iter().chain(methods) {
            if input.starts_with(bytes) {
                return Some(opening);
            }
            undecided |= bytes.starts_with(input);
        }
        if undecided { None } else { Some(Self::Foreign) }
    }
}
