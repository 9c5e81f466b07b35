//! Who may: roles and grants, policies beside them, and how they are tried, explained and kept from locking everybody out.

pub mod grant;
pub mod lockout;
pub mod permission;
pub mod permission_group;
pub mod policy;
pub mod rehearsal;
pub mod role;
pub mod role_template;
#[cfg(test)]
mod transcripts;
pub mod world;
