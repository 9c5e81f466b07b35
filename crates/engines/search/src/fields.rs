//! The fields of the index.

use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};

/// What stands between the parts of a term that has several; no name has it.
const BETWEEN: char = '\u{1f}';

/// The fields, by what they hold.
#[derive(Clone, Copy)]
pub struct Fields {
    /// The identifier.
    pub uid: Field,
    /// Organization, kind and project in one term: what permissions are asked of.
    pub place: Field,
    /// The kind.
    pub kind: Field,
    /// The project.
    pub project: Field,
    /// The name, by its words as they are.
    pub name: Field,
    /// The title, by the stems of its words.
    pub title: Field,
    /// Everything else, likewise.
    pub text: Field,
    /// Names and values that are counted.
    pub facet: Field,
    /// When it was made, in microseconds.
    pub created: Field,
    /// When it was changed.
    pub updated: Field,
}

/// The schema, and its fields.
pub fn schema() -> (Schema, Fields) {
    let words = |tokenizer: &str| {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(tokenizer)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions);
        TextOptions::default().set_indexing_options(indexing) | STORED
    };
    let mut schema = Schema::builder();
    let fields = Fields {
        uid: schema.add_text_field("uid", STRING | STORED),
        place: schema.add_text_field("place", STRING),
        kind: schema.add_text_field("kind", STRING | STORED),
        project: schema.add_text_field("project", STRING | STORED),
        name: schema.add_text_field("name", words("default")),
        title: schema.add_text_field("title", words("en_stem")),
        text: schema.add_text_field("text", words("en_stem")),
        facet: schema.add_text_field("facet", STRING | FAST),
        created: schema.add_i64_field("created", INDEXED | FAST),
        updated: schema.add_i64_field("updated", FAST | STORED),
    };
    (schema.build(), fields)
}

/// The term of a place.
pub fn place(org: &str, kind: &str, project: &str) -> String {
    format!("{org}{BETWEEN}{kind}{BETWEEN}{project}")
}

/// The term of a facet's value.
pub fn facet(name: &str, value: &str) -> String {
    format!("{name}{BETWEEN}{value}")
}

/// A facet's name and value, from its term.
pub fn of_facet(term: &str) -> Option<(&str, &str)> {
    term.split_once(BETWEEN)
}
