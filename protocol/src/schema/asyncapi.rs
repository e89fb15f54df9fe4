//! The AsyncAPI 3.0 document of the socket. Its `components.schemas` are the JSON Schemas. Owns
//! the document's form; every fact in it comes from a type.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use ts_rs::TS;

use crate::close::CloseCode;
use crate::push::{self, Envelope, Push};
use crate::refusal::{Code, Refusal};
use crate::request::{self, Request};
use crate::version::{SOCKET_PATH, SUB_PROTOCOL};

/// The whole document.
pub fn asyncapi() -> Value {
    let mut parts = Parts::new();
    Request::visit(&mut parts);
    Push::visit(&mut parts);
    parts.add_refusal();
    let names = parts.messages.keys();
    let listed: Map<String, Value> =
        names.map(|name| (name.clone(), reference("components/messages", name))).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hawker's socket",
            "version": SUB_PROTOCOL,
            "description": "Text frames of the WebSocket sub-protocol. A frame carries one or \
                more JSON objects, one a line. Ids are texts, money is an integer of minor \
                units, times are epoch milliseconds. Unknown fields are ignored.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": SOCKET_PATH,
                "messages": listed,
                "bindings": { "ws": { "method": "GET" } },
            },
        },
        "operations": parts.operations,
        "components": {
            "messages": parts.messages,
            "schemas": parts.generator.take_definitions(true),
        },
        "x-refusals": refusals(),
        "x-close-codes": close_codes(),
    })
}

fn refusals() -> Vec<Value> {
    let row = |code: &Code| {
        json!({
            "code": code,
            "http_status": code.http_status(),
            "retryable": code.retryable(),
            "meaning": code.doc(),
        })
    };
    Code::ALL.iter().map(row).collect()
}

fn close_codes() -> Vec<Value> {
    let row = |code: &CloseCode| {
        json!({
            "code": code.number(),
            "reason": code.reason(),
            "reconnect": code.may_reconnect(),
        })
    };
    CloseCode::ALL.iter().map(row).collect()
}

struct Parts {
    generator: SchemaGenerator,
    messages: Map<String, Value>,
    operations: Map<String, Value>,
}

impl Parts {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self { generator: settings.into_generator(), messages: Map::new(), operations: Map::new() }
    }

    fn add_message(&mut self, name: &str, payload: Value) {
        self.messages.insert(name.to_owned(), json!({ "name": name, "payload": payload }));
    }

    fn add_refusal(&mut self) {
        let error = self.generator.subschema_for::<Refusal>();
        let payload = json!({
            "type": "object",
            "required": ["error"],
            "properties": { "re": { "type": "integer" }, "error": error },
        });
        self.add_message("error", payload);
    }
}

/// An envelope of these required fields around the object that `inner` describes.
fn enveloped(properties: Value, inner: Value) -> Value {
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(Map::keys).collect();
    json!({
        "allOf": [
            { "type": "object", "required": required, "properties": properties },
            inner,
        ],
    })
}

fn reference(place: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/{place}/{name}") })
}

impl request::Visitor for Parts {
    fn visit<Q, K>(&mut self, type_name: &'static str, _: bool)
    where
        Q: JsonSchema + TS + 'static,
        K: JsonSchema + TS + 'static,
    {
        let id = self.generator.subschema_for::<crate::RequestId>();
        let fields = self.generator.subschema_for::<Q>().to_value();
        let ok = self.generator.subschema_for::<K>();
        let envelope = json!({ "id": &id, "type": { "const": type_name } });
        self.add_message(type_name, enveloped(envelope, fields));

        let reply_name = format!("{type_name}.ok");
        let reply = json!({
            "type": "object",
            "required": ["re", "ok"],
            "properties": { "re": id, "ok": ok },
        });
        self.add_message(&reply_name, reply);

        let message = |name: &str| reference("channels/socket/messages", name);
        let channel = reference("channels", "socket");
        let operation = json!({
            "action": "receive",
            "channel": &channel,
            "messages": [message(type_name)],
            "reply": {
                "channel": &channel,
                "messages": [message(&reply_name), message("error")],
            },
        });
        self.operations.insert(type_name.to_owned(), operation);
    }
}

impl push::Visitor for Parts {
    fn visit<P>(&mut self, type_name: &'static str, envelope: Envelope)
    where
        P: JsonSchema + TS + 'static,
    {
        // Some pushes are named like requests: one lets a comment be said, the other shows it.
        let name = format!("{type_name}.push");
        let fields = self.generator.subschema_for::<P>().to_value();
        let topic = self.generator.subschema_for::<crate::Topic>();
        let seq = json!({ "type": "integer", "minimum": 1 });
        let kind = json!({ "const": type_name });
        let head = match envelope {
            Envelope::Sequenced => json!({ "type": kind, "topic": topic, "seq": seq }),
            Envelope::Topic => json!({ "type": kind, "topic": topic }),
            Envelope::Personal => json!({ "type": kind }),
        };
        self.add_message(&name, enveloped(head, fields));
        let operation = json!({
            "action": "send",
            "channel": reference("channels", "socket"),
            "messages": [reference("channels/socket/messages", &name)],
        });
        self.operations.insert(name, operation);
    }
}
