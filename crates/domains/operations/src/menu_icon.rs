//! An icon for menus: one path of SVG, so that nothing but a shape can be in it.

use kernel::prelude::*;

/// What icons serve: the verbs every kind has.
pub fn serve(kind: KindBuilder<Icon>) -> KindBuilder<Icon> {
    kind.also_at("admin/menus/icons").check(is_a_path)
}

/// A shape.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "menu-icon", prefix = "mic", scope = "organization")]
pub struct Icon {
    /// Path data (SVG 2, section 9.3).
    #[field(max = 20000, example = "M4 4h16v16H4z")]
    pub path: String,
    /// The width and height of the square the path is drawn in.
    #[field(min = 1, max = 4096, default = 24)]
    pub size: u32,
}

/// Letters of commands, numbers and what stands between them.
fn is_a_path(it: &Object<Icon>) -> Result<()> {
    let path = it.spec.path.trim();
    let known = |c: char| "MmZzLlHhVvCcSsQqTtAaEe0123456789+-., \n".contains(c);
    if path.starts_with(['M', 'm']) && path.chars().all(known) {
        return Ok(());
    }
    Err(Error::invalid("bad-icon", "this is no SVG path data")
        .at("spec.path")
        .hint("it begins with `M`, for example `M4 4h16v16H4z`"))
}
