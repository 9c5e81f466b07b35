//! Collects what a kind serves: every typed function is wrapped once, thinly, into an erased one.

use std::{any::TypeId, marker::PhantomData, sync::Arc};

use base::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    cx::Cx,
    declare::{
        Action, Body, Incoming, Input, KindDef, Manner, Of, OpenTo, Output, Run, merge_status, to_fields,
    },
    kind::{Fields, Kind, Shape, Shaped},
    object::{self, Object, Raw},
    validate,
};

/// Collects what a kind serves; made by [`Domain::kind`](crate::domain::Domain::kind).
pub struct KindBuilder<K> {
    def: KindDef,
    kind: PhantomData<K>,
}

impl<K: Kind> KindBuilder<K> {
    pub(crate) fn new(service: &'static str) -> Self {
        let def = KindDef {
            service,
            name: K::NAME,
            plural: K::PLURAL,
            prefix: K::PREFIX,
            short: K::SHORT,
            doc: K::DOC,
            scope: K::SCOPE,
            version: K::VERSION,
            fields: K::FIELDS,
            status: <K::Status as Fields>::FIELDS,
            parent: None,
            aliases: Vec::new(),
            without: &[],
            actions: Vec::new(),
            upgrade: None,
            admits: Vec::new(),
            leaves: Vec::new(),
            type_id: TypeId::of::<K>(),
        };
        Self { def, kind: PhantomData }
    }

    pub(crate) fn build(self) -> KindDef {
        self.def
    }

    /// Refuses a spec that is wrong in a way the field table cannot say.
    #[must_use]
    pub fn check(mut self, check: fn(&Object<K>) -> Result<()>) -> Self {
        self.def.admits.push(Arc::new(move |_, new: Raw, _| {
            let verdict = new.typed::<K>().and_then(|it| check(&it));
            Box::pin(std::future::ready(verdict.map(|()| new)))
        }));
        self
    }

    /// Looks at, and may complete, every object before it is written; the old one is there on a change.
    #[must_use]
    pub fn admit<F, T>(mut self, admit: F) -> Self
    where
        F: Fn(Cx, Object<K>, Option<Object<K>>) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Object<K>>> + Send + 'static,
    {
        let admit = Arc::new(admit);
        self.def.admits.push(Arc::new(move |cx, mut new: Raw, old: Option<Raw>| {
            let admit = Arc::clone(&admit);
            Box::pin(async move {
                let old = old.map(|old| old.typed::<K>()).transpose()?;
                let it = admit(cx, new.typed::<K>()?, old).await?;
                new.metadata = it.metadata;
                new.spec = to_fields(&it.spec)?;
                new.status = merge_status(new.status, &it.status)?;
                Ok(new)
            })
        }));
        self
    }

    /// Looks at every object before it is deleted, and may refuse.
    #[must_use]
    pub fn leave<F, T>(mut self, leave: F) -> Self
    where
        F: Fn(Cx, Object<K>) -> T + Send + Sync + 'static,
        T: Future<Output = Result<()>> + Send + 'static,
    {
        let leave = Arc::new(leave);
        self.def.leaves.push(Arc::new(move |cx, old: Raw| {
            let leave = Arc::clone(&leave);
            Box::pin(async move { leave(cx, old.typed::<K>()?).await })
        }));
        self
    }

    /// An action of one object: `POST …/{id}/name`.
    #[must_use]
    pub fn action<A, R, F, T>(self, name: &'static str, doc: &'static str, run: F) -> Self
    where
        A: Fields + DeserializeOwned + Send + 'static,
        R: Shaped + Serialize + 'static,
        F: Fn(Cx, Object<K>, A) -> T + Send + Sync + 'static,
        T: Future<Output = Result<R>> + Send + 'static,
    {
        self.of_object(name, doc, Manner::Act, run)
    }

    /// A view of one object: `GET …/{id}/name`.
    #[must_use]
    pub fn view<A, R, F, T>(self, name: &'static str, doc: &'static str, run: F) -> Self
    where
        A: Fields + DeserializeOwned + Send + 'static,
        R: Shaped + Serialize + 'static,
        F: Fn(Cx, Object<K>, A) -> T + Send + Sync + 'static,
        T: Future<Output = Result<R>> + Send + 'static,
    {
        self.of_object(name, doc, Manner::View, run)
    }

    fn of_object<A, R, F, T>(self, name: &'static str, doc: &'static str, manner: Manner, run: F) -> Self
    where
        A: Fields + DeserializeOwned + Send + 'static,
        R: Shaped + Serialize + 'static,
        F: Fn(Cx, Object<K>, A) -> T + Send + Sync + 'static,
        T: Future<Output = Result<R>> + Send + 'static,
    {
        let run = Arc::new(run);
        self.push::<A, R>(
            name,
            doc,
            (Of::Object, manner),
            Arc::new(move |cx, raw, input| {
                let run = Arc::clone(&run);
                Box::pin(async move {
                    let ask = ask::<A>(input)?;
                    let it = target(raw)?.typed::<K>()?;
                    answer(&run(cx, it, ask).await?)
                })
            }),
        )
    }

    /// An action of the collection: `POST …/name`.
    #[must_use]
    pub fn action_on_all<A, R, F, T>(self, name: &'static str, doc: &'static str, run: F) -> Self
    where
        A: Fields + DeserializeOwned + Send + 'static,
        R: Shaped + Serialize + 'static,
        F: Fn(Cx, A) -> T + Send + Sync + 'static,
        T: Future<Output = Result<R>> + Send + 'static,
    {
        self.of_all(name, doc, Manner::Act, run)
    }

    /// A view of the collection: `GET …/name`.
    #[must_use]
    pub fn view_of_all<A, R, F, T>(self, name: &'static str, doc: &'static str, run: F) -> Self
    where
        A: Fields + DeserializeOwned + Send + 'static,
        R: Shaped + Serialize + 'static,
        F: Fn(Cx, A) -> T + Send + Sync + 'static,
        T: Future<Output = Result<R>> + Send + 'static,
    {
        self.of_all(name, doc, Manner::View, run)
    }

    fn of_all<A, R, F, T>(self, name: &'static str, doc: &'static str, manner: Manner, run: F) -> Self
    where
        A: Fields + DeserializeOwned + Send + 'static,
        R: Shaped + Serialize + 'static,
        F: Fn(Cx, A) -> T + Send + Sync + 'static,
        T: Future<Output = Result<R>> + Send + 'static,
    {
        let run = Arc::new(run);
        self.push::<A, R>(
            name,
            doc,
            (Of::Collection, manner),
            Arc::new(move |cx, _, input| {
                let run = Arc::clone(&run);
                Box::pin(async move {
                    let ask = ask::<A>(input)?;
                    answer(&run(cx, ask).await?)
                })
            }),
        )
    }

    /// An action that takes a stream of bytes; what it asks comes as query parameters.
    #[must_use]
    pub fn upload<A, R, F, T>(self, name: &'static str, doc: &'static str, run: F) -> Self
    where
        A: Fields + DeserializeOwned + Send + 'static,
        R: Shaped + Serialize + 'static,
        F: Fn(Cx, Object<K>, A, Incoming) -> T + Send + Sync + 'static,
        T: Future<Output = Result<R>> + Send + 'static,
    {
        let run = Arc::new(run);
        self.push::<A, R>(
            name,
            doc,
            (Of::Object, Manner::Upload),
            Arc::new(move |cx, raw, input| {
                let run = Arc::clone(&run);
                Box::pin(async move {
                    let (params, body) = (input.params, input.body);
                    let ask = ask::<A>(Input { params, body: Body::Empty })?;
                    let incoming = match body {
                        Body::Bytes { media, bytes } => Incoming { media, bytes },
                        Body::Json(value) => Incoming::of_json(&value),
                        Body::Empty => {
                            return Err(Error::bad_request("body-missing", "send the bytes as the body"));
                        }
                    };
                    answer(&run(cx, target(raw)?.typed::<K>()?, ask, incoming).await?)
                })
            }),
        )
    }

    /// A view that answers bytes: `GET …/{id}/name`.
    #[must_use]
    pub fn download<A, F, T>(self, name: &'static str, doc: &'static str, run: F) -> Self
    where
        A: Fields + DeserializeOwned + Send + 'static,
        F: Fn(Cx, Object<K>, A) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Output>> + Send + 'static,
    {
        let run = Arc::new(run);
        self.push::<A, Bytestring>(
            name,
            doc,
            (Of::Object, Manner::View),
            Arc::new(move |cx, raw, input| {
                let run = Arc::clone(&run);
                Box::pin(async move {
                    let ask = ask::<A>(input)?;
                    run(cx, target(raw)?.typed::<K>()?, ask).await
                })
            }),
        )
    }

    /// A view of the collection that answers bytes: `GET …/name`.
    #[must_use]
    pub fn download_of_all<A, F, T>(self, name: &'static str, doc: &'static str, run: F) -> Self
    where
        A: Fields + DeserializeOwned + Send + 'static,
        F: Fn(Cx, A) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Output>> + Send + 'static,
    {
        let run: Arc<Run> = Arc::new(move |cx, _, input| {
            let begun = ask::<A>(input).map(|ask| run(cx, ask));
            Box::pin(async move { begun?.await })
        });
        self.push::<A, Bytestring>(name, doc, (Of::Collection, Manner::View), run)
    }

    fn push<A: Fields, R: Shaped>(
        mut self,
        name: &'static str,
        doc: &'static str,
        (of, manner): (Of, Manner),
        run: Arc<Run>,
    ) -> Self {
        let permission = name;
        let (asks, gives) = (A::FIELDS, R::SHAPE);
        self.def.actions.push(Action {
            name,
            doc,
            of,
            manner,
            permission,
            asks,
            gives,
            open_to: OpenTo::Granted,
            run,
        });
        self
    }

    /// Names the permission of the action listed last, where it is not the action's own name.
    #[must_use]
    pub fn needs(mut self, permission: &'static str) -> Self {
        if let Some(action) = self.def.actions.last_mut() {
            action.permission = permission;
        }
        self
    }

    /// Opens the action listed last to more callers than those granted its permission.
    #[must_use]
    pub fn open_to(mut self, who: OpenTo) -> Self {
        if let Some(action) = self.def.actions.last_mut() {
            action.open_to = who;
        }
        self
    }

    /// Stands under another kind: served at `…/parents/{id}/children` too, named `parent.child`.
    #[must_use]
    pub fn child_of(mut self, parent: &'static str, field: &'static str) -> Self {
        self.def.parent = Some((parent, field));
        self
    }

    /// Serves the kind under another base path too, written `service/plural`.
    #[must_use]
    pub fn also_at(mut self, path: &'static str) -> Self {
        self.def.aliases.push(path);
        self
    }

    /// Leaves out verbs that make no sense for the kind.
    #[must_use]
    pub fn without(mut self, verbs: &'static [&'static str]) -> Self {
        self.def.without = verbs;
        self
    }

    /// Brings specs written by an older version up to date.
    #[must_use]
    pub fn upgrade(mut self, upgrade: fn(u32, object::Fields) -> object::Fields) -> Self {
        self.def.upgrade = Some(upgrade);
        self
    }
}

struct Bytestring;

impl Shaped for Bytestring {
    const SHAPE: Shape = Shape::Any;
}

fn target(raw: Option<Raw>) -> Result<Raw> {
    raw.ok_or_else(|| Error::internal("an action of an object was run without one"))
}

/// What an action asks, checked against its table; views take it from the query.
fn ask<A: Fields + DeserializeOwned>(input: Input) -> Result<A> {
    let mut fields = match input.body {
        Body::Json(Value::Object(fields)) => fields,
        Body::Empty => object::Fields::new(),
        Body::Json(_) => {
            return Err(Error::bad_request("body-not-object", "the body must be a JSON object"));
        }
        Body::Bytes { .. } => {
            return Err(Error::new(base::Status::UnsupportedMedia, "unsupported-media", "send JSON"));
        }
    };
    for (name, text) in input.params {
        if let Some(field) = A::FIELDS.iter().find(|field| field.name == name) {
            fields.entry(name).or_insert_with(|| from_query(&field.shape, text));
        }
    }
    validate::accept(A::FIELDS, &mut fields, "")?;
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| Error::invalid("invalid-body", error.to_string()))
}

/// A query parameter as the JSON value its field's shape wants.
fn from_query(shape: &Shape, text: String) -> Value {
    match shape {
        Shape::Integer(..) | Shape::Number | Shape::Boolean | Shape::Any => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        Shape::List(inner) => {
            Value::Array(text.split(',').map(|part| from_query(inner, part.to_owned())).collect())
        }
        _ => Value::String(text),
    }
}

fn answer<R: Serialize>(value: &R) -> Result<Output> {
    serde_json::to_value(value).map(Output::Json).map_err(Error::internal)
}
