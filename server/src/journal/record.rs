//! One batch as bytes.
