//! Trains on a CSV file and writes what `clients/onnx/check.py` compares with onnxruntime.
//!
//! Usage: `train FILE.csv TARGET OUT_DIR [BUDGET_S]`

use std::{
    env, fs,
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::Instant,
};

use base::{Error, Result};
use ports::{
    Watch,
    infer::{Elements, Infer, Model, Tensor},
    learn::{Learn, Lesson},
    table::{Format, Table, Tables, Values},
};
use serde_json::{Value, json};

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [file, target, out, rest @ ..] = arguments.as_slice() else {
        return Err(Error::bad_request("usage", "train FILE.csv TARGET OUT_DIR [BUDGET_S]"));
    };
    let lesson = Lesson {
        target: target.clone(),
        ignore: Vec::new(),
        task: None,
        budget_s: rest.first().and_then(|it| it.parse().ok()).unwrap_or(30.0),
        folds: 4,
        test_share: 0.2,
        seed: 7,
        only: None,
    };
    let screen = Screen(Instant::now());
    let tables = engine_tables::open();
    let profile = tables.profile(Format::Csv, Path::new(file), &screen)?;
    let table = tables.read(Format::Csv, Path::new(file), &profile, 0..profile.rows)?;
    screen.line(&format!("read {} rows", table.rows));

    let infer = Arc::new(engine_infer::open());
    let learn = engine_learn::open(infer.clone());
    let done = learn.learn(&lesson, &table, &mut |_| (), &screen)?;
    screen.line(&format!("metrics {:?}", done.metrics));
    screen.line(&format!("errors {:?}", done.errors));
    screen.line(&format!("importance {:?}", &done.importance[..done.importance.len().min(8)]));

    let model = infer.load(&done.onnx)?;
    measure(model.as_ref(), &table, &done.held_out, &screen)?;
    let inputs = tensors(model.as_ref(), &table, &done.held_out);
    let outputs = model.run(inputs.clone())?;
    let told = model.explain(inputs.clone())?;
    let dir = Path::new(out);
    fs::create_dir_all(dir).map_err(Error::internal)?;
    let write = |name: &str, bytes: Vec<u8>| fs::write(dir.join(name), bytes).map_err(Error::internal);
    write("model.onnx", done.onnx)?;
    write("rows.json", json(&inputs).to_string().into_bytes())?;
    let predictions = json!({"outputs": json(&outputs), "explanations": told});
    write("predictions.json", predictions.to_string().into_bytes())
}

/// Microseconds of a row of one, of a batch and of an explanation.
fn measure(model: &dyn Model, table: &Table, rows: &[usize], screen: &Screen) -> Result<()> {
    let ones: Vec<Vec<Tensor>> = rows.iter().map(|&row| tensors(model, table, &[row])).collect();
    let micros = |began: Instant, count: usize| began.elapsed().as_secs_f64() * 1e6 / count as f64;
    let began = Instant::now();
    for one in ones.iter().cloned() {
        model.run(one)?;
    }
    screen.line(&format!("run, a row of one: {:.1} µs", micros(began, rows.len())));
    let all = tensors(model, table, rows);
    let began = Instant::now();
    model.run(all)?;
    screen.line(&format!("run, {} rows at once: {:.2} µs a row", rows.len(), micros(began, rows.len())));
    let began = Instant::now();
    for one in ones.iter().take(100).cloned() {
        model.explain(one)?;
    }
    screen.line(&format!("explain: {:.1} µs a row", micros(began, rows.len().min(100))));
    Ok(())
}

/// Rows of the table as the model's inputs.
fn tensors(model: &dyn Model, table: &Table, rows: &[usize]) -> Vec<Tensor> {
    let slots = model.signature().inputs.iter();
    slots
        .filter_map(|slot| table.columns.iter().find(|column| column.name == slot.name))
        .map(|column| Tensor {
            name: column.name.clone(),
            shape: vec![rows.len(), 1],
            elements: match &column.values {
                Values::Numbers(it) => Elements::Fp64(rows.iter().map(|&row| it[row]).collect()),
                Values::Texts { codes, distinct } => {
                    let text =
                        |code: Option<u32>| code.map_or_else(String::new, |at| distinct[at as usize].clone());
                    Elements::Bytes(rows.iter().map(|&row| text(codes[row])).collect())
                }
            },
        })
        .collect()
}

/// Tensors as JSON; a missing number is null.
fn json(tensors: &[Tensor]) -> Value {
    let of = |tensor: &Tensor| {
        let (datatype, data) = (tensor.elements.datatype(), tensor.elements.json());
        json!({"name": tensor.name, "shape": tensor.shape, "datatype": datatype, "data": data})
    };
    tensors.iter().map(of).collect()
}

/// Somebody who watches from a terminal.
struct Screen(Instant);

impl Watch for Screen {
    fn progress(&self, _: u64, _: u64, _: &str) {}

    fn line(&self, text: &str) {
        // A closed terminal must not end the training.
        let _ = writeln!(io::stdout(), "{:7.2} s  {text}", self.elapsed_s());
    }

    fn stopped(&self) -> bool {
        false
    }

    fn elapsed_s(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
