//! Who one is to the server, and what one may: `login`, `can-i`, `kubeconfig`; and the shell's completions.

use std::io::{IsTerminal, Read, stdin};

use serde_json::json;

use super::{Cx, device, kinds};
use crate::client::{Ask, Client};
use crate::config::{Kept, is_loopback};
use crate::failure::{Exit, Failure, Result};
use crate::output::{shown, text};

/// Arguments of `aic login`.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("by_password").args(["username", "password_stdin"]).multiple(true))]
pub struct Login {
    /// Who to log in as by password; without it, a browser anywhere is asked for.
    #[arg(short, long, value_name = "NAME")]
    username: Option<String>,
    /// The organization the name belongs to.
    #[arg(long, value_name = "NAME", requires = "by_password")]
    organization: Option<String>,
    /// Read the password from standard input instead of asking for it; the name is `admin` unless said.
    #[arg(long)]
    password_stdin: bool,
    /// Keep a token, such as an API key, that is read from standard input.
    #[arg(long, conflicts_with_all = ["username", "password_stdin"])]
    with_token: bool,
}

/// Arguments of `aic can-i`.
#[derive(clap::Args)]
pub struct CanI {
    /// A permission, or a verb and a kind: `catalog.models.get`, or `get models`.
    #[arg(required = true, num_args = 1..=2, value_names = ["PERMISSION | VERB", "KIND"])]
    words: Vec<String>,
}

/// Arguments of `aic completion`.
#[derive(clap::Args)]
pub struct Completion {
    /// The shell: put what is printed where it looks for completions.
    shell: clap_complete::Shell,
}

/// Gets a token by a browser or a password and keeps it, or keeps one that is there already.
pub fn login(cx: &mut Cx, it: &Login) -> Result<()> {
    let url = cx.settings.url.clone();
    if url.starts_with("http://") && !is_loopback(&url) {
        cx.out.note(&format!("`{url}` is not encrypted: others on the way can read the password"));
    }
    let kept = if it.with_token {
        Kept::of(secret_from_stdin()?)
    } else if it.username.is_some() || it.password_stdin {
        Kept::of(by_password(cx, it, &url)?)
    } else {
        device::login(cx)?
    };
    if kept.token.is_empty() {
        return Err(Failure::failed("there is no token to keep"));
    }
    cx.settings.token = Some(kept.token.clone());
    cx.client = Client::new(&cx.settings)?;
    if it.with_token {
        // Better refused now than at the next command.
        cx.client.send(Ask::get("/api/v1/kinds"))?;
    }
    let path = cx.settings.keep(&kept)?.display().to_string();
    cx.out.say(&format!("logged in to {url}; the token is in {path}, readable by you only"))
}

fn by_password(cx: &mut Cx, it: &Login, url: &str) -> Result<String> {
    let username = it.username.as_deref().unwrap_or("admin");
    let password = if it.password_stdin { secret_from_stdin()? } else { prompted(username, url)? };
    // An old token must not get in the way of a new one.
    cx.settings.token = None;
    let client = Client::new(&cx.settings)?;
    let mut body = json!({"username": username, "password": password});
    if let Some(organization) = &it.organization {
        body["organization"] = json!(organization);
    }
    let answer = client.json(Ask::call("/api/v1/admin/auth/login").json(&body)).map_err(|failure| {
        if failure.status == Some(401) { failure.hint("check the name and the password") } else { failure }
    })?;
    if answer["enrolling"] == true {
        return Err(Failure::failed("the organization asks for a second factor, and there is none yet")
            .hint(format!("add one at {url}/oauth2/login, then log in with `aic login` again")));
    }
    Ok(text(&answer, "accessToken"))
}

fn secret_from_stdin() -> Result<String> {
    let mut secret = String::new();
    stdin().read_to_string(&mut secret).map_err(|error| Failure::file("standard input", &error))?;
    Ok(secret.trim_end_matches(['\r', '\n']).to_owned())
}

fn prompted(username: &str, url: &str) -> Result<String> {
    if !stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to be asked for the password")
            .hint("pass it with --password-stdin"));
    }
    rpassword::prompt_password(format!("password of {username} at {url}: "))
        .map_err(|error| Failure::file("the terminal", &error))
}

/// Answers yes or no with the reasons; `no` ends with the exit code of `not allowed`.
pub fn can_i(cx: &mut Cx, it: &CanI) -> Result<()> {
    let permission = match it.words.as_slice() {
        [verb, kind] => format!("{}.{verb}", kinds::find(cx, kind)?.id()),
        words => words.concat(),
    };
    let mut ask = json!({"permission": permission});
    if let Some(project) = &cx.settings.project {
        ask["project"] = json!(project);
    }
    let answer = cx.client.json(Ask::call("/api/v1/admin/permissions/check").json(&ask))?;
    let allowed = answer.get("allowed").and_then(serde_json::Value::as_bool).unwrap_or(false);
    cx.out.value(&answer, |answer| {
        let mut lines = format!("{}\n", if allowed { "yes" } else { "no" });
        for reason in answer.get("reasons").and_then(serde_json::Value::as_array).into_iter().flatten() {
            lines.push_str(&format!("  because {}\n", shown(reason)));
        }
        lines
    })?;
    if allowed { Ok(()) } else { Err(Failure::silent(Exit::NotAllowed)) }
}

/// Prints what the server wrote for `kubectl`.
pub fn kubeconfig(cx: &mut Cx) -> Result<()> {
    let answer = cx.client.send(Ask::get("/api/v1/system/kubeconfig").accept("application/yaml"))?;
    let text = answer.text()?;
    cx.out.bytes(text.as_bytes())
}

/// Prints the completions for a shell.
pub fn completion(cx: &mut Cx, it: &Completion, parser: fn() -> clap::Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(it.shell, &mut parser(), "aic", &mut script);
    cx.out.bytes(&script)
}
