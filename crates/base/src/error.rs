//! The one error a caller can see: a stable code, a status, a sentence and, apart from them, what only the log may know.

use std::fmt;

/// The result of everything that can fail in front of a caller.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is, as HTTP counts them (RFC 9110 section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 400: the request cannot be understood.
    BadRequest,
    /// 401: nobody is asking.
    Unauthenticated,
    /// 403: somebody is asking who may not.
    Forbidden,
    /// 404: there is no such thing, or none the caller may know of.
    NotFound,
    /// 405: the thing is there, but not for this method.
    MethodNotAllowed,
    /// 406: no representation the caller accepts.
    NotAcceptable,
    /// 409: the state of the thing forbids it.
    Conflict,
    /// 410: what was asked for has been compacted away.
    Gone,
    /// 412: the caller's precondition does not hold.
    PreconditionFailed,
    /// 413: too much was sent.
    TooLarge,
    /// 415: sent in a form nobody here reads.
    UnsupportedMedia,
    /// 422: understood, but wrong.
    Invalid,
    /// 429: too often.
    TooMany,
    /// 499: the caller went away or cancelled.
    Cancelled,
    /// 500: our fault.
    Internal,
    /// 502: somebody we asked failed.
    BadGateway,
    /// 503: not now.
    Unavailable,
    /// 504: not in time.
    Timeout,
    /// 507: no room left to keep it.
    NoRoom,
}

impl Status {
    /// The number HTTP gives it.
    pub fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::PreconditionFailed => 412,
            Self::TooLarge => 413,
            Self::UnsupportedMedia => 415,
            Self::Invalid => 422,
            Self::TooMany => 429,
            Self::Cancelled => 499,
            Self::Internal => 500,
            Self::BadGateway => 502,
            Self::Unavailable => 503,
            Self::Timeout => 504,
            Self::NoRoom => 507,
        }
    }
}

/// A failure with a code that never changes its meaning; every code has a page in `errors/`.
#[derive(Clone)]
pub struct Error(Box<Parts>);

#[derive(Clone)]
struct Parts {
    status: Status,
    code: &'static str,
    message: String,
    field: Option<String>,
    hint: Option<String>,
    cause: Option<String>,
    retry_after_s: Option<u32>,
}

impl Error {
    /// An error of any status; prefer the named makers below.
    pub fn new(status: Status, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status,
            code,
            message: message.into(),
            field: None,
            hint: None,
            cause: None,
            retry_after_s: None,
        }))
    }

    /// The request cannot be understood.
    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Status::BadRequest, code, message)
    }

    /// Nobody is asking.
    pub fn unauthenticated(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Status::Unauthenticated, code, message)
    }

    /// The caller may not do this.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Status::Forbidden, code, message)
    }

    /// There is no such thing.
    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Status::NotFound, code, message)
    }

    /// The state of the thing forbids it.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Status::Conflict, code, message)
    }

    /// Understood, but wrong.
    pub fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Status::Invalid, code, message)
    }

    /// Too much was sent.
    pub fn too_large(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Status::TooLarge, code, message)
    }

    /// Not now; the caller may come back.
    pub fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Status::Unavailable, code, message)
    }

    /// Our fault. The cause goes to the log, never to the caller.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::new(Status::Internal, "internal", "something went wrong on our side").because(cause)
    }

    /// Names the field at fault, as a path like `spec.pool`.
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Says what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Keeps, for the log only, what lay behind it.
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// Says when to come back, in seconds.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// What kind of failure it is.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// The stable code, such as `connection-not-ready`.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The sentence for the caller.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The field at fault, if one is.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// What to do next, if it was said.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// What only the log may know.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// Seconds to wait before another try.
    pub fn wait_s(&self) -> Option<u32> {
        self.0.retry_after_s
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)?;
        if let Some(field) = &self.0.field {
            write!(f, " (at `{field}`)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        if let Some(cause) = &self.0.cause {
            write!(f, " because {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
