//! A menu: entries under a title, shown to those it is assigned to.

use kernel::prelude::*;

use crate::{
    menu_assignment::{self, Assignment},
    menu_item::Item,
};

/// What menus serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Menu>) -> KindBuilder<Menu> {
    kind.view_of_all("mine", "The menus assigned to the caller, with the entries the caller may use.", mine)
        .open_to(OpenTo::Caller)
}

/// The most entries of one menu that are shown.
const ITEMS_MAX: u32 = 500;

/// Entries under a title.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "menu", prefix = "mnu", scope = "organization")]
pub struct Menu {
    /// What stands above the entries.
    #[field(max = 200, example = "Machine learning")]
    pub title: String,
    /// Where it stands among the caller's menus; the smallest first.
    #[field(default = 100)]
    pub order: u32,
}

/// An entry as it is shown.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Entry {
    /// The entry's name.
    name: String,
    /// What it says.
    label: String,
    /// Where it leads.
    path: String,
    /// The name of its icon.
    icon: Option<String>,
    /// The entry it stands under.
    parent: Option<String>,
}

/// A menu as it is shown.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Shown {
    /// The menu's name.
    name: String,
    /// What stands above the entries.
    title: String,
    /// The entries in order.
    items: Vec<Entry>,
}

/// Everything the caller is shown.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Mine {
    /// One entry a menu.
    items: Vec<Shown>,
}

/// The menus assigned to the caller.
async fn mine(cx: Cx, _: Nothing) -> Result<Mine> {
    let assignments = cx.list::<Assignment>("", 1000).await?;
    let names: Vec<Ref> = assignments
        .into_iter()
        .filter(|it| menu_assignment::is_for(&it.spec.subject, &cx.principal))
        .map(|it| it.spec.menu)
        .collect();
    let mut menus = cx.list::<Menu>("", 1000).await?;
    menus.retain(|menu| names.iter().any(|name| **name == *menu.name()));
    menus.sort_by(|a, b| (a.spec.order, a.name()).cmp(&(b.spec.order, b.name())));
    let mut items = Vec::new();
    for menu in menus {
        let entries = entries(&cx, menu.name()).await?;
        items.push(Shown { name: menu.metadata.name, title: menu.spec.title, items: entries });
    }
    Ok(Mine { items })
}

/// The entries of a menu that the caller may use; one under an entry that is not shown is not shown either.
async fn entries(cx: &Cx, menu: &str) -> Result<Vec<Entry>> {
    let mut found = cx.list::<Item>(&format!("spec.menu = \"{menu}\""), ITEMS_MAX).await?;
    found.sort_by(|a, b| (a.spec.order, a.name()).cmp(&(b.spec.order, b.name())));
    let mut usable = Vec::new();
    for item in found {
        let allowed = match &item.spec.permission {
            Some(permission) => cx.decide(permission, &cx.project).await?.allowed,
            None => true,
        };
        if allowed {
            usable.push(item);
        }
    }
    let shown = |name: &str| usable.iter().any(|item| item.name() == name);
    let is_shown = |item: &&Object<Item>| item.spec.parent.as_ref().is_none_or(|parent| shown(parent));
    let entry = |item: &Object<Item>| Entry {
        name: item.name().to_owned(),
        label: item.spec.label.clone(),
        path: item.spec.path.clone(),
        icon: item.spec.icon.as_ref().map(ToString::to_string),
        parent: item.spec.parent.as_ref().map(ToString::to_string),
    };
    Ok(usable.iter().filter(is_shown).map(entry).collect())
}
