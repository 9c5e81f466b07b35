//! Whole lessons: on the tables in `examples/data`, and on tables nobody can learn from.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use base::Result;
use ports::{
    Watch,
    infer::{Datatype, Elements, Infer, Model, Tensor},
    learn::{Errors, Learn, Lesson, Lessoned, Task, Tried},
    table::{Column, ColumnType, Format, Table, Tables, Values},
};

struct Witness {
    began: Instant,
    lines: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

impl Witness {
    fn new() -> Self {
        Self { began: Instant::now(), lines: Mutex::default(), stopped: AtomicBool::new(false) }
    }
}

impl Watch for Witness {
    fn progress(&self, _: u64, _: u64, _: &str) {}
    fn line(&self, text: &str) {
        self.lines.lock().unwrap().push(text.to_owned());
    }
    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
    fn elapsed_s(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}

fn lesson(target: &str) -> Lesson {
    Lesson {
        target: target.to_owned(),
        ignore: Vec::new(),
        task: None,
        budget_s: 60.0,
        folds: 2,
        test_share: 0.25,
        seed: 1,
        only: None,
    }
}

fn example(name: &str) -> Table {
    // Tests run in their package's directory; a path fixed when compiling would name another checkout's.
    let path = Path::new("../../../examples/data").join(name);
    let tables = engine_tables::open();
    let profile = tables.profile(Format::Csv, &path, &Witness::new()).unwrap();
    tables.read(Format::Csv, &path, &profile, 0..profile.rows).unwrap()
}

fn learn(lesson: &Lesson, table: &Table) -> Result<(Lessoned, Arc<dyn Model>)> {
    let infer = Arc::new(engine_infer::open());
    let done = super::open(infer.clone()).learn(lesson, table, &mut |_| (), &Witness::new())?;
    let model = infer.load(&done.onnx)?;
    Ok((done, model))
}

fn numbers(name: &str, values: Vec<f64>) -> Column {
    Column { name: name.to_owned(), kind: ColumnType::Number, values: Values::Numbers(values) }
}

fn texts(name: &str, values: &[&str]) -> Column {
    let mut distinct: Vec<String> = Vec::new();
    let code = |text: &&str| {
        (!text.is_empty()).then(|| {
            let found = distinct.iter().position(|it| it == text);
            found.unwrap_or_else(|| {
                distinct.push((*text).to_owned());
                distinct.len() - 1
            }) as u32
        })
    };
    Column {
        name: name.to_owned(),
        kind: ColumnType::Text,
        values: Values::Texts { codes: values.iter().map(code).collect(), distinct: distinct.clone() },
    }
}

fn table(columns: Vec<Column>) -> Table {
    let rows = match &columns[0].values {
        Values::Numbers(it) => it.len(),
        Values::Texts { codes, .. } => codes.len(),
    };
    Table { columns, rows }
}

/// Numbers that look random and are not.
fn noise(at: usize) -> f64 {
    ((at * 7_919 + 13) % 1_009) as f64 / 1_009.0
}

fn ask(name: &str, elements: Elements) -> Tensor {
    Tensor { name: name.to_owned(), shape: vec![1, 1], elements }
}

#[test]
fn two_classes_are_learnt_from_mixed_columns() {
    let mut metrics = Vec::new();
    let table = example("credit.csv");
    let infer = Arc::new(engine_infer::open());
    let learner = super::open(infer.clone());
    let mut points = |it: ports::learn::Point| metrics.push(it.metric);
    let done = learner.learn(&lesson("status"), &table, &mut points, &Witness::new()).unwrap();
    assert_eq!(
        (done.task, done.signature.classes.as_slice()),
        (Task::Binary, &["bad".to_owned(), "good".to_owned()][..])
    );
    assert!(done.metrics["auc"] > 0.8 && done.metrics["accuracy"] > 0.76, "{:?}", done.metrics);
    assert!(done.trials.len() > 4 && done.trials.windows(2).all(|pair| pair[0].score >= pair[1].score));
    assert_eq!(done.held_out.len(), 1_114);
    assert!(done.background.len() > 100 && done.background.len() <= 200);
    assert!(done.importance.windows(2).all(|pair| pair[0].1 >= pair[1].1));
    for wanted in ["trial.score", "train.logloss", "valid.logloss"] {
        assert!(metrics.iter().any(|it| it == wanted), "{wanted}");
    }
    let Errors::Confusion { counts, .. } = &done.errors else {
        panic!("no confusion matrix");
    };
    assert_eq!(counts.iter().flatten().sum::<u64>(), 1_114);

    // The file alone says what it takes, and its explanations sum up.
    let model = infer.load(&done.onnx).unwrap();
    assert_eq!(model.signature(), &done.signature);
    let job = model.signature().inputs.iter().find(|it| it.name == "job").unwrap();
    assert_eq!((job.datatype, job.optional), (Datatype::Bytes, true));
    assert!(job.categories.contains(&"freelance".to_owned()));
    let inputs = crate::report::tensors(&for_model(&table, model.as_ref()), &table, &done.held_out[..50]);
    for told in model.explain(inputs).unwrap() {
        let sum = told.base + told.contributions.values().sum::<f64>();
        assert!((sum - told.margin).abs() <= 1e-9 * told.margin.abs().max(1.0));
    }
}

/// The inputs of a model, looked up in a table.
fn for_model(table: &Table, model: &dyn Model) -> Vec<crate::features::Input> {
    let column = |name: &str| table.columns.iter().position(|it| it.name == name).unwrap();
    let slots = model.signature().inputs.iter();
    slots
        .map(|slot| crate::features::Input {
            column: column(&slot.name),
            name: slot.name.clone(),
            encoding: crate::features::Encoding::Number,
            optional: slot.optional,
            categories: Vec::new(),
        })
        .collect()
}

#[test]
fn several_classes_are_learnt() {
    let (done, _) = learn(&lesson("species"), &example("penguins.csv")).unwrap();
    assert_eq!((done.task, done.signature.classes.len()), (Task::Multiclass, 3));
    assert!(done.metrics["accuracy"] > 0.95, "{:?}", done.metrics);
}

#[test]
fn a_number_is_learnt() {
    let (done, model) = learn(&lesson("compressive_strength"), &example("concrete.csv")).unwrap();
    assert_eq!(done.task, Task::Regression);
    assert!(done.metrics["r2"] > 0.88, "{:?}", done.metrics);
    assert_eq!(model.signature().outputs[0].name, "prediction");
    assert!(matches!(done.errors, Errors::Residuals { counts, .. } if counts.iter().sum::<u64>() == 258));
}

#[test]
fn the_same_seed_gives_the_same_file() {
    let table = example("penguins.csv");
    let first = learn(&lesson("sex"), &table).unwrap().0;
    let again = learn(&lesson("sex"), &table).unwrap().0;
    assert_eq!(first.onnx, again.onnx);
    // The winner alone, too, is the same file.
    let winner = &first.trials[0];
    let only = Some(Tried { learner: winner.learner.clone(), params: winner.params.clone() });
    let alone = learn(&Lesson { only, ..lesson("sex") }, &table).unwrap().0;
    assert_eq!((alone.onnx, alone.trials.len()), (first.onnx.clone(), 1));
    let none = Some(Tried { learner: "oracle".to_owned(), params: BTreeMap::new() });
    assert_eq!(
        learn(&Lesson { only: none, ..lesson("sex") }, &table).map(drop).unwrap_err().code(),
        "lesson-invalid"
    );
    let other = Lesson { seed: 2, ..lesson("sex") };
    assert_ne!(first.onnx, learn(&other, &table).unwrap().0.onnx);
}

#[test]
fn a_budget_holds() {
    let table = example("credit.csv");
    for budget_s in [0.001, 1.0] {
        let began = Instant::now();
        let hasty = Lesson { budget_s, ..lesson("status") };
        let (done, _) = learn(&hasty, &table).unwrap();
        let took = began.elapsed().as_secs_f64();
        assert!(done.metrics.contains_key("auc"));
        // A loaded machine may be slow in what no budget can leave out.
        assert!(took < budget_s * 1.2 + 2.0, "{took} s");
    }
}

#[test]
fn a_stop_is_obeyed() {
    let witness = Witness::new();
    witness.stopped.store(true, Ordering::Relaxed);
    let learner = super::open(Arc::new(engine_infer::open()));
    let error =
        learner.learn(&lesson("species"), &example("penguins.csv"), &mut |_| (), &witness).unwrap_err();
    assert_eq!(error.code(), "cancelled");
}

#[test]
fn columns_that_teach_nothing_are_left_out_and_named() {
    let count = 200;
    let names: Vec<String> = (0..count).map(|at| format!("customer {at}")).collect();
    let ids: Vec<&str> = names.iter().map(String::as_str).collect();
    let answer: Vec<&str> = (0..count).map(|at| if noise(at) > 0.4 { "yes" } else { "no" }).collect();
    let row_number =
        Column { kind: ColumnType::Integer, ..numbers("row", (0..count).map(|at| at as f64).collect()) };
    let table = table(vec![
        row_number,
        texts("customer", &ids),
        numbers("constant", vec![3.0; count]),
        texts("empty", &vec![""; count]),
        numbers("useful", (0..count).map(noise).collect()),
        texts("answer", &answer),
    ]);
    let witness = Witness::new();
    let learner = super::open(Arc::new(engine_infer::open()));
    let done = learner.learn(&lesson("answer"), &table, &mut |_| (), &witness).unwrap();
    let inputs: Vec<&str> = done.signature.inputs.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(inputs, ["useful"]);
    let lines = witness.lines.lock().unwrap().join("\n");
    for column in ["row", "customer", "constant", "empty"] {
        assert!(lines.contains(&format!("column `{column}` is left out")), "{lines}");
    }
}

#[test]
fn texts_never_met_and_many_texts_are_no_trouble() {
    let count = 2_000;
    let names: Vec<String> = (0..count).map(|at| format!("town {}", at * at % 400)).collect();
    let towns: Vec<&str> = names.iter().map(String::as_str).collect();
    let value = |at: usize| noise(at) + (at * at % 400 % 3) as f64;
    let table = table(vec![
        texts("label", &towns),
        numbers("x", (0..count).map(|at| if at % 5 == 0 { f64::NAN } else { noise(at) }).collect()),
        numbers("y", (0..count).map(value).collect()),
    ]);
    let (_, model) = learn(&lesson("y"), &table).unwrap();
    // An output may be called `label`, so this input may not.
    let told = |text: &str, x| {
        let tensors = vec![
            ask("label_input", Elements::Bytes(vec![text.to_owned()])),
            ask("x", Elements::Fp64(vec![x])),
        ];
        model.explain(tensors).unwrap().remove(0)
    };
    for told in [told("town 1", 0.5), told("never met", 0.5), told("", f64::NAN)] {
        assert!(told.margin.is_finite());
        let sum = told.base + told.contributions.values().sum::<f64>();
        assert!((sum - told.margin).abs() <= 1e-9 * told.margin.abs().max(1.0));
    }
    // What was missing in training may be left out of a request.
    assert!(model.run(vec![ask("label_input", Elements::Bytes(vec!["town 1".to_owned()]))]).is_ok());
}

#[test]
fn what_cannot_be_learnt_is_refused() {
    let count = 100;
    let x = || numbers("x", (0..count).map(noise).collect());
    let halves: Vec<&str> = (0..count).map(|at| if at % 2 == 0 { "a" } else { "b" }).collect();
    let names: Vec<String> = (0..count).map(|at| format!("{}", at % 101)).collect();
    let many: Vec<&str> = names.iter().map(String::as_str).collect();
    let few = table(vec![numbers("x", vec![1.0, 2.0, 3.0]), texts("y", &["a", "b", "a"])]);
    let with = |y: Column| table(vec![x(), y]);
    let regression = Lesson { task: Some(Task::Regression), ..lesson("y") };
    let binary = Lesson { task: Some(Task::Binary), ..lesson("y") };
    let ignoring = Lesson { ignore: vec!["x".to_owned()], ..lesson("y") };
    let folded = Lesson { folds: 1, ..lesson("y") };
    for (lesson, table, code) in [
        (lesson("z"), with(texts("y", &halves)), "target-missing"),
        (lesson("y"), with(texts("y", &vec!["a"; count])), "target-one-class"),
        (lesson("y"), with(numbers("y", vec![f64::NAN; count])), "target-one-class"),
        (binary, with(texts("y", &many)), "target-too-many-classes"),
        (regression, with(texts("y", &halves)), "target-not-numeric"),
        (lesson("y"), few, "too-few-rows"),
        (ignoring, with(texts("y", &halves)), "no-usable-columns"),
        (folded, with(texts("y", &halves)), "lesson-invalid"),
    ] {
        assert_eq!(learn(&lesson, &table).err().expect("refused").code(), code);
    }
}
