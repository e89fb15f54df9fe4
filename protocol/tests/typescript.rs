//! The committed descriptions of the protocol say what the types say.

#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::path::Path;

use hawker_protocol::schema;

fn assert_current(path: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, generated).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "{} is out of date: run UPDATE_EXPECT=1 cargo test -p hawker-protocol",
        path.display()
    );
}

#[test]
fn the_committed_typescript_is_generated_from_the_types() {
    assert_current("typescript/src/types.gen.ts", &schema::typescript());
}

#[test]
fn the_committed_asyncapi_is_generated_from_the_types() {
    let text = serde_json::to_string_pretty(&schema::asyncapi()).unwrap();
    assert_current("asyncapi.json", &format!("{text}\n"));
}

#[test]
fn every_reference_in_the_asyncapi_document_leads_somewhere() {
    let document = schema::asyncapi();
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 100, "{}", references.len());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn collect_references<'a>(value: &'a serde_json::Value, out: &mut Vec<&'a str>) {
    match value {
        serde_json::Value::Object(fields) => {
            out.extend(fields.get("$ref").and_then(serde_json::Value::as_str));
            fields.values().for_each(|field| collect_references(field, out));
        }
        serde_json::Value::Array(items) => {
            items.iter().for_each(|item| collect_references(item, out));
        }
        _ => {}
    }
}
