//! What can be asked of a kind, and which permission each asking needs.

use crate::{
    change::PatchForm,
    declare::{KindDef, Of, OpenTo},
};

/// What is asked of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// A page of objects.
    List,
    /// How many there are.
    Count,
    /// All of them, as JSON lines.
    Export,
    /// Changes as they happen.
    Watch,
    /// A new object.
    Create,
    /// A new object of each line.
    Import,
    /// Several things at once.
    Bulk,
    /// One object.
    Get,
    /// Its earlier versions.
    History,
    /// What changed between two of them.
    Diff,
    /// What it came from and what came of it.
    Lineage,
    /// A whole new spec.
    Replace,
    /// Part of a new spec.
    Patch(PatchForm),
    /// Away with it.
    Delete,
    /// Out of the trash.
    Restore,
    /// Back to an earlier version.
    Rollback,
    /// Would a new object be accepted?
    Validate,
    /// A copy under another name.
    Clone,
    /// An action of one object.
    Act(String),
    /// A view of one object.
    View(String),
    /// An action of the collection.
    ActOnAll(String),
    /// A view of the collection.
    ViewOfAll(String),
}

impl Verb {
    /// The last word of the permission it needs.
    pub(crate) fn permission(&self, kind: &KindDef) -> String {
        let action = |name: &str, of, view: bool| {
            kind.action(name, of, view).map_or(name, |action| action.permission).to_owned()
        };
        match self {
            Self::List | Self::Count | Self::Export => "list".to_owned(),
            Self::Watch => "watch".to_owned(),
            Self::Create | Self::Import | Self::Validate | Self::Clone => "create".to_owned(),
            Self::Get | Self::History | Self::Diff | Self::Lineage => "get".to_owned(),
            // Each item is decided for itself.
            Self::Bulk => "list".to_owned(),
            Self::Replace | Self::Patch(_) | Self::Rollback => "update".to_owned(),
            Self::Delete => "delete".to_owned(),
            Self::Restore => "restore".to_owned(),
            Self::Act(name) => action(name, Of::Object, false),
            Self::View(name) => action(name, Of::Object, true),
            Self::ActOnAll(name) => action(name, Of::Collection, false),
            Self::ViewOfAll(name) => action(name, Of::Collection, true),
        }
    }

    /// What the journal calls it.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::Create | Self::Import | Self::Bulk => "create",
            Self::Replace => "replace",
            Self::Patch(_) => "patch",
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::Rollback => "rollback",
            Self::Clone => "clone",
            Self::Act(name) | Self::ActOnAll(name) => name,
            Self::List
            | Self::Count
            | Self::Export
            | Self::Watch
            | Self::Get
            | Self::History
            | Self::Diff
            | Self::Lineage
            | Self::Validate
            | Self::View(_)
            | Self::ViewOfAll(_) => "read",
        }
    }
}

/// Who may ask, where it is not whoever was granted the permission.
pub fn open_to(kind: &KindDef, verb: &Verb) -> OpenTo {
    let action = match verb {
        Verb::Act(name) => kind.action(name, Of::Object, false),
        Verb::View(name) => kind.action(name, Of::Object, true),
        Verb::ActOnAll(name) => kind.action(name, Of::Collection, false),
        Verb::ViewOfAll(name) => kind.action(name, Of::Collection, true),
        _ => None,
    };
    action.map_or(OpenTo::Granted, |action| action.open_to)
}
