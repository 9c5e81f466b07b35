//! How models that are code are run: which Python, from where its packages come, and how much each may use; and where
//! onnxruntime's library is.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use engine_onnxruntime::Library;
use engine_pyfunc::{Index, Settings};

use crate::failure::{Failure, Result};

/// What may be said of it.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Python {
    /// The Python that models of MLflow's flavours are run with [env: AIC_PYTHON; default: python3].
    #[arg(long, value_name = "PATH", help_heading = "Models that are code")]
    pub python: Option<PathBuf>,
    /// Where the packages come from that such models need: the URL of an index, or `pip` for what pip is configured to
    /// use; without it nothing is installed [env: AIC_PYTHON_INDEX].
    #[arg(long, value_name = "URL", help_heading = "Models that are code")]
    pub python_index: Option<String>,
    /// The most memory of one of their processes, in MiB [env: AIC_PYTHON_MEMORY; default: 4096].
    #[arg(long, value_name = "MIB", help_heading = "Models that are code")]
    pub python_memory: Option<u64>,
    /// How many processes one of them may have at once [env: AIC_PYTHON_WORKERS; default: the number of cores].
    #[arg(long, value_name = "N", help_heading = "Models that are code")]
    pub python_workers: Option<usize>,
    /// Seconds after which one of them is ended that has not answered [env: AIC_PYTHON_TIMEOUT; default: 60].
    #[arg(long, value_name = "S", help_heading = "Models that are code")]
    pub python_timeout: Option<u64>,
    /// onnxruntime's library, that runs ONNX models where it is faster than the platform itself, or alone reads them: a file,
    /// `auto` for the one beside the package `onnxruntime` of the Python above, or `off` [env: AIC_ONNXRUNTIME; default: auto].
    #[arg(long, value_name = "PATH", help_heading = "Models that are code")]
    pub onnxruntime: Option<PathBuf>,
}

/// What pip is told by the environment, for `--python-index pip`.
const PIP: &[&str] = &[
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_NO_INDEX",
    "PIP_TRUSTED_HOST",
    "PIP_CERT",
    "PIP_PROXY",
    "PIP_RETRIES",
    "PIP_DEFAULT_TIMEOUT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
];
/// Which of them name files and directories that it reads.
const PIP_PATHS: &[&str] = &["PIP_CERT", "PIP_FIND_LINKS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"];

impl Python {
    /// What is settled; `directory` is where environments and models are laid out.
    pub fn settle(
        &self,
        environment: &dyn Fn(&str) -> Option<String>,
        directory: PathBuf,
    ) -> Result<Settings> {
        let number = |name: &str, given: Option<u64>, usual: u64, most: u64| match (given, environment(name))
        {
            (Some(given), _) => Ok(given),
            (None, None) => Ok(usual),
            (None, Some(text)) => text
                .parse()
                .ok()
                .filter(|it| (1..=most).contains(it))
                .ok_or_else(|| Failure::usage(format!("{name}: `{text}` is no number from 1 to {most}"))),
        };
        let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get() as u64);
        let mebibytes = number("AIC_PYTHON_MEMORY", self.python_memory, 4_096, 1 << 20)?;
        let workers = self.python_workers.map(|it| it as u64);
        let workers = number("AIC_PYTHON_WORKERS", workers, cores, 1_024)?;
        let seconds = number("AIC_PYTHON_TIMEOUT", self.python_timeout, 60, 3_600)?;
        let index = match self.python_index.clone().or_else(|| environment("AIC_PYTHON_INDEX")).as_deref() {
            None | Some("") => Index::None,
            Some("pip") => Index::AsConfigured,
            Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
                Index::At(url.to_owned())
            }
            Some(other) => {
                return Err(Failure::usage(format!("--python-index: `{other}` is neither an URL nor `pip`")));
            }
        };
        let (pip, pip_files) = pip(environment);
        Ok(Settings {
            directory,
            python: self.interpreter(environment),
            index,
            pip,
            pip_files,
            workers_max: usize::try_from(workers).unwrap_or(usize::MAX),
            memory_bytes: mebibytes.saturating_mul(1 << 20),
            patience: Duration::from_secs(seconds),
        })
    }

    fn interpreter(&self, environment: &dyn Fn(&str) -> Option<String>) -> PathBuf {
        let named = self.python.clone().or_else(|| environment("AIC_PYTHON").map(PathBuf::from));
        named.unwrap_or_else(|| PathBuf::from("python3"))
    }

    /// Where onnxruntime's library is.
    pub fn library(&self, environment: &dyn Fn(&str) -> Option<String>) -> Library {
        let named = self.onnxruntime.clone().or_else(|| environment("AIC_ONNXRUNTIME").map(PathBuf::from));
        match named {
            Some(named) if named == Path::new("off") => Library::Off,
            Some(named) if named != Path::new("auto") && named != Path::new("") => Library::At(named),
            _ => Library::Beside(self.interpreter(environment)),
        }
    }
}

/// How pip is configured: what it is told, and the files it reads for it.
fn pip(environment: &dyn Fn(&str) -> Option<String>) -> (BTreeMap<String, String>, Vec<PathBuf>) {
    let said = |name: &&str| environment(name).map(|value| ((*name).to_owned(), value));
    let mut told: BTreeMap<String, String> = PIP.iter().filter_map(said).collect();
    let mut files: Vec<PathBuf> =
        PIP_PATHS.iter().filter_map(|name| told.get(*name)).map(PathBuf::from).collect();
    files.push("/etc/pip.conf".into());
    // The user's own file lies in a home that the installer does not have.
    let home = environment("HOME").map(PathBuf::from).unwrap_or_default();
    let named = environment("PIP_CONFIG_FILE").map(PathBuf::from);
    let own =
        [home.join(".config/pip/pip.conf"), home.join(".pip/pip.conf")].into_iter().find(|it| it.is_file());
    if let Some(file) = named.or(own) {
        told.insert("PIP_CONFIG_FILE".to_owned(), file.to_string_lossy().into_owned());
        files.push(file);
    }
    (told, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(said: &[(&str, &str)]) -> Result<Settings> {
        let environment = |name: &str| said.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
        Python::default().settle(&environment, PathBuf::from("/d"))
    }

    #[test]
    fn nothing_is_installed_unless_somebody_says_from_where() {
        assert_eq!(settled(&[]).unwrap().index, Index::None);
        assert_eq!(settled(&[("AIC_PYTHON_INDEX", "pip")]).unwrap().index, Index::AsConfigured);
        let at = settled(&[("AIC_PYTHON_INDEX", "https://pypi.example/simple")]).unwrap().index;
        assert_eq!(at, Index::At("https://pypi.example/simple".to_owned()));
        assert!(settled(&[("AIC_PYTHON_INDEX", "ftp://x")]).is_err());
    }

    #[test]
    fn the_library_is_found_beside_the_interpreter_unless_somebody_says_otherwise() {
        let found = |said: &[(&str, &str)]| {
            let environment = |name: &str| said.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
            Python::default().library(&environment)
        };
        assert_eq!(found(&[]), Library::Beside("python3".into()));
        assert_eq!(found(&[("AIC_PYTHON", "/p"), ("AIC_ONNXRUNTIME", "auto")]), Library::Beside("/p".into()));
        assert_eq!(found(&[("AIC_ONNXRUNTIME", "off")]), Library::Off);
        assert_eq!(
            found(&[("AIC_ONNXRUNTIME", "/l/libonnxruntime.so")]),
            Library::At("/l/libonnxruntime.so".into())
        );
    }

    #[test]
    fn numbers_out_of_bounds_are_refused() {
        assert_eq!(settled(&[("AIC_PYTHON_MEMORY", "512")]).unwrap().memory_bytes, 512 << 20);
        for wrong in ["0", "-1", "much", "1048577"] {
            assert!(settled(&[("AIC_PYTHON_MEMORY", wrong)]).is_err(), "{wrong}");
        }
    }
}
