//! What a request is for: its path and its query, decoded.

use bytes::Bytes;

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Key(Bytes),
    Increment(Bytes),
    Keys,
    Transaction,
    Changes,
    Cluster,
    Members,
    Transfer,
    Live,
    Ready,
    Metrics,
}

impl Target {
    /// Reads a path; `None` if nothing is there, or it is not encoded as paths are.
    pub(super) fn parse(path: &str) -> Option<Self> {
        if let Some(key) = path.strip_prefix("/v1/kv/") {
            return match key.strip_suffix("/incr") {
                Some(key) => decode(key, b'+').map(Self::Increment),
                None => decode(key, b'+').map(Self::Key),
            };
        }
        match path {
            "/v1/kv" => Some(Self::Keys),
            "/v1/watch" => Some(Self::Changes),
            "/v1/txn" => Some(Self::Transaction),
            "/v1/cluster" => Some(Self::Cluster),
            "/v1/cluster/members" => Some(Self::Members),
            "/v1/cluster/transfer" => Some(Self::Transfer),
            "/livez" => Some(Self::Live),
            "/readyz" => Some(Self::Ready),
            "/metrics" => Some(Self::Metrics),
            _ => None,
        }
    }
}

/// The value of a parameter; the first, if there are several.
///
/// # Errors
/// If it is not encoded as queries are.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Result<Option<Bytes>, ()> {
    for pair in query.unwrap_or_default().split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if key == name {
            return decode(value, b' ').map(Some).ok_or(());
        }
    }
    Ok(None)
}

/// Undoes percent-encoding; `plus` is what a plus sign stands for.
fn decode(text: &str, plus: u8) -> Option<Bytes> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'%' => digit(rest.next()?)? << 4 | digit(rest.next()?)?,
            b'+' => plus,
            byte => byte,
        });
    }
    Some(decoded.into())
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Bytes as text, two digits each.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).expect("a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Undoes [`to_hex`].
pub(super) fn from_hex(text: &[u8]) -> Option<Bytes> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_any_bytes() {
        let key = |path| match Target::parse(path) {
            Some(Target::Key(key)) => Some(key.to_vec()),
            _ => None,
        };
        assert_eq!(key("/v1/kv/a/b+c"), Some(b"a/b+c".to_vec()));
        assert_eq!(key("/v1/kv/%00%fF%2fincr"), Some(b"\x00\xFF/incr".to_vec()));
        assert_eq!(key("/v1/kv/"), Some(Vec::new()));
        for bad in ["/v1/kv/%", "/v1/kv/%4", "/v1/kv/%zz", "/v1/kv/%+1"] {
            assert_eq!(Target::parse(bad), None, "{bad}");
        }
        let counter = Some(Target::Increment(Bytes::from_static(b"n/1")));
        assert_eq!(Target::parse("/v1/kv/n/1/incr"), counter);
    }

    #[test]
    fn parameters_are_found_by_name() {
        let query = Some("a=1&prefix=x%20y+z&at");
        assert_eq!(parameter(query, "prefix"), Ok(Some(Bytes::from_static(b"x y z"))));
        assert_eq!(parameter(query, "at"), Ok(Some(Bytes::new())));
        assert_eq!(parameter(query, "limit"), Ok(None));
        assert_eq!(parameter(None, "limit"), Ok(None));
        assert_eq!(parameter(Some("limit=%"), "limit"), Err(()));
    }

    #[test]
    fn hex_comes_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(to_hex(&bytes).as_bytes()).as_deref(), Some(&bytes[..]));
        assert_eq!(from_hex(b"abc"), None);
        assert_eq!(from_hex(b"xx"), None);
    }
}
