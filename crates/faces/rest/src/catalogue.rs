//! Which operations of the catalogue are served: the list `api/catalogue.tsv` is made from.

use kernel::platform::Platform;

use crate::{aliases, route::Routes};

/// One operation of the catalogue.
pub struct Operation {
    /// The service.
    pub service: String,
    /// The method.
    pub method: String,
    /// The path, with `{id}` for what varies.
    pub path: String,
    /// Whether it is served.
    pub served: bool,
}

/// Reads the catalogue (`service`, `method`, `path`, tab-separated, with a header) and says what is served.
pub fn of(platform: &Platform, text: &str) -> Vec<Operation> {
    let routes = Routes::new(platform);
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let mut parts = line.split('\t');
            let (service, method, path) = (parts.next()?, parts.next()?, parts.next()?);
            Some(Operation {
                service: service.to_owned(),
                method: method.to_owned(),
                path: path.to_owned(),
                served: is_served(&routes, service, method, path),
            })
        })
        .collect()
}

fn is_served(routes: &Routes, service: &str, method: &str, path: &str) -> bool {
    let mut segments = vec![service.to_owned()];
    segments.extend(path.trim_start_matches('/').split('/').map(str::to_owned));
    let alias = aliases::target(method, &segments);
    routes.resolve(alias.method.unwrap_or(method), &alias.segments).is_ok_and(|route| match &route.verb {
        kernel::dispatch::Verb::Create => route.kind.serves("create"),
        kernel::dispatch::Verb::Replace | kernel::dispatch::Verb::Patch(_) => route.kind.serves("update"),
        kernel::dispatch::Verb::Delete => route.kind.serves("delete"),
        // A word where an id stands is an operation of its own, not an object that happens to be called so.
        kernel::dispatch::Verb::Get => route.id.as_deref() == Some("{id}"),
        _ => true,
    })
}
