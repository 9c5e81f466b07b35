//! The service `views`: what people make to look at things, and how the console looks to them.
//!
//! What a widget, a view or a dashboard shows is read at the moment somebody asks, with that person's rights and by the
//! operations of the kinds it shows; what somebody makes gives nobody a right to what it shows.

use kernel::prelude::*;

mod ask;
mod brand_asset;
mod component;
mod configuration;
mod contrast;
mod dashboard;
mod grid;
mod installation;
mod layout;
mod library_widget;
mod parameter;
mod personal;
mod picture;
mod rating;
mod snapshot;
mod template;
mod theme;
mod view;
mod widget;

pub use widget::Computed;

/// Everything the service serves, in the order a reader meets it.
pub fn domain() -> Domain {
    Domain::new("views")
        .kind(view::serve)
        .kind(dashboard::serve)
        .kind(snapshot::serve)
        .kind(widget::serve)
        .kind(library_widget::serve)
        .kind(layout::serve)
        .kind(template::serve)
        .kind(component::serve)
        .kind(installation::serve)
        .kind(rating::serve)
        .kind(theme::serve)
        .kind(brand_asset::serve)
        .kind(personal::serve)
        .kind(configuration::serve)
}

/// A JSON object as a struct with a field table: held against the table, with its defaults.
fn fitted<T: kernel::kind::Fields + serde::de::DeserializeOwned>(value: &Value, at: &str) -> Result<T> {
    let Value::Object(fields) = value else {
        return Err(Error::invalid("wrong-type", format!("`{at}` is an object")).at(at));
    };
    let mut fields = fields.clone();
    kernel::validate::accept(T::FIELDS, &mut fields, at)?;
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| Error::invalid("invalid-body", error.to_string()).at(at))
}

/// Whether the caller has all of some permissions in the project.
async fn all_allowed(cx: &Cx, permissions: &[String]) -> Result<bool> {
    for permission in permissions {
        if !cx.decide(permission, &cx.project).await?.allowed {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Refuses a document of another format.
fn is_format(given: &str, known: &'static str) -> Result<()> {
    if given == known {
        return Ok(());
    }
    let message = format!("`{}` is not what this takes", short(given));
    Err(Error::invalid("unsupported-format", message).at("format").hint(known))
}

/// A text cut so that it can stand in a sentence.
fn short(text: &str) -> String {
    text.chars().take(60).collect()
}
