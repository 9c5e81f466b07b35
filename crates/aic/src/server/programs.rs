//! Which programs may be started as servers of models, and how much each may use.

use std::path::PathBuf;

use engine_remote::Settings;

use crate::failure::{Failure, Result};

/// What may be said of them.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Programs {
    /// A program that model servers may name as their command, such as `/usr/bin/llama-server`; may be given again. It runs
    /// confined [env: AIC_SERVER_PROGRAMS, with colons between; default: none].
    #[arg(long, value_name = "PATH", help_heading = "Models on servers")]
    pub server_program: Vec<PathBuf>,
    /// The most memory of one of them, in MiB [env: AIC_SERVER_MEMORY; default: 8192].
    #[arg(long, value_name = "MIB", help_heading = "Models on servers")]
    pub server_memory: Option<u64>,
}

impl Programs {
    /// What is settled; `directory` is where their files are laid out.
    pub fn settle(
        &self,
        environment: &dyn Fn(&str) -> Option<String>,
        directory: PathBuf,
    ) -> Result<Settings> {
        const MOST: u64 = 1 << 24;
        let mut programs = self.server_program.clone();
        if programs.is_empty() {
            let named = environment("AIC_SERVER_PROGRAMS").unwrap_or_default();
            programs.extend(named.split(':').filter(|it| !it.is_empty()).map(PathBuf::from));
        }
        if let Some(wrong) = programs.iter().find(|it| !it.is_absolute()) {
            let wrong = wrong.display();
            return Err(Failure::usage(format!("--server-program: `{wrong}` is no path from the root")));
        }
        let told = environment("AIC_SERVER_MEMORY");
        let mebibytes = match (self.server_memory, &told) {
            (Some(given), _) => given,
            (None, None) => 8_192,
            (None, Some(text)) => text.parse().unwrap_or(0),
        };
        if !(1..=MOST).contains(&mebibytes) {
            let message = format!("--server-memory is a number of MiB from 1 to {MOST}");
            return Err(Failure::usage(message));
        }
        Ok(Settings { directory, programs, memory_bytes: mebibytes << 20 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(said: &[(&str, &str)]) -> Result<Settings> {
        let environment = |name: &str| said.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
        Programs::default().settle(&environment, PathBuf::from("/d"))
    }

    #[test]
    fn no_program_may_be_started_unless_somebody_says_which() {
        assert!(settled(&[]).unwrap().programs.is_empty());
        let named = settled(&[("AIC_SERVER_PROGRAMS", "/usr/bin/a:/opt/b/bin/b")]).unwrap().programs;
        assert_eq!(named, [PathBuf::from("/usr/bin/a"), PathBuf::from("/opt/b/bin/b")]);
        assert!(settled(&[("AIC_SERVER_PROGRAMS", "a")]).is_err());
        for wrong in ["0", "much"] {
            assert!(settled(&[("AIC_SERVER_MEMORY", wrong)]).is_err(), "{wrong}");
        }
    }
}
