//! Writes the tables.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Expr, Fields, LitStr, Result, Token};

use crate::attributes;

/// The `Fields` and `Shaped` implementations of a struct, or `Shaped` of a plain enum.
pub fn fields(input: &DeriveInput) -> Result<TokenStream> {
    match &input.data {
        Data::Struct(data) => of_struct(input, &data.fields),
        Data::Enum(data) => {
            let style = attributes::rename_all(&input.attrs);
            let mut values = Vec::new();
            for variant in &data.variants {
                if !matches!(variant.fields, Fields::Unit) {
                    return Err(syn::Error::new_spanned(variant, "only plain enums have a field table"));
                }
                values.push(attributes::rename(&variant.attrs).unwrap_or_else(|| {
                    attributes::renamed(&variant.ident.to_string(), style.as_deref(), true)
                }));
            }
            let name = &input.ident;
            Ok(quote! {
                impl ::kernel::kind::Shaped for #name {
                    const SHAPE: ::kernel::kind::Shape = ::kernel::kind::Shape::Enum(&[#(#values),*]);
                }
            })
        }
        Data::Union(_) => Err(syn::Error::new_spanned(input, "a union has no field table")),
    }
}

fn of_struct(input: &DeriveInput, fields: &Fields) -> Result<TokenStream> {
    let style = attributes::rename_all(&input.attrs);
    let mut rows = Vec::new();
    for field in fields {
        let Some(ident) = &field.ident else {
            return Err(syn::Error::new_spanned(field, "a field needs a name"));
        };
        let name = attributes::rename(&field.attrs)
            .unwrap_or_else(|| attributes::renamed(&ident.to_string(), style.as_deref(), false));
        let doc = attributes::doc(&field.attrs);
        let said = attributes::field(&field.attrs)?;
        let ty = &field.ty;
        rows.push(quote! {
            #[allow(clippy::needless_update)]
            ::kernel::kind::Field {
                #said
                ..::kernel::kind::Field::of::<#ty>(#name, #doc)
            }
        });
    }
    let name = &input.ident;
    Ok(quote! {
        impl ::kernel::kind::Fields for #name {
            const FIELDS: &'static [::kernel::kind::Field] = &[#(#rows),*];
        }
        impl ::kernel::kind::Shaped for #name {
            const SHAPE: ::kernel::kind::Shape =
                ::kernel::kind::Shape::Struct(<#name as ::kernel::kind::Fields>::FIELDS);
        }
    })
}

/// The implementations of [`fields`] and the `Kind` one.
pub fn kind(input: &DeriveInput) -> Result<TokenStream> {
    let table = fields(input)?;
    let doc = attributes::doc(&input.attrs);
    let mut name = None;
    let mut plural = None;
    let mut parts = TokenStream::new();
    let mut status = quote!(::kernel::kind::Nothing);
    for attribute in input.attrs.iter().filter(|a| a.path().is_ident("kind")) {
        attribute.parse_nested_meta(|meta| {
            let path = meta.path.clone();
            if path.is_ident("version") {
                let value: Expr = meta.value()?.parse()?;
                parts.extend(quote!(const VERSION: u32 = #value;));
                return Ok(());
            }
            let text: LitStr = meta.value()?.parse()?;
            if path.is_ident("name") {
                name = Some(text.value());
            } else if path.is_ident("plural") {
                plural = Some(text.value());
            } else if path.is_ident("prefix") {
                parts.extend(quote!(const PREFIX: &'static str = #text;));
            } else if path.is_ident("short") {
                parts.extend(quote!(const SHORT: &'static str = #text;));
            } else if path.is_ident("scope") {
                let scope = format_ident!("{}", attributes::renamed_scope(&text)?);
                parts.extend(quote!(const SCOPE: ::kernel::kind::Scope = ::kernel::kind::Scope::#scope;));
            } else if path.is_ident("status") {
                let ty: syn::Type = text.parse()?;
                status = quote!(#ty);
            } else {
                return Err(meta.error("not an attribute of a kind"));
            }
            let _ = meta.input.peek(Token![,]);
            Ok(())
        })?;
    }
    let name = name.ok_or_else(|| syn::Error::new_spanned(input, "a kind needs `name`"))?;
    let plural = plural.unwrap_or_else(|| format!("{name}s"));
    let ident = &input.ident;
    Ok(quote! {
        #table
        impl ::kernel::kind::Kind for #ident {
            const NAME: &'static str = #name;
            const PLURAL: &'static str = #plural;
            const DOC: &'static str = #doc;
            type Status = #status;
            #parts
        }
    })
}
