//! Exchanging the master key: the keys under it are wrapped anew, what they seal stays as it is.

use std::{fs, path::PathBuf};

use clap::Args;

use crate::{
    config,
    failure::{Failure, Result},
    output::Output,
    server::{self, Up},
};

/// Exchange the master key of a data directory; the server must not run.
#[derive(Args)]
pub struct Rekey {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The database, where the objects are not in the directory.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The file of the new key: 64 hexadecimal digits. Made, and readable by you only, if it is not there.
    #[arg(long, value_name = "FILE")]
    new_key_file: PathBuf,
}

impl Rekey {
    /// Exchanges it. Cut off in the middle, it is to be run again with the same file.
    pub fn run(&self, output: &mut Output) -> Result<()> {
        let up = Up { database_url: self.database_url.clone(), ..Up::of_directory(self.data_dir.clone()) };
        let settled = config::settle_server(&up)?;
        let failed = |error: &std::io::Error| Failure::file(self.new_key_file.display(), error);
        if !self.new_key_file.exists() {
            let key = server::fresh_master_key();
            config::write_private(&self.new_key_file, key.as_bytes()).map_err(|error| failed(&error))?;
        }
        let text = fs::read_to_string(&self.new_key_file).map_err(|error| failed(&error))?;
        let count = server::runtime()?
            .block_on(server::rekey(&settled, &text))
            .map_err(|error| Failure::of(&error))?;
        output.say(&format!("{count} keys are wrapped under the new master key"))?;
        match &settled.master_key_file {
            Some(_) => output.say(&format!(
                "start with AIC_MASTER_KEY_FILE={}; backups taken before open with the old key only",
                self.new_key_file.display()
            )),
            None => output.say("`master.key` in the data directory is the new one; backups taken before open with the old key only"),
        }
    }
}
