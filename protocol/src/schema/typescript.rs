//! The TypeScript of the conversation, as one file. Owns the file's form; every fact in it comes
//! from a type.

use std::collections::BTreeMap;
use std::fmt::Write;

use schemars::JsonSchema;
use ts_rs::{Config, TS, TypeVisitor};

use crate::close::CloseCode;
use crate::limits::RESUME_TOPICS_MAX;
use crate::push::{self, Envelope, Push};
use crate::refusal::Code;
use crate::request::{self, Request};
use crate::version::SUB_PROTOCOL;

const HEAD: &str = "\
// Generated from the Rust types of hawker-protocol. Do not edit; regenerate with
// UPDATE_EXPECT=1 cargo test -p hawker-protocol --test typescript

";

const REFUSAL: &str = "\
/** Why a request was not done. Details stand beside the code. */
export interface Refusal {
  /** Stable; codes may be added. */
  code: Code | (string & {});
  message: string;
  /** Whether the same request may succeed later. */
  retryable: boolean;
  retry_after_ms?: number;
  [detail: string]: unknown;
}

";

/// The content of `protocol/typescript/src/types.gen.ts`.
pub fn typescript() -> String {
    let mut file = File { config: Config::new().with_large_int("number"), ..File::default() };
    Request::visit(&mut file);
    Push::visit(&mut file);
    file.write()
}

#[derive(Default)]
struct File {
    config: Config,
    declarations: BTreeMap<String, String>,
    requests: String,
    changes: Vec<&'static str>,
    pushes: String,
}

impl File {
    fn write(self) -> String {
        let mut out = HEAD.to_owned();
        line(&mut out, format_args!("export const SUB_PROTOCOL = \"{SUB_PROTOCOL}\";\n"));
        line(&mut out, format_args!("/** Topics that one hello may resume. */"));
        line(&mut out, format_args!("export const RESUME_TOPICS_MAX = {RESUME_TOPICS_MAX};\n"));
        line(&mut out, format_args!("/** Every refusal's code. */\nexport type Code ="));
        for code in Code::ALL {
            line(&mut out, format_args!("  | \"{}\"", code.as_str()));
        }
        out.push_str(";\n\n");
        out.push_str(REFUSAL);
        write_close_codes(&mut out);
        for declaration in self.declarations.values() {
            line(&mut out, format_args!("{declaration}"));
        }
        line(&mut out, format_args!("/** Every request: its fields, and what a yes carries. */"));
        line(&mut out, format_args!("export interface Requests {{\n{}}}\n", self.requests));
        line(&mut out, format_args!("/** Requests that change state: they carry a command id. */"));
        line(&mut out, format_args!("export const CHANGES: ReadonlySet<string> = new Set(["));
        for name in &self.changes {
            line(&mut out, format_args!("  \"{name}\","));
        }
        out.push_str("]);\n\n");
        line(&mut out, format_args!("/** Every push. */\nexport type Push ={};", self.pushes));
        out
    }

    fn declare<T: TS + 'static + ?Sized>(&mut self) {
        if T::output_path().is_none() || self.declarations.contains_key(&T::ident(&self.config)) {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        let declaration = format!("{docs}export {}\n", T::decl(&self.config));
        self.declarations.insert(T::ident(&self.config), declaration);
        T::visit_dependencies(self);
    }
}

const CLOSE_HEAD: &str = "\
/** Close codes: why a connection ended, and whether to come back by oneself. */
export const CLOSE_CODES: Readonly<Record<number, { reason: string; reconnect: boolean }>> = {
";

fn write_close_codes(out: &mut String) {
    out.push_str(CLOSE_HEAD);
    for code in CloseCode::ALL {
        let (number, reason, reconnect) = (code.number(), code.reason(), code.may_reconnect());
        let row = format_args!("  {number}: {{ reason: {reason:?}, reconnect: {reconnect} }},");
        line(out, row);
    }
    out.push_str("};\n\n");
}

/// Writing to a text cannot fail; the result says nothing.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text).and_then(|()| out.write_str("\n"));
    debug_assert!(written.is_ok(), "a text takes whatever is written to it");
}

impl TypeVisitor for File {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        self.declare::<T>();
    }
}

impl request::Visitor for File {
    fn visit<Q, K>(&mut self, type_name: &'static str, changes: bool)
    where
        Q: JsonSchema + TS + 'static,
        K: JsonSchema + TS + 'static,
    {
        self.declare::<Q>();
        self.declare::<K>();
        let (fields, ok) = (Q::name(&self.config), K::name(&self.config));
        let row = format!("  \"{type_name}\": {{ fields: {fields}; ok: {ok} }};\n");
        self.requests.push_str(&row);
        if changes {
            self.changes.push(type_name);
        }
    }
}

impl push::Visitor for File {
    fn visit<P>(&mut self, type_name: &'static str, envelope: Envelope)
    where
        P: JsonSchema + TS + 'static,
    {
        self.declare::<P>();
        let place = match envelope {
            Envelope::Sequenced => "; topic: string; seq: number",
            Envelope::Topic => "; topic: string",
            Envelope::Personal => "",
        };
        let fields = P::name(&self.config);
        let row = format!("\n  | ({{ type: \"{type_name}\"{place} }} & {fields})");
        self.pushes.push_str(&row);
    }
}
