//! Other programs: run one in front of the user, or ask one a question.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// A command with a directory to run in.
pub fn command(program: impl AsRef<std::ffi::OsStr>, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir);
    command
}

/// `cargo` with these words, in the checkout.
pub fn cargo(root: &Path, words: &[&str]) -> Command {
    let mut command = command("cargo", root);
    command.args(words);
    // A test that asks cargo for the directories of this very package would otherwise get them.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_PKG_NAME");
    command
}

/// Runs it with its output in front of the user; anything but success is an error.
pub fn show(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    judged(&name, command.status())
}

/// As `show`, with what it writes to standard error on standard output: a log that keeps only the
/// one then still holds the closing line of programs that report on the other.
pub fn show_on_stdout(command: &mut Command) -> Result<(), String> {
    let stdout = io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| format!("standard output cannot be shared: {error}"))?;
    show(command.stderr(stdout))
}

/// What it prints on standard output, without the last line end; nothing when it fails or is missing.
pub fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    output.status.success().then_some(text)
}

/// Whether it can be run and ends well; what it prints is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    ask(command).is_some()
}

fn judged(name: &str, status: io::Result<ExitStatus>) -> Result<(), String> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{name}` ended with {status}")),
        Err(error) => Err(format!("`{name}` cannot be run: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_or_is_missing_is_named() {
        let here = Path::new("/");
        assert!(show(&mut command("true", here)).is_ok());
        assert!(show(&mut command("false", here)).unwrap_err().contains("`false` ended with"));
        let missing = show(&mut command("no-such-program", here)).unwrap_err();
        assert!(missing.contains("`no-such-program` cannot be run"));
    }
}
