//! One number for a whole state, to see whether replicas agree.

use postcard::ser_flavors::Flavor;
use serde::Serialize;

/// A running 64-bit FNV-1a hash of everything that was put in, in its postcard encoding.
///
/// Equal states have equal digests on every machine. Unequal states may collide, by accident or by
/// malice: a digest finds bugs, it authenticates nothing.
///
/// ```
/// use quorate_sm::Digest;
/// let digest = |parts: &[&str]| {
///     let mut digest = Digest::default();
///     parts.iter().for_each(|part| digest.put(part));
///     digest.value()
/// };
/// assert_eq!(digest(&["a", "b"]), digest(&["a", "b"]));
/// assert_ne!(digest(&["a", "b"]), digest(&["ab"]), "each part carries its length");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Adds a value.
    ///
    /// # Panics
    /// If the type cannot be encoded at all: a map or sequence of unknown length.
    pub fn put<T: Serialize + ?Sized>(&mut self, value: &T) {
        postcard::serialize_with_flavor(value, Hash(self))
            .expect("a type that postcard can encode");
    }

    /// The digest of what was put in so far.
    pub const fn value(self) -> u64 {
        self.0
    }

    fn put_byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
}

struct Hash<'a>(&'a mut Digest);

impl Flavor for Hash<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.put_byte(byte);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
