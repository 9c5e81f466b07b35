//! Whole commands against a server that answers as it is told: what is sent, what is printed, how it ends.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use clap::{CommandFactory, Parser, Subcommand};

use super::server::{Asked, Server};
use super::{Command, Cx, run};
use crate::client::Client;
use crate::config::Settings;
use crate::failure::{Exit, Failure};
use crate::output::{Format, Output};

const KINDS: &str = r#"{"items": [
    {"service": "catalog", "kind": "Model", "plural": "models", "shortNames": ["mdl"], "scope": "project",
     "fields": [{"name": "task", "type": "text", "doc": "What it predicts.", "required": true}], "actions": [{"name": "promote", "method": "POST", "of": "object", "doc": "Promotes it."}]},
    {"service": "system", "kind": "Run", "plural": "runs", "scope": "project", "fields": []}]}"#;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Words,
}

#[derive(Subcommand)]
enum Words {
    #[command(flatten)]
    Client(Command),
}

#[derive(Clone, Default)]
struct Printed(Rc<RefCell<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Ended {
    printed: String,
    failure: Option<Failure>,
    asked: Vec<Asked>,
}

impl Ended {
    fn lines(&self) -> Vec<&str> {
        self.asked.iter().map(|asked| asked.line.as_str()).collect()
    }

    fn failed(&self) -> String {
        self.failure.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

/// Runs a command line against these answers.
fn aic(line: &[&str], format: Format, answers: &[(u16, &str)]) -> Ended {
    aic_with(line, |settings| settings.format = Some(format), answers)
}

/// As `aic`, with other settings.
fn aic_with(line: &[&str], set: impl FnOnce(&mut Settings), answers: &[(u16, &str)]) -> Ended {
    let server = Server::answering(answers);
    let mut settings = Settings::of(&server.url);
    settings.project = Some("default".to_owned());
    set(&mut settings);
    let words = ["aic"].iter().chain(line);
    let Words::Client(command) =
        Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).command;
    let printed = Printed::default();
    let format = settings.format.unwrap_or(Format::Table);
    let out = Output::to(format, Vec::new(), Box::new(printed.clone()));
    let client = Client::new(&settings).unwrap();
    let mut cx = Cx { settings, client, out };
    let failure = run(&mut cx, command, Line::command).err();
    drop(cx);
    let text = String::from_utf8(printed.0.take()).unwrap();
    Ended { printed: text, failure, asked: server.asked() }
}

#[test]
fn a_list_is_read_page_by_page_and_printed_as_one_table() {
    let first = r#"{"kind": "ModelList", "items": [{"kind": "Model", "metadata": {"name": "a"}, "spec": {"task": "x"}}], "metadata": {"nextPageToken": "t/2"}}"#;
    let second =
        r#"{"kind": "ModelList", "items": [{"kind": "Model", "metadata": {"name": "b"}}], "metadata": {}}"#;
    let answers = [(200, KINDS), (200, first), (200, second)];
    let ended = aic(&["get", "mdl", "--filter", "spec.task = \"x\""], Format::Table, &answers);
    assert_eq!(ended.failed(), "");
    assert_eq!(ended.printed, "NAME  STATE  TASK  CREATED\na     -      x\nb     -\n");
    assert_eq!(
        ended.lines()[1..],
        [
            "GET /api/v1/catalog/models?limit=500&filter=spec.task%20%3D%20%22x%22",
            "GET /api/v1/catalog/models?limit=500&pageToken=t%2F2&filter=spec.task%20%3D%20%22x%22",
        ]
    );
    assert_eq!(ended.asked[1].header("authorization"), "Bearer t0");
    assert_eq!(ended.asked[1].header("x-aic-project"), "default");
    let names = aic(&["get", "models"], Format::Name, &answers);
    assert_eq!(names.printed, "model/a\nmodel/b\n");
}

#[test]
fn a_limit_stops_the_paging() {
    let page = r#"{"items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}], "metadata": {"nextPageToken": "t"}}"#;
    let ended = aic(&["get", "models", "--limit", "2"], Format::Name, &[(200, KINDS), (200, page)]);
    assert_eq!(ended.lines()[1], "GET /api/v1/catalog/models?limit=2");
    assert_eq!(ended.failed(), "");
}

#[test]
fn a_missing_object_ends_with_its_own_exit_code_and_the_request() {
    let problem = r#"{"status": 404, "code": "not-found", "detail": "there is no model `x`"}"#;
    let ended = aic(&["get", "model/x"], Format::Table, &[(200, KINDS), (404, problem)]);
    assert_eq!(ended.failure.as_ref().map(|f| f.exit), Some(Exit::NotFound));
    let shown = ended.failed();
    assert!(shown.starts_with("there is no model `x` [not-found]\n  next: "), "{shown}");
    assert!(shown.ends_with("request: req-1"), "{shown}");
}

#[test]
fn a_server_that_is_away_ends_with_its_own_exit_code() {
    let ended = aic(&["runs", "get", "x"], Format::Table, &[]);
    assert_eq!(ended.failure.as_ref().map(|f| f.exit), Some(Exit::Unavailable));
    assert!(ended.failed().contains("aic up"), "{}", ended.failed());
}

#[test]
fn applying_sends_each_document_and_says_what_became_of_it() {
    let dir = std::env::temp_dir().join(format!("aic-apply-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let text = "apiVersion: catalog.aic.dev/v1\nkind: Model\nmetadata: {name: a}\nspec: {task: x}\n---\nkind: Model\nmetadata: {name: b}\n";
    std::fs::write(dir.join("m.yaml"), text).unwrap();
    let path = dir.display().to_string();
    let bad = r#"{"status": 422, "code": "missing-field", "detail": "`spec.task` is missing", "field": "spec.task"}"#;
    let good = r#"{"kind": "Model", "metadata": {"name": "a"}}"#;
    let ended = aic(&["apply", "-f", &path], Format::Table, &[(200, KINDS), (201, good), (422, bad)]);
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(ended.printed, "model/a created\n");
    assert!(ended.failed().starts_with("1 of 2 documents were refused"), "{}", ended.failed());
    assert_eq!(ended.asked[1].line, "PATCH /api/v1/catalog/models/a?fieldManager=aic");
    assert_eq!(ended.asked[1].header("content-type"), "application/apply-patch+yaml");
    assert_eq!(ended.asked[1].json()["spec"], json(r#"{"task": "x"}"#));
}

#[test]
fn a_permission_is_asked_for_by_verb_and_kind() {
    let no = r#"{"allowed": false, "reasons": ["no role grants it"]}"#;
    let ended = aic(&["can-i", "delete", "models"], Format::Table, &[(200, KINDS), (200, no)]);
    assert_eq!(ended.printed, "no\n  because no role grants it\n");
    assert_eq!(ended.failure.map(|f| (f.exit, f.is_silent())), Some((Exit::NotAllowed, true)));
    assert_eq!(ended.asked[1].json(), json(r#"{"permission":"catalog.models.delete","project":"default"}"#));
}

#[test]
fn a_training_is_followed_to_its_model() {
    let job = r#"{"metadata": {"name": "churn-1"}, "status": {"run": "r1"}}"#;
    let running = r#"{"metadata": {"name": "r1"}, "status": {"phase": "Running", "progress": {"done": 1, "total": 2}}}"#;
    let done = r#"{"metadata": {"name": "r1"}, "status": {"phase": "Succeeded", "output": {"modelVersion": "churn.1"}}}"#;
    let line = ["train", "churn", "--target", "left", "--budget", "2m"];
    let ended = aic(&line, Format::Table, &[(201, job), (200, running), (200, done)]);
    assert_eq!(ended.failed(), "");
    assert!(ended.printed.ends_with("next: aic endpoint deploy churn --model churn --version 1\n"));
    assert_eq!(ended.asked[0].json()["spec"]["budgetSeconds"], 120);
    assert_eq!(ended.lines()[1], "GET /api/v1/system/runs/r1");
}

#[test]
fn a_dataset_is_made_sent_and_profiled() {
    let path = std::env::temp_dir().join(format!("aic-rows-{}.csv", std::process::id()));
    std::fs::write(&path, "a,b\n1,2\n").unwrap();
    let file = path.display().to_string();
    let done = r#"{"status": {"phase": "Succeeded"}}"#;
    let profile = r#"{"rows": 1, "columns": [{"name": "a", "type": "integer", "missing": 0}]}"#;
    let answers = [
        (201, "{}"),
        (202, r#"{"run": "r1"}"#),
        (200, done),
        (200, r#"{"metadata": {"name": "t"}}"#),
        (200, profile),
    ];
    let ended = aic(&["dataset", "create", "t", "--file", &file], Format::Table, &answers);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(ended.failed(), "");
    assert!(ended.lines()[1].starts_with("POST /api/v1/catalog/datasets/t/upload?filename=aic-rows-"));
    assert_eq!(ended.asked[1].header("content-type"), "text/csv");
    assert_eq!(ended.asked[1].body, "a,b\n1,2\n");
    assert!(ended.printed.contains("1 rows\nCOLUMN  TYPE"), "{}", ended.printed);
}

#[test]
fn rows_are_predicted_from_the_command_line() {
    let answer = r#"{"predictions": [{"label": "yes", "probabilities": {"yes": 0.9}}], "model": "churn", "version": "1"}"#;
    let ended = aic(&["predict", "churn", "--row", "{\"age\": 41}"], Format::Table, &[(200, answer)]);
    assert_eq!(ended.printed, "ROW  PREDICTION  PROBABILITY\n1    yes         0.9000\n");
    assert_eq!(ended.asked[0].json(), json(r#"{"rows":[{"age":41}]}"#));
}

#[test]
fn a_watch_prints_events_and_remembers_where_it_was() {
    let events = "id: 7\ndata: {\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"7\"}}}\n\n: still here\n\nid: 9\ndata: {\"type\":\"BOOKMARK\",\"object\":{}}\n\n";
    let head = r#"{"items": [], "metadata": {"resourceVersion": "6"}}"#;
    let gone = r#"{"status": 410, "code": "compacted", "detail": "too far back"}"#;
    let ended =
        aic(&["watch", "models"], Format::Table, &[(200, KINDS), (200, head), (200, events), (410, gone)]);
    assert!(ended.printed.starts_with("ADDED     model/a"), "{}", ended.printed);
    assert_eq!(ended.lines()[2], "GET /api/v1/catalog/models?watch=true&resourceVersion=6");
    assert_eq!(ended.lines()[3], "GET /api/v1/catalog/models?watch=true&resourceVersion=9");
    assert_eq!(ended.failure.map(|f| f.exit), Some(Exit::NotFound));
}

#[test]
fn a_broken_journal_is_a_failure() {
    let answer = r#"{"entries": 12, "firstBad": 7, "head": "abc"}"#;
    let ended = aic(&["audit", "verify"], Format::Table, &[(200, answer)]);
    assert_eq!(ended.printed, "12 entries; the chain is broken at 7\n");
    assert_eq!(ended.failure.map(|f| f.exit), Some(Exit::Failed));
}

#[test]
fn an_endpoint_that_is_there_changes_over() {
    let conflict = r#"{"status": 409, "code": "already-exists", "detail": "there is one"}"#;
    let there = r#"{"metadata": {"name": "churn", "resourceVersion": "4"}}"#;
    let line = ["endpoint", "deploy", "churn", "--model", "churn", "--version", "2"];
    let ended = aic(&line, Format::Table, &[(409, conflict), (200, there), (200, there)]);
    assert_eq!(ended.failed(), "");
    assert_eq!(
        ended.asked[2].json(),
        json(r#"{"metadata":{"resourceVersion":"4"},"spec":{"model":"churn","version":"2"}}"#)
    );
}

#[test]
fn an_edit_sends_what_was_touched_with_the_version_it_was_read_at() {
    let model = r#"{"kind": "Model", "metadata": {"name": "a", "resourceVersion": "7"}, "spec": {"task": "x", "pool": 5}, "status": {}}"#;
    let answers = [(200, KINDS), (200, model), (200, model)];
    let ended = aic_with(
        &["edit", "model", "a"],
        |settings| settings.editor = "sed -i 's/pool: 5/pool: 9/'".to_owned(),
        &answers,
    );
    assert_eq!(ended.failed(), "");
    assert_eq!(ended.printed, "model/a edited\n");
    assert_eq!(ended.asked[2].json(), json(r#"{"metadata":{"resourceVersion":"7"},"spec":{"pool":9}}"#));
    let ended =
        aic_with(&["edit", "model", "a"], |settings| settings.editor = "true".to_owned(), &answers[..2]);
    assert_eq!(ended.printed, "nothing was changed\n");
}

#[test]
fn a_dry_run_reaches_the_server_as_one() {
    let answers = [(200, KINDS), (200, "{}")];
    let ended = aic_with(&["delete", "model", "a"], |settings| settings.dry_run = true, &answers);
    assert_eq!(ended.printed, "model/a deleted (dry run)\n");
    assert_eq!(ended.lines()[1], "DELETE /api/v1/catalog/models/a?propagationPolicy=Background&dryRun=All");
}

#[test]
fn a_file_of_rows_is_sent_in_batches() {
    let path = std::env::temp_dir().join(format!("aic-predict-{}.csv", std::process::id()));
    std::fs::write(&path, format!("a,left\n{}", "1,0\n".repeat(501))).unwrap();
    let many = format!("{{\"predictions\": [{}]}}", vec!["{\"prediction\": 2}"; 500].join(","));
    let one = r#"{"predictions": [{"prediction": 3}]}"#;
    let line = ["predict", "e", "--file", &path.display().to_string()];
    let schema = r#"{"inputs": [{"name": "a", "datatype": "BYTES"}]}"#;
    let ended = aic(&line, Format::Table, &[(200, schema), (200, &many), (200, one)]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(ended.failed(), "");
    assert!(ended.printed.ends_with("501  3\n"));
    assert_eq!(ended.asked[2].json(), json(r#"{"rows":[{"a":"1"}]}"#));
}

#[test]
fn a_backup_is_written_whole_and_overwrites_nothing() {
    let path = std::env::temp_dir().join(format!("aic-backup-{}", std::process::id()));
    let line = ["backup", "create", &path.display().to_string()];
    let ended = aic(&line, Format::Table, &[(200, "everything"), (200, "{}")]);
    assert_eq!(ended.failed(), "");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "everything");
    let keys = crate::restore::beside(&path);
    assert_eq!(std::fs::read_to_string(&keys).unwrap(), "{}");
    std::fs::remove_file(&keys).unwrap();
    let again = aic(&line, Format::Table, &[]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(again.failure.map(|f| f.exit), Some(Exit::Usage));
}

#[test]
fn a_run_that_failed_says_where_and_why() {
    let failed = r#"{"metadata": {"name": "r1"}, "status": {"phase": "Failed", "steps": [{"name": "fit", "phase": "Failed", "error": "one class only"}]}}"#;
    let ended = aic(&["runs", "wait", "r1"], Format::Table, &[(200, failed)]);
    assert!(
        ended.failed().starts_with("the run `r1` failed: step `fit`: one class only"),
        "{}",
        ended.failed()
    );
    assert_eq!(ended.failure.map(|f| f.exit), Some(Exit::Failed));
}

#[test]
fn a_comparison_with_files_ends_like_other_comparisons() {
    let path = std::env::temp_dir().join(format!("aic-diff-{}.json", std::process::id()));
    std::fs::write(&path, r#"{"kind": "Model", "metadata": {"name": "a"}, "spec": {"task": "y"}}"#).unwrap();
    let before = r#"{"metadata": {"name": "a", "resourceVersion": "1"}, "spec": {"task": "x"}}"#;
    let after = r#"{"metadata": {"name": "a", "resourceVersion": "2"}, "spec": {"task": "y"}}"#;
    let line = ["diff", "-f", &path.display().to_string()];
    let ended = aic(&line, Format::Table, &[(200, KINDS), (200, before), (200, after)]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(ended.printed, "model/a ~ spec.task: \"x\" -> \"y\"\n");
    assert_eq!(ended.asked[2].line, "PATCH /api/v1/catalog/models/a?fieldManager=aic&force=true&dryRun=All");
    assert_eq!(ended.failure.map(|f| (f.exit, f.is_silent())), Some((Exit::Failed, true)));
}

#[test]
fn a_watch_ends_with_the_problem_it_is_told() {
    let told = "event: error\ndata: {\"status\": 503, \"code\": \"going-away\", \"detail\": \"the server stops\"}\n\n";
    let ended = aic(&["watch", "models", "--from", "3"], Format::Table, &[(200, KINDS), (200, told)]);
    assert!(ended.failed().starts_with("the server stops [going-away]"), "{}", ended.failed());
}

#[test]
fn a_difference_between_versions_is_told_field_by_field() {
    let answer = r#"{"from": 3, "to": 7, "patch": [], "before": {"spec": {"pool": 5}}, "after": {"spec": {"pool": 9}}}"#;
    let ended = aic(&["diff", "model", "a", "--from", "3"], Format::Table, &[(200, KINDS), (200, answer)]);
    assert_eq!(ended.printed, "version 3 to 7\n~ spec.pool: 5 -> 9\n");
    assert_eq!(ended.lines()[1], "GET /api/v1/catalog/models/a/diff?from=3");
}

#[test]
fn the_audit_is_searched_in_pages() {
    let first = r#"{"items": [{"position": 9, "verb": "create"}], "metadata": {"nextPageToken": "9"}}"#;
    let second = r#"{"items": [{"position": 4, "verb": "create"}], "metadata": {}}"#;
    let line = ["audit", "list", "--verb", "create", "--limit", "5"];
    let ended = aic(&line, Format::Json, &[(200, first), (200, second)]);
    assert_eq!(ended.failed(), "");
    assert_eq!(ended.asked[0].json(), json(r#"{"limit":5,"verb":"create"}"#));
    assert_eq!(ended.asked[1].json(), json(r#"{"limit":4,"pageToken":"9","verb":"create"}"#));
    assert!(ended.printed.contains("\"position\": 4"));
}

#[test]
fn a_kind_is_explained_with_what_it_does() {
    let ended = aic(&["api", "explain", "model"], Format::Table, &[(200, KINDS), (200, KINDS)]);
    assert!(ended.printed.contains("spec.task  text  required  What it predicts."), "{}", ended.printed);
    assert!(
        ended.printed.ends_with("Actions:\n  POST /api/v1/catalog/models/{id}/promote\n      Promotes it.\n")
    );
}
