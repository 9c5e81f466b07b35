//! What a route or backend is told about itself: the conditions of the Gateway API.

use kernel::prelude::*;

/// Whether it is in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The Kubernetes conditions: `Accepted`.
    pub conditions: Vec<Condition>,
}

/// A condition as Kubernetes has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Accepted`
    #[serde(rename = "type")]
    pub kind: String,
    /// `True` or `False`.
    pub status: String,
    /// One word; the code of the problem where there is one.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// Since when.
    pub last_transition_time: Option<Time>,
    /// The generation it is about.
    pub observed_generation: Option<u64>,
}

impl Status {
    /// Whether it says the same about the same generation.
    pub fn says(&self, refused: Option<&Error>, generation: u64) -> bool {
        let wanted = Self::of(refused, generation, Time::from_micros(0));
        let bare = |status: &Self| {
            let mut bare = status.clone();
            bare.conditions.iter_mut().for_each(|condition| condition.last_transition_time = None);
            bare
        };
        bare(self) == bare(&wanted)
    }

    /// What there is to say.
    pub fn of(refused: Option<&Error>, generation: u64, now: Time) -> Self {
        let (status, reason, message) = match refused {
            None => ("True", "Accepted", "in use"),
            Some(error) => ("False", error.code(), error.message()),
        };
        Self {
            conditions: vec![Condition {
                kind: "Accepted".to_owned(),
                status: status.to_owned(),
                reason: reason.to_owned(),
                message: message.to_owned(),
                last_transition_time: Some(now),
                observed_generation: Some(generation),
            }],
        }
    }
}
