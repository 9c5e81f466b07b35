//! A checkpoint of the audit: how long the journal was and its last hash, signed, so that nobody can
//! rewrite what came before and go unnoticed by whoever kept the checkpoint.

use bytes::Bytes;
use kernel::{
    access::Principal,
    journal::Change,
    prelude::*,
    store::{ChangeQuery, proof},
};
use ports::notary::Notary;

/// What checkpoints serve; they are made by signing.
pub fn serve(kind: KindBuilder<Checkpoint>) -> KindBuilder<Checkpoint> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .action_on_all("sign", "Signs the journal as it is now.", sign)
        .view_of_all("latest", "The latest checkpoint.", latest)
        .open_to(OpenTo::Caller)
        .view_of_all("key", "The public key checkpoints are verified with. Write it down elsewhere.", key)
        .open_to(OpenTo::Caller)
        .download(
            "note",
            "The checkpoint as a signed note (C2SP signed-note).",
            |_, it, _: Nothing| async move {
                let bytes = Bytes::from(it.spec.note);
                Ok(Output::Bytes {
                    media: "text/plain; charset=utf-8".to_owned(),
                    filename: Some(format!("checkpoint-{}.txt", it.spec.position)),
                    bytes: Box::pin(futures::stream::once(std::future::ready(Ok(bytes)))),
                })
            },
        )
        .needs("get")
}

/// How long the journal was, signed.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "audit-checkpoint", prefix = "acp", scope = "platform")]
pub struct Checkpoint {
    /// How many entries the journal had.
    #[field(indexed, immutable)]
    pub position: u64,
    /// The hash of the last one.
    #[field(immutable)]
    pub head: Digest,
    /// The signed note.
    #[field(immutable)]
    pub note: String,
}

/// The public key.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Key {
    /// The key's name.
    name: String,
    /// The key as signed notes are verified with it.
    public_key: String,
}

/// Signs the journal as it is now.
async fn sign(cx: Cx, _: Nothing) -> Result<Checkpoint> {
    let notary = cx.port::<dyn Notary>()?;
    let last: Option<Change> =
        cx.platform().store.history(&ChangeQuery { limit: 1, ..ChangeQuery::default() }).await?.pop();
    let last = last.ok_or_else(|| Error::conflict("journal-empty", "there is nothing to sign yet"))?;
    let checkpoint =
        proof::Checkpoint { origin: notary.name().to_owned(), position: last.position, head: last.hash };
    let note = notary.sign(&checkpoint.text())?;
    let spec = Checkpoint { position: last.position, head: last.hash, note };
    let made = cx.doing("sign").create(Draft::new(format!("at-{:012}", last.position), spec)).await?;
    Ok(made.spec)
}

async fn newest(cx: &Cx) -> Result<Option<Checkpoint>> {
    let query =
        ChangeQuery { kind: Some("admin.audit-checkpoints".to_owned()), limit: 1, ..ChangeQuery::default() };
    let Some(change) = cx.platform().store.history(&query).await?.pop() else { return Ok(None) };
    let above = cx.platform().cx_of(Principal::system("checkpoints", ""), "");
    Ok(above.get_opt::<Checkpoint>(change.uid.as_str()).await?.map(|it| it.spec))
}

/// The latest checkpoint.
async fn latest(cx: Cx, _: Nothing) -> Result<Checkpoint> {
    newest(&cx).await?.ok_or_else(|| {
        Error::not_found("not-found", "no checkpoint was signed yet")
            .hint("`POST /api/v1/admin/audit-checkpoints/sign` signs one")
    })
}

/// The public key.
async fn key(cx: Cx, _: Nothing) -> Result<Key> {
    let notary = cx.port::<dyn Notary>()?;
    Ok(Key { name: notary.name().to_owned(), public_key: notary.public_key() })
}

/// Entries after which another checkpoint is worth its own entry.
const WORTH: u64 = 10;

/// Signs again when enough has happened: what is done every hour.
pub async fn now_and_then(cx: Cx) -> Result<()> {
    let head = *cx.platform().store.head().borrow();
    let signed = newest(&cx).await?.map_or(0, |it| it.position);
    if head < signed + WORTH {
        return Ok(());
    }
    match sign(cx, Nothing {}).await {
        // A platform without a key signs nothing.
        Err(error) if error.code() == "engine-missing" => Ok(()),
        other => other.map(|_| ()),
    }
}
