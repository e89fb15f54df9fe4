//! One description of a hand-written scalar for JSON Schema, OpenAPI and TypeScript alike. Owns
//! the glue between the three generators; never touches how a value is read or written.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use utoipa::openapi::{RefOr, Schema};

/// The OpenAPI form of a JSON Schema.
pub(crate) fn openapi(mut schema: Value) -> RefOr<Schema> {
    spell_out_constants(&mut schema);
    serde_json::from_value(schema).unwrap_or_default()
}

/// utoipa's schemas know no `const`: an `enum` of one says the same.
fn spell_out_constants(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(constant) = fields.remove("const") {
                fields.insert("enum".to_owned(), Value::Array(vec![constant]));
            }
            fields.values_mut().for_each(spell_out_constants);
        }
        Value::Array(items) => items.iter_mut().for_each(spell_out_constants),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The JSON Schema of `T` and of all it holds, by name, as an OpenAPI document refers to them.
pub(crate) fn definitions<T: JsonSchema>() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    generator.subschema_for::<T>();
    generator.take_definitions(true)
}

/// The OpenAPI form of `T` itself.
pub(crate) fn component_of<T: JsonSchema>() -> RefOr<Schema> {
    let own = definitions::<T>().remove(T::schema_name().as_ref());
    openapi(own.unwrap_or_default())
}

/// Makes types usable in OpenAPI from the JSON Schema they have, so that there is one description.
macro_rules! component {
    ($($type:ty),*) => {$(
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::described::component_of::<$type>()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                <$type as schemars::JsonSchema>::schema_name()
            }

            fn schemas(
                schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>,
            ) {
                let definitions = $crate::described::definitions::<$type>();
                let parts = definitions.into_iter();
                schemas.extend(parts.map(|(name, part)| (name, $crate::described::openapi(part))));
            }
        }
    )*};
}

pub(crate) use component;

/// Describes a scalar: its name in OpenAPI, its TypeScript type and its JSON Schema.
macro_rules! scalar {
    ($(in [$($generics:tt)*])? $type:ty, $name:expr, $typescript:expr, $schema:tt) => {
        impl $(<$($generics)*>)? schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }

        impl $(<$($generics)*>)? ts_rs::TS for $type {
            type WithoutGenerics = Self;
            type OptionInnerType = Self;

            fn name(_: &ts_rs::Config) -> String {
                $typescript.to_owned()
            }

            fn inline(config: &ts_rs::Config) -> String {
                <Self as ts_rs::TS>::name(config)
            }
        }

        impl $(<$($generics)*>)? utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::described::openapi(serde_json::json!($schema))
            }
        }

        impl $(<$($generics)*>)? utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    };
}

pub(crate) use scalar;
