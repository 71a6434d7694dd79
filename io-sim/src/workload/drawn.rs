//! Values of any type that serde can read, drawn at random: small numbers, short texts of few letters, so
//! that two of them meet.

use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};

use crate::rng::Rng;

/// A value of this type; `None` if there seems to be none.
///
/// ```
/// use quorate_io_sim::workload::{Rng, draw};
/// # use quorate_io_sim::engine::Stream;
/// let mut rng = Rng::new(1, Stream::Commands);
/// let drawn: Option<(String, Option<u8>)> = draw(&mut rng);
/// assert!(drawn.is_some());
/// ```
pub fn draw<T: DeserializeOwned>(rng: &mut Rng) -> Option<T> {
    // Some types do not take every value, such as numbers that are not zero.
    const ATTEMPTS: usize = 64;
    (0..ATTEMPTS).find_map(|_| T::deserialize(&mut Drawn { rng, depth: 0 }).ok())
}

struct Drawn<'a> {
    rng: &'a mut Rng,
    depth: u32,
}

/// Nothing was drawn.
#[derive(Debug)]
struct NoValue;

impl fmt::Display for NoValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no value of this type was drawn")
    }
}

impl std::error::Error for NoValue {}

impl de::Error for NoValue {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Lists are no longer than this, and what holds itself is no deeper than [`DEPTH_MAX`].
const LENGTH_MAX: u64 = 3;
const DEPTH_MAX: u32 = 8;

impl Drawn<'_> {
    /// Mostly small: fits into every type of number.
    fn number(&mut self) -> u64 {
        if self.rng.chance(900) { self.rng.below(4) } else { self.rng.below(120) }
    }

    fn length(&mut self) -> u64 {
        if self.depth < DEPTH_MAX { self.rng.below(LENGTH_MAX + 1) } else { 0 }
    }

    fn text(&mut self) -> String {
        let length = self.rng.below(3);
        (0..length).map(|_| self.rng.pick(&['a', 'b'])).collect()
    }

    fn deeper<T>(&mut self, then: impl FnOnce(Drawn<'_>) -> T) -> T {
        let depth = self.depth + 1;
        then(Drawn { rng: self.rng, depth })
    }
}

macro_rules! numbers {
    ($($function:ident $visit:ident $type:ty),*) => {$(
        fn $function<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoValue> {
            let number = <$type>::try_from(self.number()).map_err(|_| NoValue)?;
            visitor.$visit(number.into())
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Drawn<'_> {
    type Error = NoValue;

    numbers! {
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128, deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128,
        deserialize_f32 visit_f32 u8, deserialize_f64 visit_f64 u32
    }

    /// A format like this does not say what comes.
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NoValue> {
        Err(NoValue)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoValue> {
        visitor.visit_bool(self.rng.chance(500))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoValue> {
        visitor.visit_char(self.rng.pick(&['a', 'b', 'c']))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoValue> {
        visitor.visit_string(self.text())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoValue> {
        visitor.visit_string(self.text())
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoValue> {
        visitor.visit_byte_buf(self.text().into_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoValue> {
        visitor.visit_byte_buf(self.text().into_bytes())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoValue> {
        if self.depth >= DEPTH_MAX || self.rng.chance(500) {
            return visitor.visit_none();
        }
        self.deeper(|mut inner| visitor.visit_some(&mut inner))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoValue> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NoValue> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NoValue> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoValue> {
        let left = self.length();
        self.deeper(|drawn| visitor.visit_seq(Several { drawn, left }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, NoValue> {
        self.deeper(|drawn| visitor.visit_seq(Several { drawn, left: length as u64 }))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, NoValue> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoValue> {
        let left = self.length();
        self.deeper(|drawn| visitor.visit_map(Several { drawn, left }))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoValue> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoValue> {
        if variants.is_empty() || self.depth > DEPTH_MAX {
            return Err(NoValue);
        }
        let index = self.rng.below(variants.len() as u64);
        let index = u32::try_from(index).map_err(|_| NoValue)?;
        self.deeper(|drawn| visitor.visit_enum(Variant { drawn, index }))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NoValue> {
        Err(NoValue)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoValue> {
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

struct Several<'a> {
    drawn: Drawn<'a>,
    left: u64,
}

impl<'de> de::SeqAccess<'de> for Several<'_> {
    type Error = NoValue;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, NoValue> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut self.drawn).map(Some)
    }
}

impl<'de> de::MapAccess<'de> for Several<'_> {
    type Error = NoValue;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, NoValue> {
        de::SeqAccess::next_element_seed(self, seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NoValue> {
        seed.deserialize(&mut self.drawn)
    }
}

struct Variant<'a> {
    drawn: Drawn<'a>,
    index: u32,
}

impl<'de, 'a> de::EnumAccess<'de> for Variant<'a> {
    type Error = NoValue;
    type Variant = Content<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'a>), NoValue> {
        let variant = seed.deserialize(self.index.into_deserializer())?;
        Ok((variant, Content(self.drawn)))
    }
}

struct Content<'a>(Drawn<'a>);

impl<'de> de::VariantAccess<'de> for Content<'_> {
    type Error = NoValue;

    fn unit_variant(self) -> Result<(), NoValue> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        mut self,
        seed: T,
    ) -> Result<T::Value, NoValue> {
        seed.deserialize(&mut self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(
        mut self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, NoValue> {
        de::Deserializer::deserialize_tuple(&mut self.0, length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoValue> {
        de::Deserializer::deserialize_tuple(&mut self.0, fields.len(), visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::num::NonZeroU8;
    use std::time::Duration;

    use super::*;
    use crate::rng::Stream;
    use bytes::Bytes;
    use serde::Deserialize;

    #[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug)]
    enum Kind {
        Unit,
        New(u8),
        Pair(bool, Option<String>),
        Fields { bytes: Bytes, inner: Vec<Kind> },
    }

    #[derive(Deserialize, Debug)]
    #[expect(dead_code, reason = "what is drawn is not looked at")]
    struct Mixed {
        map: BTreeMap<String, Duration>,
        numbers: (i8, u128, f64, NonZeroU8),
        letter: char,
        unit: (),
    }

    #[derive(Deserialize, Debug)]
    enum Nothing {}

    #[test]
    fn every_variant_is_drawn_and_values_meet() {
        let mut rng = Rng::new(1, Stream::Commands);
        let drawn: Vec<Kind> = (0..400).map(|_| draw(&mut rng).expect("a value")).collect();
        let kinds: BTreeSet<_> = drawn
            .iter()
            .map(|kind| match kind {
                Kind::Unit => 0,
                Kind::New(_) => 1,
                Kind::Pair(..) => 2,
                Kind::Fields { .. } => 3,
            })
            .collect();
        assert_eq!(kinds.len(), 4);
        assert!(drawn.iter().filter(|kind| **kind == Kind::New(1)).count() > 5);
    }

    #[test]
    fn types_that_are_not_plain_are_drawn_too_and_those_without_values_are_not() {
        let mut rng = Rng::new(1, Stream::Commands);
        for _ in 0..100 {
            draw::<Mixed>(&mut rng).expect("a value");
        }
        assert!(draw::<Nothing>(&mut rng).is_none());
    }
}
