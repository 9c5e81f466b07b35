//! Any text is answered, and a tree that is printed reads as the same tree.

use proptest::{
    collection,
    prelude::{Strategy, any},
    prop_assert, prop_assert_eq, prop_assume, prop_oneof, proptest,
    sample::select,
};

use super::{DEPTH_MAX, LENGTH_MAX, Literal, Tree, tree};

/// A tree as a filter, with more parentheses than a person would write.
fn printed(tree: &Tree) -> String {
    let joined = |parts: &[Tree], word: &str| {
        let parts: Vec<String> = parts.iter().map(|part| format!("({})", printed(part))).collect();
        parts.join(word)
    };
    match tree {
        Tree::All(parts) => joined(parts, " AND "),
        Tree::Any(parts) => joined(parts, " OR "),
        Tree::Not(part) => format!("NOT ({})", printed(part)),
        Tree::Bare(text) => literal(text),
        Tree::Compare { path, comparator, value, .. } => format!("{path} {comparator} {}", literal(value)),
    }
}

fn literal(it: &Literal) -> String {
    match it.quoted {
        true => super::literal(&it.text),
        false => it.text.clone(),
    }
}

/// The same tree, wherever it stands in its text.
fn placeless(tree: Tree) -> Tree {
    match tree {
        Tree::All(parts) => Tree::All(parts.into_iter().map(placeless).collect()),
        Tree::Any(parts) => Tree::Any(parts.into_iter().map(placeless).collect()),
        Tree::Not(part) => Tree::Not(Box::new(placeless(*part))),
        Tree::Bare(text) => Tree::Bare(text),
        Tree::Compare { path, comparator, value, .. } => {
            Tree::Compare { position: 0, path, comparator, value }
        }
    }
}

fn word() -> impl Strategy<Value = String> {
    "[a-zé0-9_.*/+][a-zé0-9_.*/+-]{0,6}"
}

fn value() -> impl Strategy<Value = Literal> {
    prop_oneof![
        word().prop_map(|text| Literal { text, quoted: false }),
        ".{0,8}|[\"'\\\\\n\tnt]{0,5}".prop_map(|text| Literal { text, quoted: true }),
    ]
}

fn trees() -> impl Strategy<Value = Tree> {
    let comparator = select(vec!["=", "!=", "<", "<=", ">", ">=", ":"]);
    let leaf = prop_oneof![
        value().prop_map(Tree::Bare),
        (word(), comparator, value()).prop_map(|(path, comparator, value)| Tree::Compare {
            position: 0,
            path,
            comparator,
            value
        }),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 2..4).prop_map(Tree::All),
            collection::vec(inner.clone(), 2..4).prop_map(Tree::Any),
            inner.prop_map(|part| Tree::Not(Box::new(part))),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let _ = tree(&text);
    }

    #[test]
    fn any_row_of_tokens_is_answered_and_a_mistake_has_its_place(
        text in "(AND |OR |NOT |\\(|\\)|-|=|!=|<=|>|:|a|b\\.c|\"x\"|'|\"|\\\\| |é|1){0,40}",
    ) {
        if let Err(error) = tree(&text) {
            prop_assert_eq!(error.code(), "bad-filter");
            let place = error.message().rsplit(' ').next().and_then(|word| word.parse::<usize>().ok());
            prop_assert!(place.is_some_and(|place| place <= text.chars().count() + 1), "{}", error.message());
        }
    }

    #[test]
    fn a_printed_tree_reads_as_the_same_tree(written in trees()) {
        let text = printed(&written);
        prop_assume!(text.len() <= LENGTH_MAX);
        let read = tree(&text).unwrap().map(placeless);
        prop_assert_eq!(read, Some(written), "{}", text);
    }
}

#[test]
fn depth_is_bounded_and_many_nots_are_not_deep() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(tree(&nested(DEPTH_MAX)).is_ok());
    assert!(tree(&nested(DEPTH_MAX + 1)).is_err());
    assert!(tree(&"(".repeat(LENGTH_MAX)).is_err());
    assert!(tree(&format!("{}a", "NOT ".repeat(900))).is_ok());
}
