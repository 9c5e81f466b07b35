//! The reference as one page a person reads: plain HTML, no script, nothing loaded from elsewhere.

use std::fmt::Write;

use kernel::{
    declare::{KindDef, Manner, Of},
    kind::Field,
    platform::Platform,
    question::LIST_PARAMS,
};

use crate::{kinds::word, route::below_name};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;display:flex;color:#1b1f24;background:#fff}\
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem;min-width:14rem;background:#f5f7f9;box-sizing:border-box}\
nav a{display:block;color:inherit;text-decoration:none;padding:.1rem 0}nav a:hover{text-decoration:underline}\
main{padding:1rem 2rem;max-width:60rem}code{font:14px ui-monospace,monospace;background:#eef1f4;padding:0 .25rem;border-radius:3px}\
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #dde2e7}\
h2{margin-top:3rem;border-top:1px solid #dde2e7;padding-top:1rem}\
@media(prefers-color-scheme:dark){body{background:#14171a;color:#e3e6e9}nav{background:#1b1f23}code{background:#262b30}td,th,h2{border-color:#333a41}}";

/// The page.
pub fn page(platform: &Platform) -> String {
    let mut nav = String::new();
    let mut main = String::new();
    let mut service = "";
    let mut kinds: Vec<&KindDef> = platform.kinds().iter().map(|kind| &**kind).collect();
    // Within a service the order is the domain's own, which is the order to read in.
    kinds.sort_by_key(|kind| kind.service);
    for kind in kinds {
        if kind.service != service {
            service = kind.service;
            let _ = write!(nav, "<p><b>{}</b></p>", escaped(service));
        }
        let _ = write!(nav, "<a href=\"#{0}\">{1}</a>", kind.id(), escaped(kind.plural));
        section(kind, &mut main);
    }
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>AIC reference</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\
         <nav aria-label=\"Kinds\"><h1>AIC</h1><p><a href=\"/openapi.json\">openapi.json</a></p>{nav}</nav>\
         <main><h1>Reference</h1>{}{main}</main></body></html>",
        general()
    )
}

/// What holds for every kind: the operations under its base path, and the parameters of lists.
fn general() -> String {
    let operations = [
        (
            "GET …",
            "A page of objects; with <code>watch=true</code> changes as they happen (SSE, WebSocket or JSON lines).",
        ),
        (
            "POST …",
            "A new object. <code>Idempotency-Key</code> makes it happen once, <code>dryRun=All</code> not at all.",
        ),
        ("GET …/{id}", "One object, by name or uid; its version is the <code>ETag</code>."),
        (
            "PUT …/{id}",
            "A whole new spec; <code>If-Match</code> or <code>metadata.resourceVersion</code> guards it.",
        ),
        ("PATCH …/{id}", "Part of it: merge patch (RFC 7396), JSON Patch (RFC 6902) or server-side apply."),
        ("DELETE …/{id}", "Into the trash, with what it owns as <code>propagationPolicy</code> says."),
        ("POST …/{id}/restore", "Out of the trash."),
        (
            "GET …/{id}/history",
            "Its changes, newest first; <code>diff</code> compares two, <code>POST …/rollback</code> goes back to one.",
        ),
        ("GET …/{id}/lineage", "What it came from and what came of it."),
        ("POST …/{id}/clone", "A copy under another name."),
        ("GET …/count, …/export", "How many a list would find; all of them as JSON lines."),
        (
            "POST …/validate, …/bulk, …/import",
            "A check without a write; several writes at once; what an export wrote.",
        ),
    ];
    let mut text = String::from(
        "<p>Every kind below has these operations under its base path, unless it says otherwise. \
         Errors are problem+json (RFC 9457) with a stable code; each code has a page at <code>/errors/{code}</code>.</p>\
         <table><thead><tr><th>Operation</th><th>What it does</th></tr></thead><tbody>",
    );
    for (operation, doc) in operations {
        let _ = write!(text, "<tr><td><code>{operation}</code></td><td>{doc}</td></tr>");
    }
    text.push_str(
        "</tbody></table><table><thead><tr><th>Parameter of lists</th><th>Meaning</th></tr></thead><tbody>",
    );
    for (name, doc) in LIST_PARAMS {
        let _ = write!(text, "<tr><td><code>{name}</code></td><td>{}</td></tr>", prose(doc));
    }
    text.push_str("</tbody></table>");
    text
}

/// A doc comment as HTML: what stands between backticks is code.
fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(i, part)| if i % 2 == 1 { format!("<code>{}</code>", escaped(part)) } else { escaped(part) })
        .collect()
}

fn section(kind: &KindDef, out: &mut String) {
    let base = format!("/api/v1/{}/{}", kind.service, kind.plural);
    let _ = write!(
        out,
        "<h2 id=\"{}\">{}</h2><p>{}</p><p><code>{base}</code> &middot; <code>{}</code> {}</p>",
        kind.id(),
        escaped(&kind.pascal_name()),
        prose(kind.doc),
        kind.api_version(),
        kind.pascal_name(),
    );
    if let Some((parent, _)) = kind.parent {
        let path = format!("/api/v1/{}/{parent}/{{id}}/{}", kind.service, below_name(kind));
        let _ = write!(out, "<p>Also at <code>{path}</code>.</p>");
    }
    if !kind.has_objects() {
        out.push_str("<p>It has no objects of its own; only the operations below are served.</p>");
    } else if !kind.without.is_empty() {
        let _ = write!(out, "<p>Does not serve: {}.</p>", kind.without.join(", "));
    }
    table("spec", kind.fields, out);
    table("status", kind.status, out);
    if kind.actions.is_empty() {
        return;
    }
    out.push_str("<table><thead><tr><th>Operation</th><th>What it does</th></tr></thead><tbody>");
    for action in &kind.actions {
        let method = if action.manner == Manner::View { "GET" } else { "POST" };
        let path = if action.of == Of::Object {
            format!("{base}/{{id}}/{}", action.name)
        } else {
            format!("{base}/{}", action.name)
        };
        let asks: Vec<String> =
            action.asks.iter().map(|field| format!("<code>{}</code>", field.name)).collect();
        let asks = if asks.is_empty() { String::new() } else { format!(" Takes {}.", asks.join(", ")) };
        let _ = write!(
            out,
            "<tr><td><code>{method} {path}</code></td><td>{}{asks} Needs <code>{}</code>.</td></tr>",
            prose(action.doc),
            kind.permission(action.permission),
        );
    }
    out.push_str("</tbody></table>");
}

fn table(title: &str, fields: &[Field], out: &mut String) {
    if fields.is_empty() {
        return;
    }
    let _ =
        write!(out, "<table><thead><tr><th>{title}</th><th>Type</th><th>Meaning</th></tr></thead><tbody>");
    for field in fields {
        let mut notes = Vec::new();
        if field.is_required() && title == "spec" {
            notes.push("required".to_owned());
        }
        if let Some(default) = field.default {
            notes.push(format!("default <code>{}</code>", escaped(default)));
        }
        if field.write_only {
            notes.push("never returned".to_owned());
        }
        if field.immutable {
            notes.push("does not change".to_owned());
        }
        if let Some(reference) = field.reference {
            notes.push(format!("names a <a href=\"#{reference}\">{reference}</a>"));
        }
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
        let _ = write!(
            out,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}{notes}</td></tr>",
            field.name,
            word(&field.shape),
            prose(field.doc),
        );
    }
    out.push_str("</tbody></table>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
