//! A theme: colours, density and roundness of the console, for a person or for all of the organization.
//!
//! A theme whose colours cannot be told apart well enough (WCAG 2.2) is not kept.

use kernel::prelude::*;

use crate::{
    brand_asset::BrandAsset,
    contrast::{self, Pair},
    fitted, personal,
};

/// What themes serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Theme>) -> KindBuilder<Theme> {
    kind.check(legible)
        .action(
            "apply",
            "Makes it the caller's theme, or the organization's, which needs the permission `views.themes.apply`.",
            apply,
        )
        .needs("get")
        .view("export", "The theme as one JSON document, with its variables as CSS.", export)
        .needs("get")
        .action("preview", "The variables and contrasts it would have with some tokens changed; nothing is kept.", preview)
        .needs("get")
        .view_of_all("current", "The theme that counts for the caller, and the organization's brand.", current)
        .open_to(OpenTo::Caller)
}

/// Colours, density and roundness.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "theme", prefix = "thm", scope = "organization")]
pub struct Theme {
    /// What people read.
    #[field(max = 200)]
    pub title: Option<String>,
    /// Colours on light ground; those of the platform where none are given.
    pub light: Option<Colours>,
    /// Colours on dark ground.
    pub dark: Option<Colours>,
    /// How dense pages are; what the person prefers when not given.
    pub density: Option<Density>,
    /// How round corners are, in CSS pixels.
    #[field(max = 24, default = 6)]
    pub radius: u32,
}

/// How dense pages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Density {
    /// As much as possible on a page.
    Compact,
    /// With room around things.
    Comfortable,
}

/// Colours as `#rrggbb`; those of the platform where one is not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Colours {
    /// Behind everything.
    #[field(min = 7, max = 7, example = "#ffffff")]
    pub background: Option<String>,
    /// Behind bars and panels.
    #[field(min = 7, max = 7)]
    pub surface: Option<String>,
    /// Of texts.
    #[field(min = 7, max = 7)]
    pub text: Option<String>,
    /// Of texts that matter less.
    #[field(min = 7, max = 7)]
    pub muted: Option<String>,
    /// Of links and of what is pressed.
    #[field(min = 7, max = 7, example = "#1f4fd8")]
    pub accent: Option<String>,
    /// Of texts on that.
    #[field(min = 7, max = 7)]
    pub on_accent: Option<String>,
}

/// The tokens in order: name, variable of the console, and the platform's own colours, light and dark.
const TOKENS: [(&str, &str, &str, &str); 6] = [
    ("background", "--bg", "#ffffff", "#111418"),
    ("surface", "--surface", "#f7f8fa", "#171b21"),
    ("text", "--text", "#171a20", "#e7eaef"),
    ("muted", "--muted", "#586071", "#9aa4b3"),
    ("accent", "--accent", "#1f4fd8", "#8fb2ff"),
    ("onAccent", "--on-accent", "#ffffff", "#0d1322"),
];

/// Two tokens, and the share of the second.
type Mix = (&'static str, &'static str, f64);

/// What follows from those where one of them is given: name, variable, and of which two it is mixed with what share of
/// the second; and the platform's own, light and dark.
const DERIVED: [(&str, &str, Mix, &str, &str); 4] = [
    ("raised", "--raised", ("background", "text", 0.0), "#ffffff", "#1c2128"),
    ("sunken", "--sunken", ("surface", "text", 0.04), "#eef0f4", "#0c0f12"),
    ("accentSoft", "--accent-soft", ("background", "accent", 0.12), "#e8eefc", "#1c2945"),
    ("border", "--border", ("background", "text", 0.16), "#dde1e7", "#2a313a"),
];

/// What must be told apart: in front and behind.
const PAIRS: [(&str, &str); 13] = [
    ("text", "background"),
    ("text", "surface"),
    ("text", "raised"),
    ("text", "sunken"),
    ("muted", "background"),
    ("muted", "surface"),
    ("muted", "raised"),
    ("muted", "sunken"),
    ("accent", "background"),
    ("accent", "surface"),
    ("accent", "raised"),
    ("accent", "accentSoft"),
    ("onAccent", "accent"),
];
/// By how much: what texts need (success criterion 1.4.3).
const LEAST: f64 = 4.5;

impl Theme {
    /// One colour: the theme's, what follows from the theme's, or the platform's.
    fn colour(&self, dark: bool, token: &str) -> Result<String> {
        let own =
            serde_json::to_value(if dark { &self.dark } else { &self.light }).map_err(Error::internal)?;
        if let Some(own) = own.get(token).and_then(Value::as_str) {
            return Ok(own.to_owned());
        }
        let given = |token: &str| own.get(token).is_some_and(Value::is_string);
        if let Some((_, _, (one, other, share), light, night)) = DERIVED.iter().find(|it| it.0 == token) {
            return Ok(match given(one) || given(other) {
                true => contrast::mixed(self.parsed(dark, one)?, self.parsed(dark, other)?, *share),
                false => (if dark { *night } else { *light }).to_owned(),
            });
        }
        let found = TOKENS.iter().find(|it| it.0 == token).map(|it| if dark { it.3 } else { it.2 });
        found.map(str::to_owned).ok_or_else(|| Error::internal("no such token"))
    }

    fn parsed(&self, dark: bool, token: &str) -> Result<contrast::Colour> {
        let text = self.colour(dark, token)?;
        contrast::parse(&text).ok_or_else(|| {
            Error::invalid("invalid-colour", format!("`{}` is no colour", crate::short(&text)))
                .at(format!("spec.{}.{token}", if dark { "dark" } else { "light" }))
                .hint("colours are written `#rrggbb`")
        })
    }

    /// Every pair that must be told apart; of colours that are none, why.
    fn pairs(&self) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for (dark, mode) in [(false, "light"), (true, "dark")] {
            for (front, behind) in PAIRS {
                let ratio = contrast::ratio(self.parsed(dark, front)?, self.parsed(dark, behind)?);
                let (mode, front, behind) = (mode.to_owned(), front.to_owned(), behind.to_owned());
                let shown = (ratio * 100.0).floor() / 100.0;
                pairs.push(Pair { mode, front, behind, ratio: shown, least: LEAST, passes: ratio >= LEAST });
            }
        }
        Ok(pairs)
    }

    /// The variables of the console, as CSS values.
    fn variables(&self) -> Result<Value> {
        let mut all = serde_json::Map::new();
        let derived = DERIVED.iter().map(|it| (it.0, it.1));
        for (token, variable) in TOKENS.iter().map(|it| (it.0, it.1)).chain(derived) {
            let value = format!("light-dark({}, {})", self.colour(false, token)?, self.colour(true, token)?);
            all.insert(variable.to_owned(), json!(value));
        }
        all.insert("--radius".to_owned(), json!(format!("{}px", self.radius)));
        Ok(Value::Object(all))
    }
}

/// Texts can be read on what is behind them.
fn legible(it: &Object<Theme>) -> Result<()> {
    match it.spec.pairs()?.into_iter().find(|pair| !pair.passes) {
        None => Ok(()),
        Some(Pair { mode, front, behind, ratio, least, .. }) => Err(Error::invalid(
            "low-contrast",
            format!("`{front}` on `{behind}` has a contrast of {ratio}, and at least {least} is needed"),
        )
        .at(format!("spec.{mode}.{front}"))
        .hint("WCAG 2.2, success criterion 1.4.3; `preview` tells all contrasts")),
    }
}

/// For whom.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct For {
    /// For the caller alone, or for all of the organization who have chosen none.
    #[field(default = "me")]
    pub r#for: Whom,
}

/// For whom something counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Whom {
    /// The caller.
    Me,
    /// All of the organization.
    Organization,
}

async fn apply(cx: Cx, it: Object<Theme>, ask: For) -> Result<Value> {
    if ask.r#for == Whom::Organization {
        cx.authorize("views.themes.apply", "").await?;
    }
    let theme = it.metadata.name.clone();
    personal::change(&cx, ask.r#for, "apply", |mine| mine.theme = Some(theme.clone())).await?;
    Ok(json!({"theme": theme, "for": ask.r#for}))
}

async fn export(_: Cx, it: Object<Theme>, _: Nothing) -> Result<Value> {
    let variables = it.spec.variables()?;
    let lines = variables.as_object().into_iter().flatten();
    let css: Vec<String> =
        lines.map(|(name, value)| format!("  {name}: {};", value.as_str().unwrap_or_default())).collect();
    Ok(json!({
        "format": "aic.theme/1", "name": it.name(), "spec": it.spec, "contrast": it.spec.pairs()?,
        "css": format!(":root {{\n{}\n}}\n", css.join("\n")),
    }))
}

/// Tokens to try.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Tokens {
    /// What is changed of the theme, as a merge patch of its spec (RFC 7396).
    tokens: Option<Value>,
}

async fn preview(_: Cx, it: Object<Theme>, ask: Tokens) -> Result<Value> {
    let mut document = serde_json::to_value(&it.spec).map_err(Error::internal)?;
    patch::merge(&mut document, &ask.tokens.filter(|tokens| !tokens.is_null()).unwrap_or_else(|| json!({})));
    let tried: Theme = fitted(&document, "tokens")?;
    let pairs = tried.pairs()?;
    let passes = pairs.iter().all(|pair| pair.passes);
    Ok(
        json!({"variables": tried.variables()?, "density": tried.density, "contrast": pairs, "passes": passes}),
    )
}

/// The theme that counts for the caller: their own, or the organization's, or none; and the brand.
async fn current(cx: Cx, _: Nothing) -> Result<Value> {
    let (own, shared) = personal::both(&cx).await?;
    let mut told = json!({"from": "none"});
    for (from, name) in [("own", own.theme), ("organization", shared.theme)] {
        let Some(name) = name else { continue };
        // One that was deleted since counts no more.
        if let Some(theme) = cx.get_opt::<Theme>(&name).await? {
            told = json!({
                "from": from, "theme": name, "title": theme.spec.title, "density": theme.spec.density,
                "variables": theme.spec.variables()?,
            });
            break;
        }
    }
    let mut brand = serde_json::Map::new();
    for asset in cx.list::<BrandAsset>("", 200).await? {
        let purpose = serde_json::to_value(asset.spec.purpose).map_err(Error::internal)?;
        let address = format!("/api/v1/views/brand-assets/{}/content", asset.metadata.uid);
        // The newest comes last.
        brand.insert(
            purpose.as_str().unwrap_or_default().to_owned(),
            json!({"url": address, "alt": asset.spec.alt, "media": asset.spec.media, "digest": asset.spec.blob}),
        );
    }
    told["brand"] = Value::Object(brand);
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platforms_own_colours_can_be_told_apart() {
        let own = Theme { title: None, light: None, dark: None, density: None, radius: 6 };
        for pair in own.pairs().unwrap() {
            assert!(pair.passes, "{pair:?}");
        }
    }
}
