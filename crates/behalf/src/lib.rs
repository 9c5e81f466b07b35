//! On whose behalf work acts that goes on after the request that ordered it.

use kernel::{
    access::{Principal, Sort},
    prelude::*,
};

/// On whose behalf something acts. What they may is asked anew each time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub struct Actor {
    /// `user` or `service`.
    pub sort: String,
    /// The name.
    pub name: String,
    /// The groups they were in.
    pub groups: Vec<String>,
    /// What their credential was narrowed to.
    pub scopes: Vec<String>,
    /// Who really acted, where somebody acted as another.
    pub impersonator: Option<String>,
}

impl Actor {
    /// Whoever asks now.
    pub fn of(cx: &Cx) -> Self {
        let who = &cx.principal;
        let sort = match who.sort {
            Sort::User => "user",
            Sort::Service => "service",
            Sort::System => "system",
        };
        Self {
            sort: sort.to_owned(),
            name: who.name.clone(),
            groups: who.groups.clone(),
            scopes: who.scopes.clone(),
            impersonator: who.impersonator.clone(),
        }
    }

    /// A context in which they act.
    pub fn cx(&self, cx: &Cx) -> Cx {
        let sort = match self.sort.as_str() {
            "user" => Sort::User,
            "system" => Sort::System,
            _ => Sort::Service,
        };
        let who = Principal {
            groups: self.groups.clone(),
            scopes: self.scopes.clone(),
            impersonator: self.impersonator.clone(),
            ..Principal::of(sort, &self.name, &cx.org)
        };
        cx.platform().cx_of(who, &cx.project)
    }
}
