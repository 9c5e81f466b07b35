//! A rating: what one person thinks of a component, once.

use kernel::prelude::*;

use crate::component::Component;

/// What ratings serve; they are made at the component.
pub fn serve(kind: KindBuilder<Rating>) -> KindBuilder<Rating> {
    kind.child_of("components", "component").without(&["create", "update", "clone", "import"])
}

/// What one person thinks of a component.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "component-rating", prefix = "cmr", scope = "organization")]
pub struct Rating {
    /// The component.
    #[field(reference = "views.components", indexed, immutable)]
    pub component: Ref,
    /// From 1, bad, to 5, good.
    #[field(min = 1, max = 5)]
    pub stars: u32,
    /// Whose, as `user:ada`.
    #[field(indexed, immutable)]
    pub who: String,
}

/// A number of stars.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Rate {
    /// From 1, bad, to 5, good.
    #[field(min = 1, max = 5)]
    stars: u32,
}

/// Rates a component; a second time replaces the first.
pub async fn rate(cx: Cx, it: Object<Component>, ask: Rate) -> Result<Value> {
    let who = cx.principal.actor();
    let name = format!("{}.{}", it.name(), Name::of_actor(&who));
    match cx.get_opt::<Rating>(&name).await? {
        Some(mut there) => {
            there.spec.stars = ask.stars;
            cx.save(&there).await?;
        }
        None => {
            let kind = cx.platform().kind_of::<Component>()?;
            let owner = cx.read(&kind.id(), it.metadata.uid.as_str()).await?.owner(&kind);
            let mut draft = Draft::new(name, Rating { component: Ref::to(it.name()), stars: ask.stars, who });
            draft.owners.push(owner);
            cx.create(draft).await?;
        }
    }
    let (mean, count) = of(&cx, it.name()).await?;
    Ok(json!({"rating": mean, "ratings": count}))
}

/// The mean of a component's ratings, and how many there are.
pub async fn of(cx: &Cx, component: &str) -> Result<(Option<f64>, usize)> {
    let filter = format!("spec.component = {}", kernel::literal(component));
    let stars: Vec<f64> =
        cx.list::<Rating>(&filter, 1000).await?.iter().map(|it| f64::from(it.spec.stars)).collect();
    let mean = (!stars.is_empty()).then(|| stars.iter().sum::<f64>() / stars.len() as f64);
    Ok((mean, stars.len()))
}
