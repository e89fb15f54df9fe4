//! Descriptions of the conversation, generated from its types: AsyncAPI with JSON Schema, and
//! TypeScript. Owns the generators; the committed copies are compared by a test.

mod asyncapi;
mod typescript;

pub use asyncapi::asyncapi;
pub use typescript::typescript;
