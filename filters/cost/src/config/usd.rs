//! Money as operators write it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use weir_prices::PicoUsd;

/// An amount of US dollars, as `0.15` or `"0.15"`: to twelve decimals, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usd(pub PicoUsd);

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;
        impl Visitor<'_> for Amount {
            type Value = Usd;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount of US dollars, as a number or in a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Usd, E> {
                text.parse().map(Usd).map_err(Error::custom)
            }

            fn visit_u64<E: Error>(self, dollars: u64) -> Result<Usd, E> {
                self.visit_str(&dollars.to_string())
            }

            /// The shortest decimal number that reads as this float is what was written.
            fn visit_f64<E: Error>(self, dollars: f64) -> Result<Usd, E> {
                self.visit_str(&dollars.to_string())
            }
        }
        deserializer.deserialize_any(Amount)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Usd {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An amount of US dollars, to twelve decimals.",
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,12})?$"},
            ],
        })
    }
}
