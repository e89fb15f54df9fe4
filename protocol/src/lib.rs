//! Hawker's wire protocol: every message a client and a server exchange, and how it is written
//! down. Owns names, shapes, bounds and codes; knows no business rule and opens no connection.

mod described;

pub mod limits;
pub mod version;

pub mod id;
pub mod number;
pub mod text;
pub mod topic;

pub mod close;
pub mod refusal;

pub mod object;
pub mod push;
pub mod reply;
pub mod request;

pub mod codec;
pub mod http;
pub mod schema;

pub use close::CloseCode;
pub use id::{Id, RequestId};
pub use push::Push;
pub use refusal::{Code, Refusal};
pub use reply::Answer;
pub use request::Request;
pub use topic::Topic;
