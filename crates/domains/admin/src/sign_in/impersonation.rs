//! Acting as a user, to see what they see: for an hour at most, with a reason, and always told apart in the audit.

use kernel::{access::Question, prelude::*};

use super::own_name;
use crate::{
    session::{self, Session},
    user::User,
};

/// How long, and why.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Asked {
    /// Why: it stands in the audit.
    #[field(min = 10, max = 500, example = "ticket 4711: cannot see the churn model")]
    reason: String,
    /// For how many minutes.
    #[field(min = 1, max = 60, default = 15)]
    minutes: u32,
}

/// Opens a session in a user's name.
pub async fn impersonate(cx: Cx, it: Object<User>, ask: Asked) -> Result<session::Token> {
    let by = own_name(&cx)?;
    if it.spec.disabled {
        return Err(Error::conflict("user-disabled", "the user may not log in, and nobody may as the user")
            .hint("enable the user first"));
    }
    let theirs = crate::guard::of_user(&it, &cx.org)?;
    let above = Question::new("admin.organizations.create", "", "");
    if cx.platform().decide(&theirs, &above).await?.allowed
        && !cx.platform().decide(&cx.principal, &above).await?.allowed
    {
        return Err(Error::forbidden("forbidden", "the user administers the platform, and you do not"));
    }
    let session = Session {
        impersonator: Some(format!("user:{by}")),
        reason: Some(ask.reason),
        ..Session::of(it.name(), &cx)
    };
    session::open(&cx.doing("impersonate"), session, u64::from(ask.minutes) * 60).await
}
