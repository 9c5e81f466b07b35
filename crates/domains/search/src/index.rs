//! The search index itself: how far it has followed, and making it anew. It belongs to the platform, not to a tenant.

use kernel::prelude::*;
use ports::search::Search;

use crate::feed;

/// What is served of the index.
pub fn serve(kind: KindBuilder<SearchIndex>) -> KindBuilder<SearchIndex> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "How far the index has followed the journal.", standing)
        .needs("get")
        .action_on_all(
            "rebuild",
            "Makes the index anew from all objects; searches find little until it is done.",
            rebuild,
        )
        .needs("rebuild")
}

/// The search index.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "search-index", plural = "search-index", prefix = "six", scope = "platform")]
pub struct SearchIndex {
    /// Its name.
    pub name: Option<String>,
}

/// How far the index has followed.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Standing {
    /// The position of the journal up to which it has.
    position: u64,
    /// The journal's last position.
    head: u64,
}

async fn standing(cx: Cx, _: Nothing) -> Result<Standing> {
    let head = *cx.platform().store.head().borrow();
    Ok(Standing { position: cx.port::<dyn Search>()?.position(), head })
}

/// What was made.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Rebuilt {
    /// How many objects are in the index.
    objects: u64,
}

async fn rebuild(cx: Cx, _: Nothing) -> Result<Rebuilt> {
    Ok(Rebuilt { objects: feed::rebuild(cx.platform()).await? })
}
