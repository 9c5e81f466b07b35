//! A review: what one person thinks of a listing, once.

use kernel::prelude::*;

use crate::listing::{self, Listing};

/// What reviews serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Review>) -> KindBuilder<Review> {
    kind.child_of("listings", "listing")
        .also_at("catalog/marketplace/reviews")
        .without(&["clone", "import"])
        .admit(own)
        .leave(|cx, it| async move { theirs(&cx, &it).await })
}

/// What one person thinks of a listing.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "review", prefix = "mrv", scope = "organization")]
pub struct Review {
    /// The listing.
    #[field(reference = "catalog.listings", indexed, immutable)]
    pub listing: Ref,
    /// From 1, bad, to 5, good.
    #[field(min = 1, max = 5)]
    pub rating: u32,
    /// In a few words.
    #[field(max = 200)]
    pub title: Option<String>,
    /// In more.
    #[field(max = 10000)]
    pub text: Option<String>,
    /// Who wrote it, as `user:ada`; found when it is made.
    #[field(indexed, immutable)]
    pub who: Option<String>,
}

/// A review is its writer's, and there is one of each.
async fn own(cx: Cx, mut it: Object<Review>, old: Option<Object<Review>>) -> Result<Object<Review>> {
    match old {
        Some(old) => theirs(&cx, &old).await?,
        None => {
            it.spec.who = Some(cx.principal.actor());
            it.metadata.name = format!("{}.{}", it.spec.listing, Name::of_actor(&cx.principal.actor()));
        }
    }
    Ok(it)
}

/// Refuses others than the writer, and than those who look after reviews.
async fn theirs(cx: &Cx, it: &Object<Review>) -> Result<()> {
    let writer = it.spec.who.as_deref() == Some(cx.principal.actor().as_str());
    if writer || cx.decide("catalog.reviews.moderate", &cx.project).await?.allowed {
        return Ok(());
    }
    Err(Error::forbidden("not-your-review", "a review is changed by whoever wrote it")
        .hint("write one of your own; whoever has `catalog.reviews.moderate` looks after all"))
}

/// A number of stars.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Rate {
    /// From 1, bad, to 5, good.
    #[field(min = 1, max = 5)]
    rating: u32,
}

/// Rates the listing; a second time replaces the first.
pub async fn rate(cx: Cx, it: Object<Listing>, ask: Rate) -> Result<Value> {
    let name = format!("{}.{}", it.name(), Name::of_actor(&cx.principal.actor()));
    match cx.get_opt::<Review>(&name).await? {
        Some(mut there) => {
            there.spec.rating = ask.rating;
            cx.save(&there).await?;
        }
        None => {
            let spec = Review {
                listing: Ref::to(it.name()),
                rating: ask.rating,
                title: None,
                text: None,
                who: None,
            };
            let mut draft = Draft::new(name, spec);
            draft.owners.push(listing::owner(&cx, &it).await?);
            cx.create(draft).await?;
        }
    }
    rating(cx, it, Nothing {}).await
}

/// The mean of the ratings, and how many of each there are.
pub async fn rating(cx: Cx, it: Object<Listing>, _: Nothing) -> Result<Value> {
    Ok(Rating::of(&cx, it.name()).await?.shown())
}

/// The ratings of a listing.
pub struct Rating {
    stars: [u64; 5],
}

impl Rating {
    /// Counts the reviews of a listing.
    pub async fn of(cx: &Cx, listing: &str) -> Result<Self> {
        let mut stars = [0; 5];
        for review in cx.list::<Review>(&format!("spec.listing = \"{listing}\""), 1000).await? {
            if let Some(count) = stars.get_mut(review.spec.rating.saturating_sub(1) as usize) {
                *count += 1;
            }
        }
        Ok(Self { stars })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.stars.iter().sum()
    }

    /// Their mean; none where there are none.
    pub fn mean(&self) -> Option<f64> {
        let sum: u64 = self.stars.iter().zip(1..).map(|(count, stars)| count * stars).sum();
        (self.count() > 0).then(|| sum as f64 / self.count() as f64)
    }

    fn shown(&self) -> Value {
        json!({"mean": self.mean(), "count": self.count(), "stars": self.stars})
    }
}
