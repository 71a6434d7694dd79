//! Where a server can be reached: a hint, never an identity.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

/// Host and port of a server, as text of bounded length that is safe to log. A hint: whoever
/// connects there learns from the handshake whom it has reached.
///
/// ```
/// use quorate_core::wire::Address;
/// let address = Address::new("db-2.example.org:7000".to_string())?;
/// assert_eq!(address.as_str(), "db-2.example.org:7000");
/// assert!(Address::new("two\nlines".to_string()).is_err());
/// # Ok::<(), quorate_core::wire::AddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(String);

/// Why text is no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    /// It is empty or longer than [`Address::BYTES_MAX`].
    #[error("address of {bytes} bytes is not of 1 to {} bytes", Address::BYTES_MAX)]
    Length {
        /// Its length.
        bytes: usize,
    },
    /// It holds something that is not a visible ASCII character.
    #[error("address with a character that is not visible ASCII")]
    Character,
}

impl Address {
    /// The longest domain name, a colon and five digits.
    pub const BYTES_MAX: usize = 259;

    /// An address of this text.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn new(text: String) -> Result<Self, AddressError> {
        if text.is_empty() || text.len() > Self::BYTES_MAX {
            return Err(AddressError::Length { bytes: text.len() });
        }
        match text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Self(text)),
            false => Err(AddressError::Character),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::new(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
