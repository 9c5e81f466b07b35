//! From what people call a thing to the name it is kept under: MLflow allows any text, objects want a DNS name.

use base::{Digest, Name};
pub use places::title as title_of;

/// The name a title is kept under. `again` makes another one when somebody else has it.
pub fn name_of(title: &str, again: u32) -> String {
    let is_name = again == 0 && title.len() <= 200 && !title.contains('_') && Name::new(title).is_ok();
    if is_name {
        return title.to_owned();
    }
    let digest = Digest::of(format!("{title}\0{again}").as_bytes()).to_string();
    match Name::from_title(title) {
        Some(name) => format!("{name}-{}", &digest[..8]),
        None => format!("x-{}", &digest[..16]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_names_and_different_ones_different_names() {
        assert_eq!(name_of("churn", 0), "churn");
        for title in ["Churn", "churn/v2", "größe", "!!!", "a_b", "日本", &"x".repeat(500), " churn"] {
            let name = name_of(title, 0);
            assert!(Name::new(name.as_str()).is_ok(), "{name}");
            assert_ne!(name, name_of(title, 1));
        }
        assert_ne!(name_of("A B", 0), name_of("a-b", 0));
        assert_ne!(name_of("A B", 0), name_of("A  B", 0));
    }
}
