//! Entries of the journal outside the platform: what a file of them proves, and what a checkpoint says of it.
//!
//! A file holds one JSON object a line, in the order of the journal. An entry carries what was done
//! and the digest of the object, never the object. Of entries that belong to somebody else, only
//! their digest stands there: enough to follow the chain past them, and nothing to read.

use base::{Digest, Error, Result, Time, Uid};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use crate::journal::{Change, link};

/// One line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Its place in the journal.
    pub position: u64,
    /// The digest of what it says.
    pub digest: Digest,
    /// The hash of the entry before.
    pub previous: Digest,
    /// Its hash.
    pub hash: Digest,
    /// What it says, where whoever exported it may read it.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// When.
    pub time: Time,
    /// The organization.
    pub org: String,
    /// The project.
    pub project: String,
    /// The kind.
    pub kind: String,
    /// The object.
    pub uid: Uid,
    /// Its name at the time.
    pub name: String,
    /// What was done.
    pub verb: String,
    /// Who did it.
    pub actor: String,
    /// In which trace.
    pub trace: String,
    /// Whether the object is deleted afterwards.
    pub deleted: bool,
    /// The digest of the object afterwards.
    pub body: Digest,
}

impl Line {
    /// An entry with what it says.
    pub fn told(change: &Change) -> Self {
        let said = Said {
            time: change.time,
            org: change.org.clone(),
            project: change.project.clone(),
            kind: change.kind.clone(),
            uid: change.uid.clone(),
            name: change.name.clone(),
            verb: change.verb.clone(),
            actor: change.actor.clone(),
            trace: change.trace.clone(),
            deleted: change.deleted,
            body: change.body_digest(),
        };
        Self { said: Some(said), ..Self::hidden(change) }
    }

    /// An entry of somebody else's.
    pub fn hidden(change: &Change) -> Self {
        Self {
            position: change.position,
            digest: change.digest(),
            previous: change.previous,
            hash: change.hash,
            said: None,
        }
    }

    /// Whether what it says is what its digest and its hash were made of.
    fn is_whole(&self) -> bool {
        let said = self.said.as_ref().is_none_or(|said| said.digest(self.position) == self.digest);
        said && self.hash == link(&self.previous, &self.digest)
    }
}

impl Said {
    fn digest(&self, position: u64) -> Digest {
        let change = Change {
            position,
            time: self.time,
            org: self.org.clone(),
            project: self.project.clone(),
            kind: self.kind.clone(),
            uid: self.uid.clone(),
            name: self.name.clone(),
            verb: self.verb.clone(),
            actor: self.actor.clone(),
            trace: self.trace.clone(),
            deleted: self.deleted,
            body: String::new(),
            previous: Digest::ZERO,
            hash: Digest::ZERO,
        };
        change.digest_with(self.body)
    }
}

/// A walk along the lines of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// How many lines fitted.
    pub entries: u64,
    /// How many of them say something.
    pub told: u64,
    /// The first position.
    pub first: Option<u64>,
    /// The last one, and its hash.
    pub last: Option<(u64, Digest)>,
    /// Hashes that were asked for, by position.
    wanted: Vec<(u64, Option<Digest>)>,
}

impl Walk {
    /// A walk that remembers the hash at a position.
    pub fn remembering(position: Option<u64>) -> Self {
        Self { wanted: position.into_iter().map(|position| (position, None)).collect(), ..Self::default() }
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// `chain-broken` if it was altered, or does not follow the line before.
    pub fn take(&mut self, line: &Line) -> Result<()> {
        let broken = |why: &str| {
            Err(Error::conflict("chain-broken", format!("entry {}: {why}", line.position))
                .hint("somebody changed the journal or the file; compare with a backup"))
        };
        if let Some((position, hash)) = self.last {
            if line.position != position + 1 {
                return broken("entries before it are missing");
            }
            if line.previous != hash {
                return broken("it does not follow the entry before");
            }
        }
        if !line.is_whole() {
            return broken("it is not what its hash was made of");
        }
        self.entries += 1;
        self.told += u64::from(line.said.is_some());
        self.first.get_or_insert(line.position);
        self.last = Some((line.position, line.hash));
        for (position, hash) in &mut self.wanted {
            if *position == line.position {
                *hash = Some(line.hash);
            }
        }
        Ok(())
    }

    /// Holds the lines against a checkpoint.
    ///
    /// # Errors
    /// `checkpoint-apart` if it is about a position that was not among the lines, `chain-broken` if
    /// the entry there is another one.
    pub fn meets(&self, checkpoint: &Checkpoint) -> Result<()> {
        let found = self.wanted.iter().find(|(position, _)| *position == checkpoint.position);
        match found.and_then(|(_, hash)| *hash) {
            Some(hash) if hash == checkpoint.head => Ok(()),
            Some(_) => Err(Error::conflict(
                "chain-broken",
                format!("entry {} is not the one that was signed", checkpoint.position),
            )),
            None => Err(Error::invalid(
                "checkpoint-apart",
                format!("the file does not hold entry {}, which was signed", checkpoint.position),
            )
            .hint("export up to that entry, or use an earlier checkpoint")),
        }
    }
}

/// What was signed of a journal: how long it was, and its last hash. Written like a transparency log's
/// checkpoint (C2SP tlog-checkpoint); in place of a tree's root stands the head of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose journal, as the key is named.
    pub origin: String,
    /// How many entries.
    pub position: u64,
    /// The hash of the last one.
    pub head: Digest,
}

impl Checkpoint {
    /// The three lines that are signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.position, BASE64_STANDARD.encode(self.head.bytes()))
    }

    /// Reads the three lines back.
    ///
    /// # Errors
    /// `note-unverified` if they are none.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Error::invalid("note-unverified", "this is signed, but no checkpoint of a journal");
        let mut lines = text.lines();
        let origin = lines.next().filter(|line| !line.is_empty()).ok_or_else(bad)?.to_owned();
        let position = lines.next().and_then(|line| line.parse().ok()).ok_or_else(bad)?;
        let head = lines.next().and_then(|line| BASE64_STANDARD.decode(line).ok()).ok_or_else(bad)?;
        let head = <[u8; 32]>::try_from(head).map_err(|_| bad())?;
        Ok(Self { origin, position, head: Digest::new(head) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Vec<Change> {
        let mut previous = Digest::ZERO;
        let entry = |n: u64| {
            let mut change = Change {
                position: 0,
                time: Time::from_micros(i64::try_from(n).unwrap()),
                org: if n == 2 { "other" } else { "acme" }.to_owned(),
                project: String::new(),
                kind: "demo.things".to_owned(),
                uid: Uid::known(format!("thg_{n}")),
                name: "thing".to_owned(),
                verb: "create".to_owned(),
                actor: "user:ada".to_owned(),
                trace: String::new(),
                deleted: false,
                body: format!("{{\"secret\":{n}}}"),
                previous,
                hash: Digest::ZERO,
            };
            change.seal(n, previous);
            previous = change.hash;
            change
        };
        (1..=4).map(entry).collect()
    }

    fn lines() -> Vec<Line> {
        let line =
            |change: &Change| if change.org == "acme" { Line::told(change) } else { Line::hidden(change) };
        chain().iter().map(line).collect()
    }

    fn walk(lines: &[Line]) -> Result<Walk> {
        let mut walk = Walk::remembering(Some(3));
        lines.iter().try_for_each(|line| walk.take(line)).map(|()| walk)
    }

    #[test]
    fn a_file_with_hidden_entries_is_followed() {
        let walked = walk(&lines()).unwrap();
        assert_eq!((walked.entries, walked.told, walked.first), (4, 3, Some(1)));
        let text = serde_json::to_string(&lines()[1]).unwrap();
        assert!(!text.contains("other") && !text.contains("ada"), "{text}");
        let again: Vec<Line> = lines()
            .iter()
            .map(|line| serde_json::from_str(&serde_json::to_string(line).unwrap()).unwrap())
            .collect();
        assert_eq!(again, lines());
        let head = chain()[2].hash;
        let checkpoint = Checkpoint { origin: "aic.example/journal".to_owned(), position: 3, head };
        assert_eq!(Checkpoint::parse(&checkpoint.text()).unwrap(), checkpoint);
        walked.meets(&checkpoint).unwrap();
        let other = Checkpoint { head: chain()[1].hash, ..checkpoint.clone() };
        assert_eq!(walked.meets(&other).unwrap_err().code(), "chain-broken");
        let later = Checkpoint { position: 9, ..checkpoint };
        assert_eq!(walked.meets(&later).unwrap_err().code(), "checkpoint-apart");
    }

    #[test]
    fn whatever_is_changed_is_found() {
        let mut altered = lines();
        altered[0].said.as_mut().unwrap().actor = "user:eve".to_owned();
        assert!(walk(&altered).unwrap_err().message().starts_with("entry 1"));
        // Changing the digest with the words breaks the hash, and changing the hash breaks what follows.
        altered[0].digest = altered[0].said.as_ref().unwrap().digest(1);
        assert!(walk(&altered).is_err());
        altered[0].hash = link(&altered[0].previous, &altered[0].digest);
        assert!(walk(&altered).unwrap_err().message().starts_with("entry 2"));
        let mut hidden = lines();
        hidden[1].digest = Digest::of(b"another");
        assert!(walk(&hidden).is_err());
        for gone in 1..3 {
            let mut shorter = lines();
            shorter.remove(gone);
            assert_eq!(walk(&shorter).unwrap_err().code(), "chain-broken");
        }
    }
}
