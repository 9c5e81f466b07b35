//! The part of the service `catalog` where models are offered to other projects of the organization, and found.
//!
//! What is popular is counted from what was done: subscriptions, favourites, ratings, and the rows that the models
//! behind the listings predicted. A subscription is a right: it makes a policy that lets the members of the
//! subscriber's project read and run the model where it lives.

use kernel::prelude::*;

mod category;
mod collection;
mod discover;
mod entitlement;
mod favorite;
mod listing;
mod provider;
mod review;
mod subscription;

/// Everything this part of the service serves, in the order a reader meets it.
pub fn domain() -> Domain {
    Domain::new("catalog")
        .kind(listing::serve)
        .kind(category::serve)
        .kind(provider::serve)
        .kind(review::serve)
        .kind(subscription::serve)
        .kind(favorite::serve)
        .kind(collection::serve)
        .kind(discover::serve)
        .controller("market-members", "admin.grants", entitlement::follow)
}

/// A name made of a person's: of `user:ada` `user-ada`, with digits where that would not do.
fn slug(actor: &str) -> String {
    let title = Name::from_title(actor).map_or_else(|| "who".to_owned(), |name| name.to_string());
    if actor == title.replacen('-', ":", 1) {
        return title;
    }
    let digest = Digest::of(actor.as_bytes()).to_string();
    format!("{}-{}", title.chars().take(40).collect::<String>().trim_end_matches('-'), &digest[..8])
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_made_of_people_are_told_apart() {
        assert_eq!(super::slug("user:ada"), "user-ada");
        assert_ne!(super::slug("user:ada.b"), super::slug("user:ada-b"));
        assert_ne!(super::slug("user:Ada"), super::slug("user:ada"));
    }
}
