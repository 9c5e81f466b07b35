//! Reading, in one round trip, everything a group of tasks depends on, behind the lock on the journal's end.

use std::collections::HashSet;

use base::Time;
use futures::{
    FutureExt, TryFutureExt,
    future::{ready, try_join_all},
};
use kernel::store::{Commit, Kept, Lease, Record};
use store_sql::{Found, Task};
use tokio_postgres::{Client, Error, Row as Line, Statement, types::ToSql};

use crate::{
    ledger::{Head, Ledger, Row, Scope},
    statements::Statements,
};

/// What a group is about to touch.
#[derive(Default)]
struct Wanted {
    uids: HashSet<String>,
    names: HashSet<(Scope, String)>,
    scopes: HashSet<Scope>,
    counted: HashSet<Scope>,
    kept: HashSet<(String, String)>,
    streams: HashSet<String>,
    leases: HashSet<String>,
}

impl Wanted {
    fn of(tasks: &[&Task]) -> Self {
        let mut wanted = Self::default();
        for task in tasks {
            match task {
                Task::Commit(commit) => wanted.commit(commit),
                Task::Lease(claim) => {
                    wanted.leases.insert(claim.key.clone());
                }
                Task::Release(lease) => {
                    wanted.leases.insert(lease.key.clone());
                }
                Task::Replay(_, steps) => {
                    for step in steps {
                        let both = [&step.before, &step.after];
                        for (record, _) in both.into_iter().flatten() {
                            wanted.scopes.insert(scope(record));
                        }
                    }
                }
                Task::DropStream(_) | Task::Empty(_) | Task::Sweep(_) | Task::Ping => {}
            }
        }
        wanted
    }

    fn commit(&mut self, commit: &Commit) {
        for write in &commit.writes {
            let scope = scope(&write.record);
            self.uids.insert(write.record.uid.to_string());
            self.names.insert((scope.clone(), write.record.name.clone()));
            self.scopes.insert(scope);
        }
        for kept in &commit.keep {
            self.kept.insert((kept.space.clone(), kept.key.clone()));
        }
        for append in &commit.appends {
            self.streams.insert(append.stream.clone());
        }
        for ceiling in &commit.ceilings {
            self.counted.insert([ceiling.org.clone(), ceiling.kind.clone(), ceiling.project.clone()]);
        }
        self.leases.extend(commit.fence.iter().map(|(key, _)| key.clone()));
    }
}

fn scope(record: &Record) -> Scope {
    [record.org.clone(), record.kind.clone(), record.project.clone()]
}

/// Begins the transaction, waits for its turn, and reads.
pub async fn load(client: &Client, sql: &Statements, tasks: &[&Task]) -> Result<Ledger, Error> {
    let wanted = Wanted::of(tasks);
    let uids: Vec<&str> = wanted.uids.iter().map(String::as_str).collect();
    let [orgs, kinds, projects] = columns(wanted.names.iter().map(|(scope, _)| scope));
    let names: Vec<&str> = wanted.names.iter().map(|(_, name)| name.as_str()).collect();
    let scopes = columns(wanted.scopes.iter());
    let counted = columns(wanted.counted.iter());
    let spaces: Vec<&str> = wanted.kept.iter().map(|(space, _)| space.as_str()).collect();
    let keys: Vec<&str> = wanted.kept.iter().map(|(_, key)| key.as_str()).collect();
    let streams: Vec<&str> = wanted.streams.iter().map(String::as_str).collect();
    let leases: Vec<&str> = wanted.leases.iter().map(String::as_str).collect();

    let questions: [(&Statement, Vec<&(dyn ToSql + Sync)>); 10] = [
        (&sql.lock_head, vec![]),
        (&sql.add_scopes, vec![&scopes[0], &scopes[1], &scopes[2]]),
        (&sql.find_scopes, vec![&scopes[0], &scopes[1], &scopes[2]]),
        (&sql.find_objects, vec![&uids]),
        (&sql.find_names, vec![&orgs, &kinds, &projects, &names]),
        (&sql.count_living, vec![&counted[0], &counted[1], &counted[2]]),
        (&sql.find_kept, vec![&spaces, &keys]),
        (&sql.find_streams, vec![&streams]),
        (&sql.find_leases, vec![&leases]),
        (&sql.find_token, vec![]),
    ];
    let objects = !wanted.uids.is_empty();
    let needed = [
        true,
        !wanted.scopes.is_empty(),
        !wanted.scopes.is_empty(),
        objects,
        objects,
        !wanted.counted.is_empty(),
        !wanted.kept.is_empty(),
        !wanted.streams.is_empty(),
        !wanted.leases.is_empty(),
        !wanted.leases.is_empty(),
    ];
    // Polled in this order, they travel in this order, none waiting for another's answer.
    let begun = client.batch_execute("BEGIN").map_ok(|()| Vec::new());
    let mut asked = vec![begun.boxed()];
    for ((statement, values), needed) in questions.iter().zip(needed) {
        asked.push(if needed {
            client.query(*statement, values).boxed()
        } else {
            ready(Ok(Vec::new())).boxed()
        });
    }
    let answers = try_join_all(asked).await?;
    learn(answers)
}

fn learn(answers: Vec<Vec<Line>>) -> Result<Ledger, Error> {
    let mut answers = answers.into_iter().skip(1);
    let mut next = || answers.next().unwrap_or_default();
    let mut ledger = Ledger::new(head(&next())?);
    // What was added has no rows; what was found has.
    next();
    for row in next() {
        let scope = [row.try_get(1)?, row.try_get(2)?, row.try_get(3)?];
        ledger.scopes.learn(scope, row.try_get(0)?);
    }
    for row in next() {
        let found = Found {
            version: row.try_get::<_, i64>(1)? as u64,
            scope: row.try_get(2)?,
            name: row.try_get(3)?,
            living: row.try_get(4)?,
        };
        let record = None;
        ledger.objects.learn(row.try_get(0)?, Some(Row { found, record }));
    }
    for row in next() {
        let name = (row.try_get(0)?, row.try_get(1)?);
        ledger.names.learn(name, Some(row.try_get(2)?));
    }
    for row in next() {
        ledger.living.learn(row.try_get(0)?, row.try_get(1)?);
    }
    for row in next() {
        let (space, key): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let kept = Kept {
            space: space.clone(),
            key: key.clone(),
            value: String::new(),
            expires: row.try_get::<_, Option<i64>>(2)?.map(Time::from_micros),
            unless_kept: None,
        };
        ledger.kept.learn((space, key), kept);
    }
    for row in next() {
        ledger.streams.learn(row.try_get(0)?, row.try_get(1)?);
    }
    for row in next() {
        let lease = Lease {
            key: row.try_get(0)?,
            holder: row.try_get(1)?,
            token: row.try_get::<_, i64>(2)? as u64,
            expires: Time::from_micros(row.try_get(3)?),
        };
        ledger.leases.learn(lease.key.clone(), Some(lease));
    }
    for row in next() {
        ledger.token.learn((), row.try_get(0)?);
    }
    Ok(ledger)
}

fn head(rows: &[Line]) -> Result<Head, Error> {
    let mut head = Head { position: 0, hash: base::Digest::ZERO };
    for row in rows {
        head.position = row.try_get::<_, i64>(0)? as u64;
        let hash: Vec<u8> = row.try_get(1)?;
        head.hash = store_sql::digest(&hash).unwrap_or(base::Digest::ZERO);
    }
    Ok(head)
}

fn columns<'a>(scopes: impl Iterator<Item = &'a Scope>) -> [Vec<&'a str>; 3] {
    let mut columns = [Vec::new(), Vec::new(), Vec::new()];
    for scope in scopes {
        for (column, part) in columns.iter_mut().zip(scope) {
            column.push(part.as_str());
        }
    }
    columns
}
