//! What the index promises.

use std::collections::BTreeMap;

use base::Time;
use ports::search::{Order, Place};

use super::*;

fn document(number: i64, org: &str, project: &str, (name, title, text): (&str, &str, &str)) -> Step {
    Step::Put(Document {
        uid: format!("mdl_{org}_{number}"),
        org: org.to_owned(),
        project: project.to_owned(),
        kind: "catalog.models".to_owned(),
        name: name.to_owned(),
        title: title.to_owned(),
        text: text.to_owned(),
        facets: vec![("task".to_owned(), if number % 2 == 0 { "binary" } else { "regression" }.to_owned())],
        created: Time::from_micros(number * 1_000_000),
        updated: Time::from_micros(number * 1_000_000),
    })
}

fn question(words: &str) -> Question {
    let place = |project: &str| Place { kind: "catalog.models".to_owned(), project: project.to_owned() };
    Question {
        org: "acme".to_owned(),
        places: vec![place("a"), place("b")],
        words: words.to_owned(),
        limit: 10,
        ..Question::default()
    }
}

fn library() -> Vec<Step> {
    vec![
        document(
            1,
            "acme",
            "a",
            ("churn-forecast", "Who leaves", "predicts which customers cancel their contracts"),
        ),
        document(2, "acme", "b", ("churn", "Monthly churn", "a baseline of cancelled contracts")),
        document(3, "acme", "c", ("churn-secret", "Churn of the board", "nobody may see this")),
        document(4, "other", "a", ("churn-theirs", "Churn elsewhere", "of another tenant")),
        document(
            5,
            "acme",
            "a",
            ("prices", "House prices", "regression on floor space; \u{201c}größe\u{201d} in m²"),
        ),
    ]
}

async fn names(search: &dyn Search, question: Question) -> Vec<String> {
    search.find(question).await.unwrap().hits.into_iter().map(|hit| hit.name).collect()
}

#[tokio::test]
async fn only_what_the_caller_may_see_is_found_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let search = open(dir.path()).unwrap();
    search.write(library(), 7).await.unwrap();
    let found = search.find(question("churn")).await.unwrap();
    assert_eq!(found.total, 2);
    assert_eq!(found.facets["project"], BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 1)]));
    assert_eq!(search.find(Question { places: Vec::new(), ..question("churn") }).await.unwrap().total, 0);
    assert_eq!(search.find(question("")).await.unwrap().total, 3, "no words find everything one may see");
    assert_eq!(search.suggest(question("chu")).await.unwrap(), ["churn", "churn-forecast"]);
}

#[tokio::test]
async fn words_are_found_by_their_stems_phrases_and_beginnings() {
    let dir = tempfile::tempdir().unwrap();
    let search = open(dir.path()).unwrap();
    search.write(library(), 7).await.unwrap();
    assert_eq!(names(&*search, question("cancelling contract")).await.len(), 2, "stems");
    assert_eq!(names(&*search, question("\"cancelled contracts\"")).await, ["churn"], "a phrase");
    assert_eq!(names(&*search, question("contracts -baseline")).await, ["churn-forecast"], "not");
    assert_eq!(names(&*search, question("GRÖSSE OR größe")).await, ["prices"], "any script");
    assert_eq!(names(&*search, question("pric")).await, ["prices"], "a beginning");
    assert_eq!(names(&*search, question("churn")).await[0], "churn", "a name that is the word comes first");
    for odd in ["\"", "((", "name:", "AND OR", "a:b:c", "\\", "*", "[1 TO", "\u{1f}"] {
        search.find(question(odd)).await.unwrap();
    }
    let hit = &search.find(question("customers")).await.unwrap().hits[0];
    let (from, to) = hit.highlights[0];
    assert_eq!(hit.excerpt.chars().skip(from).take(to - from).collect::<String>(), "customers");
}

#[tokio::test]
async fn facets_narrow_and_pages_follow_an_order() {
    let dir = tempfile::tempdir().unwrap();
    let search = open(dir.path()).unwrap();
    search.write(library(), 7).await.unwrap();
    let only = |value: &str| BTreeMap::from([("task".to_owned(), vec![value.to_owned()])]);
    assert_eq!(names(&*search, Question { facets: only("binary"), ..question("churn") }).await, ["churn"]);
    let newest = Question { order: Order::Updated, limit: 2, ..question("") };
    assert_eq!(names(&*search, newest.clone()).await, ["prices", "churn"]);
    assert_eq!(names(&*search, Question { offset: 2, ..newest }).await, ["churn-forecast"]);
    let since = Question { since: Some(Time::from_micros(2_000_000)), ..question("") };
    assert_eq!(search.find(since).await.unwrap().total, 2);
}

#[tokio::test]
async fn it_follows_changes_and_keeps_its_place_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let search = open(dir.path()).unwrap();
    search.write(library(), 7).await.unwrap();
    let renamed = document(2, "acme", "b", ("churn", "Attrition", "nothing else"));
    search.write(vec![renamed, Step::Gone("mdl_acme_1".to_owned())], 9).await.unwrap();
    assert_eq!(names(&*search, question("contracts")).await, [""; 0]);
    assert_eq!(names(&*search, question("attrition")).await, ["churn"]);
    drop(search);
    let search = open(dir.path()).unwrap();
    assert_eq!(search.position(), 9);
    assert_eq!(names(&*search, question("attrition")).await, ["churn"]);
    search.clear().await.unwrap();
    assert_eq!((search.position(), search.find(question("")).await.unwrap().total), (0, 0));
}

#[tokio::test]
async fn an_index_that_cannot_be_read_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    fs::write(dir.path().join("meta.json"), "{").unwrap();
    let search = open(dir.path()).unwrap();
    assert_eq!(search.position(), 0);
}
