//! A configuration: a set of preferences with favourites and a theme, which anybody may take over.

use std::collections::BTreeMap;

use kernel::prelude::*;

use crate::{
    personal::{self, Favorite},
    theme::{For, Theme, Whom},
};

/// What configurations serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Configuration>) -> KindBuilder<Configuration> {
    kind.also_at("views/personalization/configurations")
        .admit(sound)
        .action(
            "apply",
            "Takes it over for the caller, or as the organization's defaults, which needs the permission `views.configurations.apply`.",
            apply,
        )
        .needs("get")
}

/// A set of preferences.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "configuration", prefix = "cfg", scope = "organization")]
pub struct Configuration {
    /// What people read.
    #[field(min = 1, max = 200, example = "For analysts")]
    pub title: String,
    /// For whom it is good.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Preferences by their names.
    #[field(max = 100)]
    pub preferences: BTreeMap<String, Value>,
    /// Favourites that are added to those there are.
    #[field(max = 50)]
    pub favorites: Vec<Favorite>,
    /// The theme.
    #[field(reference = "views.themes")]
    pub theme: Option<Ref>,
}

/// Favourites lead into the console and nowhere else.
async fn sound(
    _: Cx,
    mut it: Object<Configuration>,
    _: Option<Object<Configuration>>,
) -> Result<Object<Configuration>> {
    for (i, favorite) in it.spec.favorites.iter_mut().enumerate() {
        personal::path(&favorite.url).map_err(|error| error.at(format!("spec.favorites[{i}].url")))?;
        favorite.id = Some(personal::id_of(&favorite.url));
    }
    Ok(it)
}

async fn apply(cx: Cx, it: Object<Configuration>, ask: For) -> Result<Value> {
    if ask.r#for == Whom::Organization {
        cx.authorize("views.configurations.apply", "").await?;
    }
    let theme = match &it.spec.theme {
        // One that was deleted since is not taken over.
        Some(theme) => cx.get_opt::<Theme>(theme).await?.map(|theme| theme.metadata.name),
        None => None,
    };
    let own = personal::change(&cx, ask.r#for, "apply", |mine| {
        mine.preferences.extend(it.spec.preferences.clone());
        for favorite in &it.spec.favorites {
            if !mine.favorites.iter().any(|there| there.id == favorite.id) {
                mine.favorites.push(favorite.clone());
            }
        }
        if theme.is_some() {
            mine.theme.clone_from(&theme);
        }
        mine.configuration = Some(it.metadata.name.clone());
    })
    .await?;
    Ok(json!({
        "configuration": it.name(), "for": ask.r#for, "preferences": own.preferences, "favorites": own.favorites,
        "theme": own.theme,
    }))
}
