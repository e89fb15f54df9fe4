//! Texts, lists and maps with a bound in their type. Owns the counting; what a text may say
//! (control characters, keywords) is decided where it is used.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use ts_rs::{Config, TS, TypeVisitor};

use crate::described::scalar;

/// A text of at most `MAX` characters, white space at its ends not counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(String);

/// Why a text does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a text of at most {max} characters")]
pub struct TooLong {
    pub max: usize,
}

impl<const MAX: usize> Text<MAX> {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }

    /// Characters, not bytes: a bound must mean the same in every script.
    fn fits(text: &str) -> bool {
        text.len() <= MAX || text.trim().chars().count() <= MAX
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = TooLong;

    fn try_from(text: String) -> Result<Self, TooLong> {
        if Self::fits(&text) { Ok(Self(text)) } else { Err(TooLong { max: MAX }) }
    }
}

impl<const MAX: usize> TryFrom<&str> for Text<MAX> {
    type Error = TooLong;

    fn try_from(text: &str) -> Result<Self, TooLong> {
        Self::try_from(text.to_owned())
    }
}

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor<const MAX: usize>;

        impl<const MAX: usize> Visitor<'_> for TextVisitor<MAX> {
            type Value = Text<MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", TooLong { max: MAX })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<MAX>, E> {
                if Text::<MAX>::fits(text) {
                    return Ok(Text(text.to_owned()));
                }
                Err(E::invalid_value(Unexpected::Other("a longer text"), &self))
            }
        }

        deserializer.deserialize_string(TextVisitor)
    }
}

scalar!(in [const MAX: usize] Text<MAX>, format!("Text{MAX}"), "string", {
    "type": "string", "maxLength": (MAX)
});

/// At most `MAX` things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List<T, const MAX: usize>(Vec<T>);

/// Why a list does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a list of at most {max}")]
pub struct TooMany {
    pub max: usize,
}

impl<T, const MAX: usize> List<T, MAX> {
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> TryFrom<Vec<T>> for List<T, MAX> {
    type Error = TooMany;

    fn try_from(items: Vec<T>) -> Result<Self, TooMany> {
        if items.len() <= MAX { Ok(Self(items)) } else { Err(TooMany { max: MAX }) }
    }
}

impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T, const MAX: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
            type Value = List<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", TooMany { max: MAX })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() == MAX {
                        return Err(de::Error::invalid_length(MAX + 1, &self));
                    }
                    items.push(item);
                }
                Ok(List(items))
            }
        }

        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

impl<T: JsonSchema, const MAX: usize> JsonSchema for List<T, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("ListOf{}Max{MAX}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<T>();
        json_schema!({ "type": "array", "items": items, "maxItems": MAX })
    }
}

impl<T: TS + 'static, const MAX: usize> TS for List<T, MAX> {
    type WithoutGenerics = Vec<ts_rs::Dummy>;
    type OptionInnerType = Self;

    fn name(config: &Config) -> String {
        <Vec<T> as TS>::name(config)
    }

    fn inline(config: &Config) -> String {
        <Vec<T> as TS>::inline(config)
    }

    fn visit_dependencies(visitor: &mut impl TypeVisitor) {
        <Vec<T> as TS>::visit_dependencies(visitor);
    }

    fn visit_generics(visitor: &mut impl TypeVisitor) {
        <Vec<T> as TS>::visit_generics(visitor);
    }
}

/// At most `MAX` named things, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Map<K, V, const MAX: usize>(BTreeMap<K, V>);

impl<K, V, const MAX: usize> Map<K, V, MAX> {
    pub fn into_map(self) -> BTreeMap<K, V> {
        self.0
    }
}

impl<K, V, const MAX: usize> Default for Map<K, V, MAX> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, V, const MAX: usize> TryFrom<BTreeMap<K, V>> for Map<K, V, MAX> {
    type Error = TooMany;

    fn try_from(items: BTreeMap<K, V>) -> Result<Self, TooMany> {
        if items.len() <= MAX { Ok(Self(items)) } else { Err(TooMany { max: MAX }) }
    }
}

impl<K, V, const MAX: usize> Deref for Map<K, V, MAX> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.0
    }
}

impl<'de, K, V, const MAX: usize> Deserialize<'de> for Map<K, V, MAX>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemsVisitor<K, V, const MAX: usize>(PhantomData<(K, V)>);

        impl<'de, K, V, const MAX: usize> Visitor<'de> for ItemsVisitor<K, V, MAX>
        where
            K: Deserialize<'de> + Ord,
            V: Deserialize<'de>,
        {
            type Value = Map<K, V, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX} names with their values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut items = BTreeMap::new();
                while let Some((name, value)) = map.next_entry()? {
                    if items.insert(name, value).is_some() {
                        return Err(de::Error::custom("a name stands there twice"));
                    }
                    if items.len() > MAX {
                        return Err(de::Error::invalid_length(MAX + 1, &self));
                    }
                }
                Ok(Map(items))
            }
        }

        deserializer.deserialize_map(ItemsVisitor(PhantomData))
    }
}

impl<K: JsonSchema, V: JsonSchema, const MAX: usize> JsonSchema for Map<K, V, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("MapOf{}To{}Max{MAX}", K::schema_name(), V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (names, values) = (generator.subschema_for::<K>(), generator.subschema_for::<V>());
        json_schema!({
            "type": "object",
            "propertyNames": names,
            "additionalProperties": values,
            "maxProperties": MAX
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_a_text_counts_characters_without_the_white_space_around() {
        assert!(Text::<3>::try_from(" äöü ").is_ok());
        assert_eq!(Text::<3>::try_from("äöüß"), Err(TooLong { max: 3 }));
        let error = serde_json::from_str::<Text<3>>("\"abcd\"").unwrap_err();
        assert!(error.to_string().contains("a text of at most 3 characters"), "{error}");
    }

    #[test]
    fn a_list_ends_at_its_bound() {
        assert!(serde_json::from_str::<List<u8, 2>>("[1,2]").is_ok());
        let error = serde_json::from_str::<List<u8, 2>>("[1,2,3]").unwrap_err();
        assert!(error.to_string().contains("a list of at most 2"), "{error}");
    }

    #[test]
    fn a_map_ends_at_its_bound_and_names_nothing_twice() {
        type Two = Map<Text<2>, Text<3>, 2>;
        assert!(serde_json::from_str::<Two>(r#"{"a":"1","b":"2"}"#).is_ok());
        let refused = |text: &str| serde_json::from_str::<Two>(text).unwrap_err().to_string();
        let problem = refused(r#"{"a":"1","b":"2","c":"3"}"#);
        assert!(problem.contains("at most 2 names"), "{problem}");
        assert!(refused(r#"{"a":"1","a":"2"}"#).contains("stands there twice"));
        assert!(refused(r#"{"abc":"1"}"#).contains("at most 2 characters"));
        assert!(refused(r#"{"a":"1234"}"#).contains("at most 3 characters"));
    }
}
