//! The OpenAPI document. Owns what all operations have in common: the bearer, the command id, the
//! ids in paths, and the refusals that any route may give; the rest stands beside each handler.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use hawker_protocol::number::SessionId;
use hawker_protocol::object::SessionList;
use hawker_protocol::refusal::ErrorBody;
use hawker_protocol::request::RateBy;
use hawker_protocol::schema::asyncapi;
use hawker_protocol::{Code, Id};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;
use utoipa::{PartialSchema, ToSchema};

use super::problem::json_headers;

static OPENAPI: LazyLock<String> = LazyLock::new(|| pretty(&document()));
static ASYNCAPI: LazyLock<String> = LazyLock::new(|| pretty(&asyncapi()));

const ABOUT: &str = "For a shop's other systems, not for pages in browsers: no answer carries CORS \
    headers, requests with a foreign `Origin` are refused, and a buyer's page talks over the \
    socket. The token's claim `shop` names the shops it serves; its roles say what it may do \
    there: `service` and `manager` all of it, `streamer` rooms, sales, draws and planned \
    campaigns, `agent` and `supervisor` the service desk and a buyer's coupons; platform money, \
    stacking and capabilities are for `service` alone; what is done as a person of the desk \
    (status, cap, assign, transfer, close) takes a person's role. Ids are texts of 1 to 64 \
    characters of A-Z, a-z, 0-9, _ and -; money is an integer of minor units; times are epoch \
    milliseconds. Every answer that is not 2xx is an `ErrorBody`; programs read its `code`. The \
    exceptions are a head that is not HTTP (400) or larger than 16 KiB (431): these are answered \
    without a body. Whatever changes state takes an `Idempotency-Key`: an accepted request gets \
    the same answer again for 24 hours, another request under the same key is \
    `idempotency_conflict`, a refusal changed nothing and is decided afresh. Only with a key is it \
    safe to ask again after an answer that was lost. Buyers come here with the files of a chat \
    alone, their pages from an origin on the list and through a proxy that serves both.";

/// What any operation may be refused with, or any one in a shop, or any one that changes it.
const ALWAYS: &[Code] = &[
    Code::InvalidRequest,
    Code::Unauthorized,
    Code::TokenExpired,
    Code::Forbidden,
    Code::OriginForbidden,
    Code::TooLarge,
    Code::RateLimited,
    Code::Internal,
    Code::Busy,
    Code::Unavailable,
    Code::Draining,
    Code::TooManyConnections,
    Code::Timeout,
];
const IN_A_SHOP: &[Code] = &[Code::ShopUnknown];
const CHANGING: &[Code] = &[Code::IdempotencyConflict, Code::Retry, Code::UnknownOutcome];
const WITH_BODY: &[Code] = &[Code::InvalidJson, Code::TooDeep, Code::UnsupportedMediaType];

/// Questions that need a body.
const ASKED_BY_POST: &[&str] = &["/v1/shops/{shop}/buyers/{buyer}/quotes"];

/// This document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "descriptions", security(()),
    responses((status = 200, description = "OpenAPI.", content_type = "application/json",
        body = Object)))]
pub(super) async fn get_openapi() -> Response {
    (json_headers(), OPENAPI.as_str()).into_response()
}

/// The socket's AsyncAPI document; its `components.schemas` are JSON Schemas.
#[utoipa::path(get, path = "/v1/asyncapi.json", tag = "descriptions", security(()),
    responses((status = 200, description = "AsyncAPI.", content_type = "application/json",
        body = Object)))]
pub(super) async fn get_asyncapi() -> Response {
    (json_headers(), ASYNCAPI.as_str()).into_response()
}

fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default() + "\n"
}

fn collected() -> OpenApi {
    let json = super::routes().merge(super::patient_routes());
    let all = json.merge(super::intake_routes()).merge(super::file_routes());
    let mut collected = all.into_openapi();
    collected.merge(super::document_routes().into_openapi());
    collected
}

/// The whole document, from the routes themselves.
pub fn document() -> Value {
    let mut document = serde_json::to_value(collected()).unwrap_or_default();
    document["info"] = json!({
        "title": "Hawker's HTTP interface", "version": "v1", "description": ABOUT,
    });
    document["security"] = json!([{ "bearer": [] }]);
    document["components"]["securitySchemes"] = json!({
        "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
    });
    add_shared(&mut document["components"]["schemas"]);
    for (path, item) in members(&mut document["paths"]) {
        for (method, operation) in members(item) {
            complete(operation, path, method);
        }
    }
    document
}

/// What no handler names itself.
fn add_shared(schemas: &mut Value) {
    let mut parts = vec![(Id::name().into_owned(), Id::schema())];
    ErrorBody::schemas(&mut parts);
    // Named in queries alone.
    RateBy::schemas(&mut parts);
    SessionList::schemas(&mut parts);
    for (name, part) in parts {
        schemas[name] = serde_json::to_value(part).unwrap_or_default();
    }
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flat_map(Map::iter_mut)
}

fn complete(operation: &mut Value, path: &str, method: &str) {
    let is_public = operation.get("security").is_some();
    if is_public {
        return;
    }
    let changes = method != "get" && !ASKED_BY_POST.contains(&path);
    let mut parameters: Vec<Value> = names_in(path).map(path_parameter).collect();
    if changes {
        parameters.push(idempotency_key());
    }
    if let Some(Value::Array(own)) = operation.get_mut("parameters") {
        parameters.append(own);
    }
    operation["parameters"] = Value::Array(parameters);
    let mut codes: BTreeSet<Code> = ALWAYS.iter().copied().collect();
    if path.contains("{shop}") {
        codes.extend(IN_A_SHOP);
    }
    if changes {
        codes.extend(CHANGING);
    }
    if operation.pointer("/requestBody/content/application~1json").is_some() {
        codes.extend(WITH_BODY);
    }
    complete_responses(&mut operation["responses"], codes);
}

/// The ids that a path has places for.
fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(name: &str) -> Value {
    let schema = match name {
        "session" => serde_json::to_value(SessionId::schema()).unwrap_or_default(),
        _ => id_schema(),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "The command id, UUIDv7 advised. Without it a request that is sent again \
            is another request.",
        "schema": id_schema(),
    })
}

fn id_schema() -> Value {
    json!({ "$ref": "#/components/schemas/Id" })
}

/// A handler names its own codes in the description of their status; here they become responses
/// together with those that all share.
fn complete_responses(responses: &mut Value, mut codes: BTreeSet<Code>) {
    for (status, response) in members(responses) {
        let described = response["description"].as_str().unwrap_or_default();
        if status.starts_with('2') {
            if described.is_empty() {
                response["description"] = json!("Done.");
            }
            continue;
        }
        codes.extend(described.split(", ").filter_map(Code::parse));
    }
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.http_status()).or_default().push(code);
    }
    for (status, codes) in by_status {
        responses[status.to_string()] = refusal_response(&codes);
    }
}

fn refusal_response(codes: &[Code]) -> Value {
    let lines = codes.iter().map(|code| format!("`{}`: {}.", code.as_str(), code.doc()));
    json!({
        "description": lines.collect::<Vec<_>>().join("\n"),
        "content": {
            "application/json": { "schema": { "$ref": "#/components/schemas/ErrorBody" } },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations(document: &mut Value) -> Vec<(String, String, Value)> {
        let mut found = Vec::new();
        for (path, item) in members(&mut document["paths"]) {
            let methods = members(item);
            found.extend(methods.map(|(method, it)| (path.clone(), method.clone(), it.clone())));
        }
        found
    }

    /// The table at the top of `http.rs`: method and path of each line.
    fn table() -> BTreeSet<(String, String)> {
        let rows = include_str!("../http.rs").lines().filter_map(|line| {
            let mut cells = line.strip_prefix("//! | `")?.split('`');
            let path = cells.next()?.to_owned();
            Some((path, cells.next()?.trim_matches([' ', '|']).to_owned()))
        });
        let pairs = rows.flat_map(|(path, methods)| {
            let methods: Vec<String> = methods.split(' ').map(str::to_lowercase).collect();
            methods.into_iter().map(move |method| (format!("/v1{path}"), method))
        });
        pairs.collect()
    }

    #[test]
    fn the_table_of_routes_is_what_is_served_and_described() {
        let described = operations(&mut document()).into_iter();
        let described: BTreeSet<_> = described.map(|(path, method, _)| (path, method)).collect();
        assert_eq!(table(), described, "mend the table at the top of edge/http.rs");
        assert!(described.len() >= 50, "{}", described.len());
    }

    #[test]
    fn every_operation_says_what_it_does_and_how_it_refuses() {
        let mut seen = BTreeSet::new();
        for (path, method, operation) in operations(&mut document()) {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(seen.insert(id), "{method} {path}: its operationId is taken");
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(summary.ends_with(['.', 's', ';']) && !summary.is_empty(), "{method} {path}");
            if operation.get("security").is_some() {
                continue;
            }
            for status in ["400", "401", "403", "413", "429", "500", "503", "504"] {
                let response = &operation["responses"][status];
                assert!(response["content"].is_object(), "{method} {path}: {status}");
            }
        }
    }

    #[test]
    fn a_code_that_a_handler_names_exists_and_has_that_status() {
        let mut raw = serde_json::to_value(collected()).unwrap();
        for (path, method, operation) in operations(&mut raw) {
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses.iter().filter(|(it, _)| !it.starts_with('2')) {
                for name in response["description"].as_str().unwrap().split(", ") {
                    let code = Code::parse(name).unwrap_or_else(|| panic!("{path}: no {name}"));
                    assert_eq!(code.http_status().to_string(), *status, "{method} {path} {name}");
                }
            }
        }
    }

    #[test]
    fn regression_no_type_of_the_document_has_lost_its_fields() {
        // The event of the feed stood there without a field: one of them had no type of its own.
        let document = document();
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            assert_ne!(*schema, json!({ "type": "object" }), "{name} lost its fields");
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn check(value: &Value, document: &Value) {
            if let Some(Value::String(reference)) = value.get("$ref") {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
            match value {
                Value::Object(fields) => fields.values().for_each(|it| check(it, document)),
                Value::Array(items) => items.iter().for_each(|it| check(it, document)),
                _ => {}
            }
        }
        let document = document();
        check(&document, &document);
    }

    #[test]
    fn the_committed_document_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/openapi.json");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, OPENAPI.as_str()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        let hint = "run UPDATE_EXPECT=1 cargo test -p hawker-server openapi";
        assert!(committed == OPENAPI.as_str(), "protocol/openapi.json is stale: {hint}");
    }
}
