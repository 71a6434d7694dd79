//! Arguments and settings that are more than a word or a number.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use quorate_core::wire::Address;
use quorate_core::{ClusterId, NodeId};

/// `host:port`, checked more strictly than the protocol does: it is also written to a file.
pub(crate) fn address(text: &str) -> Result<Address, String> {
    let (host, port) = text.rsplit_once(':').ok_or("an address is HOST:PORT")?;
    port.parse::<u16>().map_err(|_| format!("{port:?} is no port"))?;
    let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_v6 = bracketed.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    if host.is_empty() || !(named || is_v6) {
        return Err(format!("{host:?} is no host: give a name, 1.2.3.4 or [::1]"));
    }
    Address::new(text.to_owned()).map_err(|why| why.to_string())
}

/// The number of a server.
pub(crate) fn node(text: &str) -> Result<NodeId, String> {
    let number = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    NodeId::new(number).ok_or_else(|| "servers are numbered from 1".to_owned())
}

/// A member of the group, `number=host:port`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) address: Address,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, at) = text.split_once('=').ok_or("a member is NUMBER=HOST:PORT")?;
        Ok(Self { id: node(id)?, address: address(at)? })
    }
}

/// A cluster, by 32 hexadecimal digits or by a name that stands for some.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cluster {
    pub(crate) id: ClusterId,
    text: String,
}

impl FromStr for Cluster {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if text.is_empty() || text.len() > 64 || !text.bytes().all(fits) {
            return Err("a name has 1 to 64 letters, digits, dots, hyphens or underscores".into());
        }
        let id = match u128::from_str_radix(text, 16) {
            Ok(id) if text.len() == 32 => ClusterId(id),
            _ => ClusterId::named(text),
        };
        Ok(Self { id, text: text.to_owned() })
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A span of time: `500ms`, `10s`, `2m`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "a span is a number and ms, s or m".to_owned())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(format!("{unit:?} is no unit: use ms, s or m")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for good in ["127.0.0.1:7101", "db-2.example.org:1", "[::1]:65535", "localhost:0"] {
            assert_eq!(address(good).as_ref().map(Address::as_str), Ok(good));
        }
        for bad in ["", "localhost", ":1", "a:65536", "a b:1", "::1:7", "[x]:1", "a\":1", "a:1\n"] {
            assert!(address(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn members_have_a_number_and_an_address() {
        let peer: Peer = "7=localhost:7107".parse().expect("valid");
        assert_eq!((peer.id.get(), peer.address.as_str()), (7, "localhost:7107"));
        for bad in ["", "1", "0=a:1", "x=a:1", "1=a", "-1=a:1"] {
            assert!(bad.parse::<Peer>().is_err(), "{bad:?}");
        }
    }

    /// Directories out there depend on it.
    #[test]
    fn a_name_stands_for_the_same_cluster_for_ever() {
        let id = |text: &str| text.parse::<Cluster>().map(|cluster| cluster.id.0);
        assert_eq!(id("a"), Ok(0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964));
        assert_eq!(id("0123456789abcdef0123456789ABCDEF"), Ok(0x0123456789abcdef0123456789abcdef));
        assert_ne!(id("prod"), id("test"));
        assert!(id("").is_err() && id("a b").is_err());
    }

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(span("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(span("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "10", "s", "-1s", "1h", "1.5s", "99999999999999999999s"] {
            assert!(span(bad).is_err(), "{bad:?}");
        }
    }
}
