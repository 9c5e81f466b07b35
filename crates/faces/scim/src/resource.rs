//! A resource: an object of the platform in SCIM's words, and the way back.

use base::{Error, Result};
use kernel::{cx::Cx, declare::Body, dispatch::Verb, object::Raw};
use serde_json::{Map, Value, json};

use crate::{call, filter::Filter, group, user};

/// The sorts of resources there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A person.
    User,
    /// People together.
    Group,
}

/// The most resources that are looked at for a filter.
const LOOKED_AT_MAX: u32 = 10_000;

impl Sort {
    /// The sort a path names.
    pub fn of(name: &str) -> Result<Self> {
        match name {
            "Users" => Ok(Self::User),
            "Groups" => Ok(Self::Group),
            _ => Err(Error::not_found("not-found", "SCIM serves `Users` and `Groups`")),
        }
    }

    /// The kind behind it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::User => "admin.users",
            Self::Group => "admin.groups",
        }
    }

    /// Its name in paths.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::User => "Users",
            Self::Group => "Groups",
        }
    }
}

/// An object in SCIM's words.
pub struct Resource {
    /// What it is.
    pub sort: Sort,
    /// Its name on the platform.
    pub name: String,
    /// The resource without `meta`.
    pub body: Value,
    created: String,
    version: u64,
}

impl Resource {
    /// Its entity tag (RFC 7644 section 3.14).
    pub fn version(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    /// The resource as a caller sees it.
    pub fn shown(&self, place: &str) -> Value {
        let mut shown = self.body.clone();
        let id = self.body["id"].as_str().unwrap_or_default();
        shown["meta"] = json!({
            "resourceType": match self.sort { Sort::User => "User", Sort::Group => "Group" },
            "created": self.created,
            "lastModified": self.created,
            "version": self.version(),
            "location": format!("{place}/{}/{id}", self.sort.endpoint()),
        });
        if let Some(fields) = shown.as_object_mut() {
            fields.remove("password");
        }
        shown
    }
}

async fn resource(cx: &Cx, sort: Sort, raw: &Raw) -> Result<Resource> {
    let body = match sort {
        Sort::User => user::body(cx, raw).await?,
        Sort::Group => group::body(cx, raw).await?,
    };
    Ok(Resource {
        sort,
        name: raw.metadata.name.clone(),
        body,
        created: raw.metadata.creation_timestamp.to_string(),
        version: raw.metadata.version,
    })
}

/// The resources a filter may be about: by an index where it can be, else all.
pub async fn all(cx: &Cx, sort: Sort, filter: Option<&Filter>) -> Result<Vec<Resource>> {
    cx.authorize(&format!("{}.list", sort.kind()), "").await?;
    let narrowed = filter.and_then(|filter| match sort {
        Sort::User => user::narrowed(filter),
        Sort::Group => group::narrowed(filter),
    });
    let raws = cx.list_raw(sort.kind(), &narrowed.unwrap_or_default(), LOOKED_AT_MAX).await?;
    let mut all = Vec::with_capacity(raws.len());
    for raw in &raws {
        all.push(resource(cx, sort, raw).await?);
    }
    Ok(all)
}

/// A resource by its id.
pub async fn get(cx: &Cx, sort: Sort, id: &str) -> Result<Resource> {
    let missing =
        || Error::not_found("not-found", format!("there is no such resource in `{}`", sort.endpoint()));
    if !base::Uid::looks_like(id) {
        return Err(missing());
    }
    call(cx, sort.kind(), Verb::Get, (Some(id), Body::Empty)).await?;
    resource(cx, sort, &cx.read(sort.kind(), id).await?).await
}

/// A new resource.
pub async fn create(cx: &Cx, sort: Sort, body: Value) -> Result<Resource> {
    let (name, spec) = match sort {
        Sort::User => user::object(cx, &body, None).await?,
        Sort::Group => group::object(&body)?,
    };
    let object = json!({"metadata": {"name": name}, "spec": spec});
    let made = call(cx, sort.kind(), Verb::Create, (None, Body::Json(object))).await?;
    if sort == Sort::Group {
        group::set_members(cx, &name, &body).await?;
    }
    let id = made["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    resource(cx, sort, &cx.read(sort.kind(), &id).await?).await
}

/// A resource as it shall be.
pub async fn replace(cx: &Cx, it: Resource, body: Value) -> Result<Resource> {
    let id = it.body["id"].as_str().unwrap_or_default().to_owned();
    if let Some(told) = crate::path::get(&body, "id").and_then(Value::as_str)
        && told != id
    {
        return Err(Error::bad_request("scim-immutable", "a resource keeps its id").at("id"));
    }
    let raw = cx.read(it.sort.kind(), &id).await?;
    let (_, wanted) = match it.sort {
        Sort::User => user::object(cx, &body, Some(&raw)).await?,
        Sort::Group => group::object(&body)?,
    };
    // What SCIM does not know of the object stays as it is; what it leaves out is empty.
    let mut patch = Map::new();
    for name in match it.sort {
        Sort::User => user::FIELDS,
        Sort::Group => group::FIELDS,
    } {
        patch.insert((*name).to_owned(), wanted.get(*name).cloned().unwrap_or(Value::Null));
    }
    if let Some(password) = wanted.get("password") {
        patch.insert("password".to_owned(), password.clone());
    }
    let patch = json!({"spec": patch});
    let verb = Verb::Patch(kernel::change::PatchForm::Merge);
    call(cx, it.sort.kind(), verb, (Some(&id), Body::Json(patch))).await?;
    if it.sort == Sort::Group {
        group::set_members(cx, &it.name, &body).await?;
    }
    resource(cx, it.sort, &cx.read(it.sort.kind(), &id).await?).await
}

/// Away with a resource.
pub async fn remove(cx: &Cx, it: &Resource) -> Result<()> {
    let id = it.body["id"].as_str().unwrap_or_default();
    call(cx, it.sort.kind(), Verb::Delete, (Some(id), Body::Empty)).await.map(|_| ())
}
