//! One lesson under way: its rows, features and clock.

use base::Result;
use ports::{Watch, learn::Lesson, table::Table};

use crate::{
    features::{Family, Input, Matrix, encode, inputs, matrix},
    loss::Loss,
    random::Random,
    split,
    target::Target,
};

/// Features times rows beyond which a sample of the rows is learnt from.
const CELLS_MAX: usize = 60_000_000;

/// How one family of learners sees the rows.
pub struct Sight {
    pub inputs: Vec<Input>,
    pub matrix: Matrix,
}

/// Everything that learning needs, read once. Rows are counted within `rows`.
pub struct Study<'a> {
    pub table: &'a Table,
    pub watch: &'a dyn Watch,
    pub seed: u64,
    pub target: &'a Target,
    pub loss: Loss,
    /// Rows of the table to learn from.
    pub rows: Vec<usize>,
    /// Rows of the table that only the final test sees.
    pub held_out: Vec<usize>,
    /// The target of each row to learn from.
    pub values: Vec<f64>,
    pub trees: Sight,
    pub linear: Sight,
    /// The mean loss of knowing nothing.
    pub baseline: f64,
    clock: Clock,
}

/// When the lesson began and what it may take.
#[derive(Clone, Copy)]
struct Clock {
    began_s: f64,
    budget_s: f64,
}

/// A fair sample of the rows, to compare candidates on.
pub struct Sample {
    pub trees: Matrix,
    pub linear: Matrix,
    pub values: Vec<f64>,
}

impl<'a> Study<'a> {
    /// Parts the rows and looks at the columns.
    pub fn new(lesson: &Lesson, table: &'a Table, target: &'a Target, watch: &'a dyn Watch) -> Result<Self> {
        let clock = Clock { began_s: watch.elapsed_s(), budget_s: lesson.budget_s };
        let mut random = Random::new(lesson.seed, 1);
        let (rows, held_out) = split::take(&target.rows, &target.values, lesson.test_share, &mut random);
        let inputs = inputs(lesson, table, &rows, watch)?;
        let (for_trees, for_linear) = (encode(&inputs, Family::Trees), encode(&inputs, Family::Linear));
        let width: usize = for_linear.iter().map(Input::width).sum();
        let rows_max = (CELLS_MAX / width.max(1)).max(1_000);
        let rows = if rows.len() > rows_max {
            watch.line(&format!("{rows_max} of {} rows are learnt from, as a fair sample", rows.len()));
            let share = rows_max as f64 / rows.len() as f64;
            split::take(&rows, &target.values, share, &mut random).1
        } else {
            rows
        };
        let loss = Loss::of(target);
        let values: Vec<f64> = rows.iter().map(|&row| target.values[row]).collect();
        let see = |inputs: Vec<Input>| Sight { matrix: matrix(&inputs, table, &rows), inputs };
        Ok(Self {
            trees: see(for_trees),
            linear: see(for_linear),
            baseline: baseline(loss, &values),
            seed: lesson.seed,
            table,
            watch,
            target,
            loss,
            rows,
            held_out,
            values,
            clock,
        })
    }

    /// At most so many of the rows to learn from.
    pub fn sample(&self, rows_max: usize) -> Sample {
        let mut rows: Vec<usize> = (0..self.values.len()).collect();
        if rows.len() > rows_max {
            let share = rows_max as f64 / rows.len() as f64;
            rows = split::take(&rows, &self.values, share, &mut Random::new(self.seed, 4)).1;
            self.watch.line(&format!("candidates are compared on {rows_max} of the rows"));
        }
        Sample {
            trees: self.trees.matrix.of(&rows),
            linear: self.linear.matrix.of(&rows),
            values: rows.iter().map(|&row| self.values[row]).collect(),
        }
    }

    /// Whether the work shall stop, or has used up this share of its budget.
    pub fn spent(&self, share: f64) -> bool {
        self.watch.stopped() || self.seconds() > self.clock.budget_s * share
    }

    /// Seconds since the lesson began.
    pub fn seconds(&self) -> f64 {
        self.watch.elapsed_s() - self.clock.began_s
    }

    /// The share of the baseline's loss that a model saves: 1 is perfect, 0 knows nothing.
    /// For regression it is the R² of the validation.
    pub fn score(&self, loss: f64) -> f64 {
        if self.baseline > 0.0 { 1.0 - loss / self.baseline } else { 0.0 }
    }
}

fn baseline(loss: Loss, values: &[f64]) -> f64 {
    let base = loss.base(values);
    let mut curvature = vec![0.0; base.len()];
    let of = |&value: &f64| loss.row(value, &mut base.clone(), &mut curvature);
    values.iter().map(of).sum::<f64>() / values.len().max(1) as f64
}
