//! Full text over objects: an index in a directory of its own, made from the journal and never the truth of anything.
//!
//! It can be deleted at any time; it is then made again. Words are ranked by BM25 (Robertson and Zaragoza 2009); what
//! the caller may not see is left out inside the query, so it is neither found nor counted.

mod fields;
mod question;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use base::{Error, Result};
use ports::{
    Later,
    search::{Document, Found, Question, Search, Step},
};
use tantivy::{
    Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term, directory::MmapDirectory,
};

use fields::Fields;

/// Bytes of memory for what is being written.
const WRITER_BYTES: usize = 20_000_000;

/// Opens the index in a directory, which is made if it is not there, and made anew if it cannot be read.
///
/// # Errors
/// What keeps a disk from being written.
pub fn open(directory: &Path) -> Result<Arc<dyn Search>> {
    let engine = match Engine::open(directory) {
        Ok(engine) => engine,
        Err(error) => {
            // It is made from the journal; one that is broken, or of another version, is no loss.
            tracing::warn!(%error, "the search index is made anew");
            fs::remove_dir_all(directory).map_err(|error| failed(&error))?;
            Engine::open(directory).map_err(|error| failed(&error))?
        }
    };
    Ok(Arc::new(engine))
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::unavailable("search-unavailable", "the search index cannot be used now")
        .because(error.to_string())
        .retry_after(5)
}

/// What is read from: cheap to share.
#[derive(Clone)]
struct Reading {
    index: Index,
    reader: IndexReader,
    fields: Fields,
}

struct Engine {
    reading: Reading,
    writer: Arc<Mutex<IndexWriter>>,
    position: Arc<AtomicU64>,
}

impl Engine {
    fn open(directory: &Path) -> tantivy::Result<Self> {
        fs::create_dir_all(PathBuf::from(directory))?;
        let (schema, fields) = fields::schema();
        let index = Index::open_or_create(MmapDirectory::open(directory)?, schema)?;
        let position = index.load_metas()?.payload.and_then(|text| text.parse().ok()).unwrap_or(0);
        let writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self {
            reading: Reading { index, reader, fields },
            writer: Arc::new(Mutex::new(writer)),
            position: Arc::new(AtomicU64::new(position)),
        })
    }

    /// Changes the index on a thread that may block, and lets everybody see it.
    async fn change(
        &self,
        position: u64,
        change: impl FnOnce(&mut IndexWriter, &Fields) -> tantivy::Result<()> + Send + 'static,
    ) -> Result<()> {
        let (reading, writer) = (self.reading.clone(), Arc::clone(&self.writer));
        let work = move || -> tantivy::Result<()> {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            let done = change(&mut writer, &reading.fields).and_then(|()| {
                let mut commit = writer.prepare_commit()?;
                commit.set_payload(&position.to_string());
                commit.commit()
            });
            if done.is_err() {
                // Half of it must not be seen with the next change.
                writer.rollback()?;
            }
            done?;
            reading.reader.reload()
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?.map_err(|error| failed(&error))?;
        self.position.store(position, Ordering::Release);
        Ok(())
    }

    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reading) -> tantivy::Result<T> + Send + 'static,
    ) -> Result<T> {
        let reading = self.reading.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&reading)).await.map_err(Error::internal)?;
        asked.map_err(|error| failed(&error))
    }
}

impl Search for Engine {
    fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    fn write(&self, steps: Vec<Step>, position: u64) -> Later<'_, ()> {
        Box::pin(self.change(position, move |writer, fields| {
            for step in steps {
                let (uid, document) = match step {
                    Step::Put(document) => (document.uid.clone(), Some(document)),
                    Step::Gone(uid) => (uid, None),
                };
                writer.delete_term(Term::from_field_text(fields.uid, &uid));
                if let Some(document) = document {
                    writer.add_document(written(fields, &document))?;
                }
            }
            Ok(())
        }))
    }

    fn clear(&self) -> Later<'_, ()> {
        Box::pin(self.change(0, |writer, _| writer.delete_all_documents().map(drop)))
    }

    fn find(&self, question: Question) -> Later<'_, Found> {
        Box::pin(self.ask(move |reading| question::find(reading, &question)))
    }

    fn suggest(&self, question: Question) -> Later<'_, Vec<String>> {
        Box::pin(self.ask(move |reading| question::suggest(reading, &question)))
    }
}

fn written(fields: &Fields, it: &Document) -> TantivyDocument {
    let mut document = TantivyDocument::new();
    for (field, text) in [
        (fields.uid, &it.uid),
        (fields.kind, &it.kind),
        (fields.project, &it.project),
        (fields.name, &it.name),
        (fields.title, &it.title),
        (fields.text, &it.text),
    ] {
        document.add_text(field, text);
    }
    document.add_text(fields.place, fields::place(&it.org, &it.kind, &it.project));
    for (name, value) in [("kind", &it.kind), ("project", &it.project)] {
        document.add_text(fields.facet, fields::facet(name, value));
    }
    for (name, value) in &it.facets {
        document.add_text(fields.facet, fields::facet(name, value));
    }
    document.add_i64(fields.created, it.created.micros());
    document.add_i64(fields.updated, it.updated.micros());
    document
}

#[cfg(test)]
mod tests;
