//! Reads what the attributes say.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Expr, Lit, LitStr, Meta, Result, Token, punctuated::Punctuated};

/// The words of the doc comment, one space between lines, paragraphs kept.
pub fn doc(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes {
        let Meta::NameValue(pair) = &attribute.meta else {
            continue;
        };
        if !pair.path.is_ident("doc") {
            continue;
        }
        let Expr::Lit(expr) = &pair.value else {
            continue;
        };
        let Lit::Str(line) = &expr.lit else { continue };
        let line = line.value();
        let line = line.trim();
        if line.is_empty() {
            text.push_str("\n\n");
        } else {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push(' ');
            }
            text.push_str(line);
        }
    }
    text
}

/// How serde renames the fields or variants of a type.
pub fn rename_all(attributes: &[Attribute]) -> Option<String> {
    let mut found = None;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("serde")) {
        // Other serde settings are serde's to judge.
        let _ = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename_all") {
                found = Some(meta.value()?.parse::<LitStr>()?.value());
            } else if meta.input.peek(Token![=]) {
                meta.value()?.parse::<Expr>()?;
            }
            Ok(())
        });
    }
    found
}

/// The name serde gives one field or variant, if it is told one.
pub fn rename(attributes: &[Attribute]) -> Option<String> {
    let mut found = None;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("serde")) {
        let _ = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename") {
                found = Some(meta.value()?.parse::<LitStr>()?.value());
            } else if meta.input.peek(Token![=]) {
                meta.value()?.parse::<Expr>()?;
            }
            Ok(())
        });
    }
    found
}

/// `snake_case` or `PascalCase` as serde's `rename_all` would write it.
pub fn renamed(name: &str, style: Option<&str>, is_variant: bool) -> String {
    let words: Vec<String> = if is_variant {
        let mut words: Vec<String> = Vec::new();
        for c in name.chars() {
            if c.is_uppercase() || words.is_empty() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        words
    } else {
        name.trim_start_matches("r#").split('_').map(str::to_owned).collect()
    };
    let capital = |word: &String| {
        let mut chars = word.chars();
        chars.next().map(|c| c.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    };
    match style {
        Some("camelCase") => words
            .iter()
            .enumerate()
            .map(|(i, word)| if i == 0 { word.clone() } else { capital(word) })
            .collect(),
        Some("kebab-case") => words.join("-"),
        Some("snake_case") => words.join("_"),
        Some("lowercase") => words.concat(),
        Some("UPPERCASE") => words.concat().to_uppercase(),
        _ => name.trim_start_matches("r#").to_owned(),
    }
}

/// What `#[field(...)]` says, as initializers of `kernel::kind::Field`.
pub fn field(attributes: &[Attribute]) -> Result<TokenStream> {
    let mut parts = TokenStream::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("field")) {
        for meta in attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)? {
            let path = meta.path().clone();
            let is = |name: &str| path.is_ident(name);
            match &meta {
                Meta::Path(_) if is("personal") => parts.extend(quote!(personal: true,)),
                Meta::Path(_) if is("write_only") => parts.extend(quote!(write_only: true,)),
                Meta::Path(_) if is("immutable") => parts.extend(quote!(immutable: true,)),
                Meta::Path(_) if is("indexed") => parts.extend(quote!(indexed: true,)),
                Meta::NameValue(pair) if is("min") || is("max") => {
                    let value = &pair.value;
                    parts.extend(quote!(#path: Some((#value) as f64),));
                }
                Meta::NameValue(pair) if is("default") => {
                    let json = literal(&pair.value)?;
                    parts.extend(quote!(default: Some(#json),));
                }
                Meta::NameValue(pair) if is("example") || is("reference") => {
                    let value = &pair.value;
                    parts.extend(quote!(#path: Some(#value),));
                }
                other => {
                    return Err(syn::Error::new_spanned(other, "not one of the eight field attributes"));
                }
            }
        }
    }
    Ok(parts)
}

/// A literal as JSON text: `10`, `true`, `"text"`.
fn literal(expr: &Expr) -> Result<String> {
    let Expr::Lit(lit) = expr else {
        return Err(syn::Error::new_spanned(expr, "a default is a literal"));
    };
    Ok(match &lit.lit {
        Lit::Str(text) => format!("{:?}", text.value()),
        Lit::Int(number) => number.base10_digits().to_owned(),
        Lit::Float(number) => number.base10_digits().to_owned(),
        Lit::Bool(value) => value.value.to_string(),
        other => {
            return Err(syn::Error::new_spanned(other, "a default is a text, a number or a boolean"));
        }
    })
}

/// The variant of `Scope` a word names.
pub fn renamed_scope(text: &LitStr) -> Result<&'static str> {
    match text.value().as_str() {
        "project" => Ok("Project"),
        "organization" => Ok("Organization"),
        "platform" => Ok("Platform"),
        _ => Err(syn::Error::new_spanned(text, "a scope is `project`, `organization` or `platform`")),
    }
}
