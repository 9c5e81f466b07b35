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
