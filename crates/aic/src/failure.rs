//! What a command can end with when it does not end well: a sentence, advice, and an exit code.

use std::fmt;
use std::io;

use serde::Deserialize;

/// The outcome of everything here.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// The exit codes scripts rely on; 0 is success, 2 is also what the argument parser ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    NotAllowed = 4,
    Conflict = 5,
    Unavailable = 6,
}

/// One failure, as it is printed.
#[derive(Clone, Debug)]
pub struct Failure {
    pub exit: Exit,
    /// The status the server answered with, if it answered.
    pub status: Option<u16>,
    told: Box<Told>,
}

/// What is printed; apart, so that a result stays small.
#[derive(Clone, Debug, Default)]
struct Told {
    message: String,
    code: Option<String>,
    fields: Vec<(String, String)>,
    hint: Option<String>,
    request: Option<String>,
}

/// The body of an error answer (RFC 9457) as the platform writes it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    code: Option<String>,
    field: Option<String>,
    hint: Option<String>,
    request_id: Option<String>,
    errors: Vec<FieldProblem>,
    /// The code, where the answer is one of OAuth 2.0 (RFC 6749 section 5.2).
    error: Option<String>,
    /// Its sentence.
    #[serde(rename = "error_description")]
    description: Option<String>,
    /// The code and the sentence, where the answer is one of MLflow's API.
    #[serde(rename = "error_code")]
    error_code: Option<String>,
    message: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FieldProblem {
    field: String,
    detail: String,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        let told = Told { message: message.into(), ..Told::default() };
        Self { exit, status: None, told: Box::new(told) }
    }

    /// It did not work, for a reason no other exit code names.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// The command was understood by the parser, but cannot be meant.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, message)
    }

    /// The caller may not.
    pub fn not_allowed(message: impl Into<String>) -> Self {
        Self::new(Exit::NotAllowed, message)
    }

    /// The server cannot be reached or does not answer in time.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unavailable, message)
    }

    /// Nothing to say beside the exit code: the answer was printed, and it was `no`.
    pub fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// Whether there is anything to print.
    pub fn is_silent(&self) -> bool {
        self.told.message.is_empty()
    }

    /// A file that cannot be read or written.
    pub fn file(path: impl fmt::Display, error: &io::Error) -> Self {
        let failure = Self::failed(format!("`{path}`: {error}"));
        match error.kind() {
            io::ErrorKind::NotFound => Self { exit: Exit::NotFound, ..failure },
            io::ErrorKind::PermissionDenied => Self { exit: Exit::NotAllowed, ..failure },
            // Whatever else goes wrong with a file has no exit code of its own.
            _ => failure,
        }
    }

    /// An answer of the server that is no success.
    pub fn answered(status: u16, request: Option<String>, body: &str) -> Self {
        let problem: Problem = serde_json::from_str(body).unwrap_or_default();
        let message = problem
            .detail
            .or(problem.description)
            .or(problem.message)
            .or(problem.title)
            .unwrap_or_else(|| unexplained(status, body));
        let mut fields: Vec<(String, String)> =
            problem.errors.into_iter().map(|error| (error.field, error.detail)).collect();
        if let Some(field) = problem.field
            && !fields.iter().any(|(known, _)| *known == field)
        {
            fields.insert(0, (field, String::new()));
        }
        Self {
            exit: exit_of(status),
            status: Some(status),
            told: Box::new(Told {
                message,
                code: problem.code.or(problem.error_code).or(problem.error),
                fields,
                hint: problem.hint,
                request: problem.request_id.or(request),
            }),
        }
    }

    /// A failure of the platform itself, where this process is the platform.
    pub fn of(error: &base::Error) -> Self {
        let exit = exit_of(error.status().code());
        let mut failure = Self::new(exit, error.message());
        failure.told.code = Some(error.code().to_owned());
        failure.told.hint = error.advice().map(str::to_owned);
        failure.told.fields =
            error.field().map(|field| (field.to_owned(), String::new())).into_iter().collect();
        if let Some(cause) = error.cause() {
            failure.told.message = format!("{} ({cause})", failure.told.message);
        }
        failure
    }

    /// The stable code, if one was told.
    pub fn code(&self) -> Option<&str> {
        self.told.code.as_deref()
    }

    /// Says what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.told.hint = Some(hint.into());
        self
    }

    /// Ends with another exit code.
    pub fn ending(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Puts what was being done in front of what went wrong.
    pub fn while_doing(mut self, what: impl fmt::Display) -> Self {
        self.told.message = format!("{what}: {}", self.told.message);
        self
    }

    /// What to do next: what was said with the failure, or what usually helps.
    fn advice(&self) -> Option<&str> {
        self.told.hint.as_deref().or(match (self.exit, self.status) {
            (Exit::NotAllowed, Some(401)) => Some("run `aic login` first, or set AIC_TOKEN"),
            (Exit::NotAllowed, Some(_)) => {
                Some("ask `aic can-i VERB KIND` which rule decided, and its owner for a role")
            }
            (Exit::NotFound, Some(_)) => {
                Some("list what is there with `aic get KIND`; `aic api kinds` names the kinds")
            }
            (Exit::Conflict, Some(_)) => {
                Some("look at what is there now with `aic get KIND NAME -o yaml`, then try again")
            }
            (Exit::Unavailable, Some(_)) => Some("wait a little and try again"),
            (Exit::Unavailable, None) => {
                Some("start the server with `aic up`, or say where it is with --url or AIC_URL")
            }
            (Exit::Usage, _) => Some("see `aic help`"),
            (Exit::Failed | Exit::NotAllowed | Exit::NotFound | Exit::Conflict, _) => None,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.told.message)?;
        if let Some(code) = &self.told.code {
            write!(f, " [{code}]")?;
        }
        for (field, detail) in &self.told.fields {
            write!(f, "\n  field: {field}")?;
            if !detail.is_empty() {
                write!(f, ": {detail}")?;
            }
        }
        if let Some(advice) = self.advice() {
            write!(f, "\n  next: {advice}")?;
        }
        if let Some(request) = &self.told.request {
            write!(f, "\n  request: {request}")?;
        }
        Ok(())
    }
}

fn exit_of(status: u16) -> Exit {
    match status {
        401 | 403 => Exit::NotAllowed,
        404 | 410 => Exit::NotFound,
        409 | 412 => Exit::Conflict,
        408 | 429 | 502..=504 | 507 => Exit::Unavailable,
        _ => Exit::Failed,
    }
}

/// Something between us and the platform answered, or nothing useful was said.
fn unexplained(status: u16, body: &str) -> String {
    let line = body.lines().next().unwrap_or_default().trim();
    let line: String = line.chars().take(200).collect();
    if line.is_empty() {
        format!("the server answered {status} and nothing else")
    } else {
        format!("the server answered {status}: {line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_printed_with_all_it_says() {
        let body = r#"{"status": 422, "code": "invalid-name", "detail": "`A b` is not a name",
            "field": "metadata.name", "hint": "use lower-case letters", "requestId": "req-7"}"#;
        let failure = Failure::answered(422, None, body);
        assert_eq!(failure.exit, Exit::Failed);
        assert_eq!(
            failure.to_string(),
            "`A b` is not a name [invalid-name]\n  field: metadata.name\n  next: use lower-case letters\n  request: req-7"
        );
    }

    #[test]
    fn each_field_has_its_line() {
        let body = r#"{"detail": "wrong", "field": "spec.a", "errors": [
            {"field": "spec.a", "detail": "too long"}, {"field": "spec.b", "detail": "missing"}]}"#;
        let shown = Failure::answered(422, Some("r".to_owned()), body).to_string();
        assert_eq!(shown, "wrong\n  field: spec.a: too long\n  field: spec.b: missing\n  request: r");
    }

    #[test]
    fn what_is_no_problem_document_is_shown_as_it_is() {
        let shown = Failure::answered(502, None, "<html>Bad Gateway</html>\nmore").to_string();
        assert!(shown.starts_with("the server answered 502: <html>Bad Gateway</html>\n  next:"));
        assert!(Failure::answered(500, None, "").to_string().contains("nothing else"));
    }

    #[test]
    fn exit_codes_follow_the_status() {
        let exit = |status| Failure::answered(status, None, "{}").exit as u8;
        let pairs =
            [(400, 1), (401, 4), (403, 4), (404, 3), (409, 5), (412, 5), (422, 1), (429, 6), (503, 6)];
        for (status, code) in pairs {
            assert_eq!(exit(status), code, "{status}");
        }
    }
}
