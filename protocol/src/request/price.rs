//! Requests about prices: what a cart costs, the rules that need no coupon, what the platform
//! allows. Owns shapes only.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ts_rs::TS;

use super::Basket;
use crate::described::scalar;
use crate::id::Id;
use crate::limits::{COUPONS_NAMED_MAX, CURSOR_CHARS_MAX, STACK_PAIRS_MAX};
use crate::number::PageLimit;
use crate::object::{CapabilitiesChange, RuleSpec, StackClass};
use crate::text::{List, Text};

/// Which of his coupons a buyer uses: `"best"`, or those of a list, of which each must take
/// something off. An empty list uses none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CouponChoice {
    /// What takes off most.
    #[default]
    Best,
    These(List<Id, COUPONS_NAMED_MAX>),
}

const BEST: &str = "best";

impl CouponChoice {
    pub(crate) fn is_best(&self) -> bool {
        *self == Self::Best
    }
}

impl Serialize for CouponChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Best => serializer.serialize_str(BEST),
            Self::These(coupons) => coupons.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for CouponChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChoiceVisitor)
    }
}

struct ChoiceVisitor;

impl<'de> Visitor<'de> for ChoiceVisitor {
    type Value = CouponChoice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{BEST}\" or a list of coupons")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<CouponChoice, E> {
        match text {
            BEST => Ok(CouponChoice::Best),
            _ => Err(E::invalid_value(Unexpected::Other("another text"), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<CouponChoice, A::Error> {
        List::deserialize(SeqAccessDeserializer::new(seq)).map(CouponChoice::These)
    }
}

scalar!(CouponChoice, "CouponChoice", "\"best\" | Array<string>", {
    "oneOf": [
        { "type": "string", "enum": [(BEST)] },
        {
            "type": "array",
            "items": { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" },
            "maxItems": (COUPONS_NAMED_MAX)
        }
    ]
});

/// What a basket would cost the buyer now, line by line. Nothing is held by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct CartQuote {
    pub shop: Id,
    pub basket: Basket,
    #[serde(default, skip_serializing_if = "CouponChoice::is_best")]
    #[ts(as = "Option<CouponChoice>", optional)]
    pub coupons: CouponChoice,
    /// Where the buyer is, for prices that hold only there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Id>,
}

/// The price rules of a shop, and which discounts do not meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct PriceRules {
    pub shop: Id,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Text<CURSOR_CHARS_MAX>>,
    /// Absent: 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<PageLimit>,
}

/// Makes a price rule, or replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[ts(optional_fields)]
pub struct PriceRuleSet {
    pub shop: Id,
    pub command_id: Id,
    /// Absent: the server makes an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Id>,
    pub spec: RuleSpec,
}

/// Ends a price rule. What was ordered keeps its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PriceRuleEnd {
    pub shop: Id,
    pub command_id: Id,
    pub rule: Id,
}

/// Replaces the pairs of discounts that do not meet; the server counts the version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct PriceStacking {
    pub shop: Id,
    pub command_id: Id,
    pub forbidden: List<[StackClass; 2], STACK_PAIRS_MAX>,
}

/// Changes what the platform lets the shop do; without any it reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ShopCapabilities {
    pub shop: Id,
    pub command_id: Id,
    #[serde(default)]
    #[ts(as = "Option<CapabilitiesChange>", optional)]
    pub capabilities: CapabilitiesChange,
}
