//! Converting: a model written as ONNX by its library's converter, in its own environment, as confined as its workers.

use std::{fs, path::PathBuf, time::Duration};

use base::{Error, Result, Watch};
use engine_programs::Scratch;
use ports::infer::{
    Elements, Question, Tensor,
    flavour::{Bundle, Converted},
};

use crate::{
    Engine, Index, LOADING,
    environment::{Environment, WHOLE, path_text},
    frame::Head,
    is_model, program, requirements_of,
    worker::{Worker, unreadable},
};

/// The converters and what they need beside a model's own packages, none of which is replaced.
const PACKAGES: &[&str] = &[
    "ml_dtypes==0.6.0",
    "onnx==1.23.2",
    "onnxmltools==1.16.0",
    "protobuf==7.36.2",
    "skl2onnx==1.20.0",
    "typing_extensions==4.16.0",
];
/// What must be there of them.
const NEEDED: &[&str] = &["onnx", "onnxmltools", "skl2onnx"];
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most files that are tried.
const CANDIDATES_MAX: usize = 4;

impl Engine {
    /// Writes a model as ONNX.
    pub fn converted(&self, bundle: &Bundle, watch: &dyn Watch) -> Result<Converted> {
        is_model(bundle)?;
        convertible(bundle)?;
        let environment = self.found(&requirements_of(bundle)?)?.ok_or_else(crate::not_here)?;
        let converters = self.converters(&environment, watch)?;
        let model = self.laid_out(bundle)?;
        let scratch = Scratch::new(&self.settings.directory)?;
        let mut program = program(&self.settings, &environment, (crate::CONVERTER, &model, scratch.path()));
        if let Some(converters) = converters {
            program.arguments.push(converters.clone().into());
            program.confines.reads.push(converters);
        }
        let (worker, head) = Worker::start(self.sandbox.command(&program)?, LOADING, scratch)?;
        match head {
            Head { unsupported: Some(why), .. } => Err(unconverted(&why)),
            Head { error: Some(why), .. } => Err(unreadable(&why)),
            head => told(&worker, head),
        }
    }

    /// Where the converters lie that the model's environment lacks; they are installed on first use.
    fn converters(&self, environment: &Environment, watch: &dyn Watch) -> Result<Option<PathBuf>> {
        let interpreter = self.interpreter()?;
        let needed: Vec<String> = NEEDED.iter().map(ToString::to_string).collect();
        if environment.program == interpreter.program && self.met(interpreter, &needed)? {
            return Ok(None);
        }
        let packages: Vec<String> = PACKAGES.iter().map(ToString::to_string).collect();
        // No environment of a model's has this line.
        let named: Vec<String> = packages.iter().cloned().chain(["converters".to_owned()]).collect();
        let target = self.directory(interpreter, &named);
        if target.join(WHOLE).is_file() {
            return Ok(Some(target.join("packages")));
        }
        if self.settings.index == Index::None {
            let message = "skl2onnx and onnxmltools are not there, and no package index is configured";
            return Err(Error::conflict("requirements-failed", message));
        }
        self.make(&target, watch, |at| {
            watch.line(&format!("installing the converters {}", packages.join(", ")));
            let mut arguments = self.installing();
            let place = path_text(&at.join("packages"));
            arguments.extend(["--no-deps".to_owned(), "--target".to_owned(), place]);
            arguments.extend(packages.iter().cloned());
            self.step(&interpreter.program, arguments, (interpreter, at), watch)
        })?;
        Ok(Some(target.join("packages")))
    }

    /// Makes a directory whole or not at all.
    pub(crate) fn make(
        &self,
        target: &std::path::Path,
        watch: &dyn Watch,
        work: impl FnOnce(&std::path::Path) -> Result<()>,
    ) -> Result<()> {
        let building = target.with_extension("building");
        if building.exists() {
            fs::remove_dir_all(&building).map_err(Error::internal)?;
        }
        let scratch = building.join("scratch");
        fs::create_dir_all(&scratch).map_err(Error::internal)?;
        let done = watch.check().and_then(|()| work(&building));
        if let Err(error) = done {
            // What is half made is of no use to anybody.
            if let Err(left) = fs::remove_dir_all(&building) {
                tracing::warn!(?left, "a broken environment was left behind");
            }
            return Err(error);
        }
        fs::remove_dir_all(&scratch).map_err(Error::internal)?;
        fs::write(building.join(WHOLE), "").map_err(Error::internal)?;
        match fs::rename(&building, target) {
            // Somebody else made it meanwhile.
            Err(_) if target.join(WHOLE).is_file() => fs::remove_dir_all(&building).map_err(Error::internal),
            other => other.map_err(Error::internal),
        }
    }
}

/// Whether anything can come of converting: said before anything is started or installed for it.
fn convertible(bundle: &Bundle) -> Result<()> {
    let file = bundle.files.iter().find(|(path, _)| path == "MLmodel").map(|(_, file)| file);
    let text = file.map(fs::read_to_string).transpose().map_err(Error::internal)?.unwrap_or_default();
    let has = |wanted: &str| text.lines().any(|line| line.trim_end() == wanted);
    if !["  sklearn:", "  xgboost:", "  lightgbm:"].into_iter().any(has) {
        return Err(unconverted("there is no converter for its flavour"));
    }
    if !has("saved_input_example_info:") {
        let why =
            "it was logged without an input example, and nothing else tells whether the answers are the same";
        return Err(unconverted(why));
    }
    Ok(())
}

fn unconverted(why: &str) -> Error {
    Error::invalid("flavour-unsupported", why)
}

/// What a converter tells: rows, what the model says to them, and the files.
fn told(worker: &Worker, head: Head) -> Result<Converted> {
    let next = || match worker.ask(&Question::default()).and_then(|()| worker.next(PATIENCE)) {
        Ok((Head { error: None, .. }, tensors)) => Ok(tensors),
        Ok((Head { error: Some(why), .. }, _)) => Err(unreadable(&why)),
        Err(_) => Err(unreadable(&worker.last_words())),
    };
    let (rows, expected) = (next()?, next()?);
    let mut candidates = Vec::new();
    for &length in head.candidates.iter().take(CANDIDATES_MAX) {
        candidates.push(file(next()?, length)?);
    }
    Ok(Converted { candidates, rows, expected, example: head.example })
}

/// A file out of the numbers of eight bytes it was sent as.
fn file(tensors: Vec<Tensor>, length: u64) -> Result<Vec<u8>> {
    let length = usize::try_from(length).map_err(Error::internal)?;
    match tensors.into_iter().next().map(|it| it.elements) {
        Some(Elements::Int64(words)) if words.len().checked_mul(8).is_some_and(|all| all >= length) => {
            let mut bytes: Vec<u8> = words.into_iter().flat_map(i64::to_le_bytes).collect();
            bytes.truncate(length);
            Ok(bytes)
        }
        _ => Err(unreadable("its converter sent no file")),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path, sync::OnceLock};

    use base::Unwatched;

    use crate::{Settings, interpreter::Interpreter};

    use super::*;

    #[test]
    fn without_an_index_the_converters_of_an_environment_are_missing_and_named() {
        let settings = Settings {
            directory: PathBuf::from("/nowhere"),
            python: PathBuf::from("/nowhere/python3"),
            index: Index::None,
            pip: BTreeMap::new(),
            pip_files: Vec::new(),
            workers_max: 1,
            memory_bytes: 1,
            patience: Duration::from_secs(1),
        };
        let interpreter = Interpreter {
            program: PathBuf::from("/nowhere/python3"),
            version: "3.11.7".to_owned(),
            places: Vec::new(),
        };
        let engine = Engine {
            settings,
            sandbox: engine_sandbox::open(Path::new("/nowhere/aic")),
            interpreter: OnceLock::from(interpreter),
            met: Default::default(),
        };
        let environment =
            Environment { program: PathBuf::from("/nowhere/made/bin/python"), places: Vec::new() };
        let refused = engine.converters(&environment, &Unwatched).unwrap_err();
        assert_eq!(refused.code(), "requirements-failed");
        assert!(refused.message().contains("skl2onnx") && refused.message().contains("index"));
    }

    #[test]
    fn a_file_comes_out_as_long_as_it_was_and_no_longer_than_what_was_sent() {
        let sent = |words: Vec<i64>| {
            vec![Tensor {
                name: "file".to_owned(),
                shape: vec![words.len()],
                elements: Elements::Int64(words),
            }]
        };
        let word = i64::from_le_bytes(*b"onnx\0\0\0\0");
        assert_eq!(file(sent(vec![word]), 5).unwrap(), b"onnx\0");
        assert!(file(sent(vec![word]), 9).is_err() && file(sent(vec![word]), u64::MAX).is_err());
        assert!(file(Vec::new(), 0).is_err());
    }
}
