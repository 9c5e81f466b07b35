//! What the vault promises, on a real store.

use std::sync::Arc;

use base::{Entropy, Time};
use fields::kind::{Field, Shape};
use serde_json::{Value, json};
use store::{ChangeQuery, Commit, Store};
use testing::{SeededEntropy, store_suite::Draft};

use super::*;

const fn field(name: &'static str, shape: Shape, personal: bool) -> Field {
    Field { shape, personal, ..Field::of::<Option<String>>(name, "") }
}

const DOOR: &[Field] = &[field("code", Shape::Secret, false)];
const SPEC: &[Field] = &[
    field("title", Shape::Text, false),
    field("email", Shape::Text, true),
    field("password", Shape::Secret, false),
    field("doors", Shape::List(&Shape::Struct(DOOR)), false),
];

fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SeededEntropy::default())
}

async fn vault(dir: &std::path::Path, master: u8) -> base::Result<(Arc<dyn Store>, Arc<Vaulted>)> {
    let inner = store_sqlite::open(dir)?;
    let mut sealed = Sealed::default();
    sealed.add("demo.things", SPEC, &[]);
    let vault = open(Arc::clone(&inner), &MasterKey::new([master; 32]), sealed, entropy()).await?;
    Ok((inner, vault))
}

fn ada() -> Value {
    json!({"title": "Countess", "email": "ada@example.org", "password": "p4ss", "doors": [{"code": "1815"}]})
}

fn spec(body: &str) -> Value {
    serde_json::from_str::<Value>(body).unwrap()["spec"].clone()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

#[test]
fn what_is_on_disk_cannot_be_read_and_what_comes_back_can() {
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let (inner, vault) = vault(dir.path(), 1).await.unwrap();
        let draft = Draft::new("ada").spec(ada());
        vault.commit(Commit { writes: vec![draft.create()], ..Commit::default() }).await.unwrap();
        let below = inner.by_uid(&draft.record.uid).await.unwrap().unwrap();
        assert_eq!(spec(&below.body)["title"], "Countess");
        for hidden in ["ada@example.org", "p4ss", "1815"] {
            assert!(!below.body.contains(hidden), "{}", below.body);
        }
        let above = vault.by_uid(&draft.record.uid).await.unwrap().unwrap();
        assert_eq!(spec(&above.body), ada());
        let history = vault.history(&ChangeQuery { limit: 10, ..ChangeQuery::default() }).await.unwrap();
        assert_eq!(spec(&history[0].body), ada());
        // The chain is over what was written.
        let verdict = store::journal::verify(&*vault).await.unwrap();
        assert_eq!((verdict.entries, verdict.first_bad), (1, None));
    });
}

#[test]
fn a_sealed_text_opens_only_where_it_was_sealed() {
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let (inner, vault) = vault(dir.path(), 1).await.unwrap();
        let (ada, eve) = (Draft::new("ada").spec(ada()), Draft::new("eve").spec(json!({"password": "x"})));
        vault.commit(Commit { writes: vec![ada.create(), eve.create()], ..Commit::default() }).await.unwrap();
        // Somebody with the disk puts Ada's password into Eve's object.
        let stolen = spec(&inner.by_uid(&ada.record.uid).await.unwrap().unwrap().body)["password"].clone();
        let forged = eve.clone().spec(json!({"password": stolen}));
        inner.commit(Commit { writes: vec![forged.replace(2, &eve)], ..Commit::default() }).await.unwrap();
        let opened = vault.by_uid(&eve.record.uid).await.unwrap().unwrap();
        assert_eq!(spec(&opened.body)["password"], Value::Null);
    });
}

#[test]
fn who_was_shredded_is_gone_from_the_history_too() {
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let (_, vault) = vault(dir.path(), 1).await.unwrap();
        let draft = Draft::new("ada").spec(ada());
        vault.commit(Commit { writes: vec![draft.create()], ..Commit::default() }).await.unwrap();
        assert!(vault.shred(&draft.record.uid).await.unwrap());
        for body in [
            vault.by_uid(&draft.record.uid).await.unwrap().unwrap().body,
            vault.changes(0, 10).await.unwrap()[0].body.clone(),
        ] {
            assert_eq!(spec(&body)["email"], Value::Null);
            assert_eq!(
                (&spec(&body)["title"], &spec(&body)["password"]),
                (&json!("Countess"), &json!("p4ss"))
            );
        }
        // Nothing personal is written any more, and the key is not made again.
        let again = Draft::new("ada").spec(json!({"email": "new@example.org"}));
        vault.commit(Commit { writes: vec![again.replace(1, &draft)], ..Commit::default() }).await.unwrap();
        assert_eq!(spec(&vault.by_uid(&draft.record.uid).await.unwrap().unwrap().body)["email"], Value::Null);
        assert_eq!(store::journal::verify(&*vault).await.unwrap().first_bad, None);
    });
}

#[test]
fn the_wrong_master_key_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let (inner, first) = vault(dir.path(), 1).await.unwrap();
        let check = inner.kept("check", KEYS, Time::from_micros(0)).await.unwrap().unwrap();
        assert!(fits(&MasterKey::new([1; 32]), &check) && !fits(&MasterKey::new([2; 32]), &check));
        let other = open(inner, &MasterKey::new([2; 32]), Sealed::default(), entropy()).await;
        assert_eq!(other.err().unwrap().code(), "master-key-wrong");
        drop(first);
    });
    for wrong in ["", "00", &"0g".repeat(32), &"é".repeat(32)] {
        assert_eq!(MasterKey::parse(wrong).err().unwrap().code(), "master-key-unreadable");
    }
    assert!(MasterKey::parse(&format!("{}\n", "0f".repeat(32))).is_ok());
}

#[test]
fn a_new_master_key_opens_everything_and_the_old_one_nothing() {
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let (inner, vault) = vault(dir.path(), 1).await.unwrap();
        let draft = Draft::new("ada").spec(ada());
        vault.commit(Commit { writes: vec![draft.create()], ..Commit::default() }).await.unwrap();
        let (old, new) = (MasterKey::new([1; 32]), MasterKey::new([2; 32]));
        assert_eq!(rewrap(&*inner, &old, &new, &*entropy()).await.unwrap(), 2);
        // Once more changes nothing: what is wrapped already is passed over.
        assert_eq!(rewrap(&*inner, &old, &new, &*entropy()).await.unwrap(), 0);
        let wrong = rewrap(&*inner, &old, &MasterKey::new([3; 32]), &*entropy()).await.unwrap_err();
        assert_eq!(wrong.code(), "master-key-wrong");
    });
    let refused = runtime().block_on(vault(dir.path(), 1)).map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), "master-key-wrong");
    runtime().block_on(async {
        let (_, vault) = vault(dir.path(), 2).await.unwrap();
        let found = vault.changes(0, 10).await.unwrap();
        assert_eq!(spec(&found[0].body), ada());
    });
}
