//! A guard for tests of one service: the token is the name, and the name says what one may.
//!
//! `admin` may do everything in the organization `acme`, `viewer` may look, `guest` may nothing;
//! a name with `@other` is of another organization. Projects `default` and `lab` are there.

use std::sync::Arc;

use kernel::{
    Later,
    access::{Credential, Grant, Guard, Known, Principal, Sort},
    cx::Cx,
    domain::Domain,
};

/// A domain that only knows who is asking.
pub fn domain() -> Domain {
    Domain::new("testing").guard(Arc::new(ByName))
}

struct ByName;

impl Guard for ByName {
    fn authenticate(&self, _: Cx, credential: Credential) -> Later<'_, Known> {
        Box::pin(async move {
            let (Credential::Bearer(name) | Credential::Basic(name, _)) = credential;
            let (name, org) = name.split_once('@').unwrap_or((&name, "acme"));
            let (name, org) = (name.to_owned(), org.to_owned());
            let principal = Arc::new(Principal::of(Sort::User, &name, &org));
            Ok(Known { principal, expires: None })
        })
    }

    fn grants(&self, _: Cx, principal: Principal) -> Later<'_, Vec<Grant>> {
        Box::pin(async move {
            let permissions: &[&str] = match principal.name.as_str() {
                "admin" => &["*"],
                "viewer" => &["*.get", "*.list", "*.watch"],
                _ => &[],
            };
            Ok(vec![Grant::of(format!("the name `{}`", principal.name), permissions)])
        })
    }

    fn sources(&self) -> &'static [&'static str] {
        &[]
    }
}
