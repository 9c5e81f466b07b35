//! Writing, in one round trip that ends with the commit, everything a group of tasks decided.

use futures::{FutureExt, future::BoxFuture, future::try_join_all};
use kernel::store::{Lease, Record};
use tokio_postgres::{Client, Error, Statement, types::ToSql};

use crate::{
    ledger::{Entry, Ledger, micros},
    statements::Statements,
};

/// The values of one statement.
type Values<'a> = Vec<Box<dyn ToSql + Sync + Send + 'a>>;

/// Sends every statement that has something to say, then commits.
pub async fn flush(client: &Client, sql: &Statements, ledger: &Ledger) -> Result<(), Error> {
    let statements = statements(sql, ledger);
    let mut sent: Vec<BoxFuture<'_, Result<(), Error>>> = Vec::new();
    for (statement, values) in &statements {
        let send = async move {
            let values: Vec<&(dyn ToSql + Sync)> =
                values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
            client.execute(*statement, &values).await.map(drop)
        };
        sent.push(send.boxed());
    }
    // If a statement fails, the commit behind it undoes everything, and the failure is told first.
    sent.push(client.batch_execute("COMMIT").boxed());
    try_join_all(sent).await.map(drop)
}

fn statements<'a>(sql: &'a Statements, ledger: &'a Ledger) -> Vec<(&'a Statement, Values<'a>)> {
    let mut all = Vec::new();
    if ledger.grew() {
        all.push((&sql.add_changes, changes(ledger)));
        objects(sql, ledger, &mut all);
        terms(sql, ledger, &mut all);
        let position = ledger.head.position as i64;
        let hash = ledger.head.hash.bytes().to_vec();
        all.push((&sql.set_head, vec![Box::new(position), Box::new(hash)]));
        all.push((&sql.tell_head, vec![Box::new(position.to_string())]));
    }
    kept(sql, ledger, &mut all);
    leases(sql, ledger, &mut all);
    all
}

fn column<'a, T: 'a, V: ToSql + Sync + Send + 'a>(
    rows: &[&'a T],
    value: impl Fn(&'a T) -> V,
) -> Box<dyn ToSql + Sync + Send + 'a> {
    Box::new(rows.iter().map(|row| value(row)).collect::<Vec<V>>())
}

fn changes(ledger: &Ledger) -> Values<'_> {
    let rows: Vec<_> = ledger.changes.iter().collect();
    vec![
        column(&rows, |it| it.position as i64),
        column(&rows, |it| it.time.micros()),
        column(&rows, |it| it.org.as_str()),
        column(&rows, |it| it.project.as_str()),
        column(&rows, |it| it.kind.as_str()),
        column(&rows, |it| it.uid.as_str()),
        column(&rows, |it| it.name.as_str()),
        column(&rows, |it| it.verb.as_str()),
        column(&rows, |it| it.actor.as_str()),
        column(&rows, |it| it.trace.as_str()),
        column(&rows, |it| i64::from(it.deleted)),
        column(&rows, |it| it.body.as_str()),
        column(&rows, |it| it.previous.bytes().as_slice()),
        column(&rows, |it| it.hash.bytes().as_slice()),
    ]
}

type Sent<'a> = Vec<(&'a Statement, Values<'a>)>;

fn objects<'a>(sql: &'a Statements, ledger: &'a Ledger, all: &mut Sent<'a>) {
    let mut uids: Vec<&str> = Vec::new();
    let mut rows: Vec<(&Record, i64)> = Vec::new();
    for (uid, row) in ledger.objects.changes() {
        uids.push(uid);
        rows.extend(row.iter().filter_map(|row| row.record.as_ref().map(|record| (record, row.found.scope))));
    }
    // Rows lie in the order of their changes.
    rows.sort_by_key(|(record, _)| record.version);
    let scopes: Vec<i64> = rows.iter().map(|(_, scope)| *scope).collect();
    let records: Vec<&Record> = rows.iter().map(|(record, _)| *record).collect();
    all.push((&sql.drop_objects, vec![Box::new(uids)]));
    all.push((
        &sql.add_objects,
        vec![
            column(&records, |it| it.uid.as_str()),
            Box::new(scopes),
            column(&records, |it| it.name.as_str()),
            column(&records, |it| it.version as i64),
            column(&records, |it| it.generation as i64),
            column(&records, |it| it.created.micros()),
            column(&records, |it| micros(it.deleted)),
            column(&records, |it| it.body.as_str()),
        ],
    ));
}

fn terms<'a>(sql: &'a Statements, ledger: &'a Ledger, all: &mut Sent<'a>) {
    for (statement, wanted) in [(&sql.drop_terms, false), (&sql.add_terms, true)] {
        let mut rows: Vec<&Entry> =
            ledger.terms.changes().filter(|(_, there)| **there == wanted).map(|(entry, _)| entry).collect();
        if rows.is_empty() {
            continue;
        }
        rows.sort();
        let values = vec![
            column(&rows, |it| it.0),
            column(&rows, |it| it.1.as_str()),
            column(&rows, |it| it.2.as_str()),
            column(&rows, |it| it.3.as_str()),
        ];
        all.push((statement, values));
    }
}

fn kept<'a>(sql: &'a Statements, ledger: &'a Ledger, all: &mut Sent<'a>) {
    let rows: Vec<_> = ledger.kept.changes().map(|(_, kept)| kept).collect();
    if !rows.is_empty() {
        let values = vec![
            column(&rows, |it| it.space.as_str()),
            column(&rows, |it| it.key.as_str()),
            column(&rows, |it| it.value.as_bytes()),
            column(&rows, |it| micros(it.expires)),
        ];
        all.push((&sql.keep, values));
    }
    let rows: Vec<_> = ledger.entries.iter().collect();
    if !rows.is_empty() {
        let values = vec![
            column(&rows, |it| it.0.as_str()),
            column(&rows, |it| it.1),
            column(&rows, |it| it.2.as_bytes()),
        ];
        all.push((&sql.append, values));
    }
}

fn leases<'a>(sql: &'a Statements, ledger: &'a Ledger, all: &mut Sent<'a>) {
    let keys: Vec<&str> = ledger.leases.changes().map(|(key, _)| key.as_str()).collect();
    if keys.is_empty() {
        return;
    }
    let held = ledger.leases.changes().filter_map(|(_, lease)| lease.as_ref());
    let rows: Vec<&Lease> = held.collect();
    all.push((&sql.drop_leases, vec![Box::new(keys)]));
    let values = vec![
        column(&rows, |it| it.key.as_str()),
        column(&rows, |it| it.holder.as_str()),
        column(&rows, |it| it.token as i64),
        column(&rows, |it| it.expires.micros()),
    ];
    all.push((&sql.add_leases, values));
    for (_, token) in ledger.token.changes() {
        all.push((&sql.set_token, vec![Box::new(*token)]));
    }
}
