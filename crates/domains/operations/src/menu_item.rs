//! A menu's entry: what it says, where it leads, and who may use it.

use kernel::prelude::*;

/// What entries serve: the verbs every kind has.
pub fn serve(kind: KindBuilder<Item>) -> KindBuilder<Item> {
    kind.also_at("admin/menus/items").check(leads_inside)
}

/// An entry of a menu.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "menu-item", prefix = "mni", scope = "organization")]
pub struct Item {
    /// The menu it belongs to.
    #[field(reference = "admin.menus", indexed)]
    pub menu: Ref,
    /// What it says.
    #[field(max = 200, example = "Models")]
    pub label: String,
    /// Where it leads: a path of the console, or an address with `https`.
    #[field(max = 2000, example = "/models")]
    pub path: String,
    /// Its icon.
    #[field(reference = "admin.menu-icons")]
    pub icon: Option<Ref>,
    /// The entry it stands under.
    #[field(reference = "admin.menu-items")]
    pub parent: Option<Ref>,
    /// The permission one needs to be shown it.
    #[field(max = 200, example = "catalog.models.list")]
    pub permission: Option<String>,
    /// Where it stands in the menu; the smallest first.
    #[field(default = 100)]
    pub order: u32,
}

/// A script must not hide in a link.
fn leads_inside(it: &Object<Item>) -> Result<()> {
    let path = &it.spec.path;
    let inside = path.starts_with('/') && !path.starts_with("//");
    if (inside || path.starts_with("https://")) && !path.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::invalid("bad-path", "an entry leads to a path such as `/models`, or to an `https` address")
        .at("spec.path"))
}
