//! Sends mail by SMTP (RFC 5321) over TLS, or puts each message into a file of its own (RFC 5322).

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base::{Error, Result};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message as Letter, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use ports::{
    Later,
    mail::{Mail, Message},
};

/// How long the other side may take to take a message.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends through a server: `smtps://user:password@host:465`, `smtp://host:587?tls=required` or,
/// for a server on this machine, `smtp://127.0.0.1:25`.
///
/// # Errors
/// `mail-settings` (422) if the address names no server or `from` is no mailbox.
pub fn smtp(url: &str, from: &str) -> Result<Arc<dyn Mail>> {
    let from = mailbox(from, "AIC_MAIL_FROM")?;
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|error| {
        Error::invalid("mail-settings", format!("AIC_SMTP_URL names no mail server: {error}"))
            .hint("for example `smtps://user:password@mail.example.org:465`")
    })?;
    Ok(Arc::new(Smtp { from, transport: builder.timeout(Some(PATIENCE)).build() }))
}

/// Puts messages into a directory, one file each: the default of a platform nobody has given a mail server.
///
/// # Errors
/// `mail-settings` (422) if `from` is no mailbox.
pub fn files(directory: &Path, from: &str) -> Result<Arc<dyn Mail>> {
    let from = mailbox(from, "AIC_MAIL_FROM")?;
    Ok(Arc::new(Files { from, directory: directory.to_owned(), next: AtomicU64::new(0) }))
}

fn mailbox(text: &str, what: &str) -> Result<Mailbox> {
    text.parse().map_err(|error| {
        Error::invalid("mail-settings", format!("{what}: `{text}` is no mail address: {error}"))
    })
}

fn letter(from: &Mailbox, message: &Message) -> Result<Letter> {
    // Line ends in a subject would begin a header of the sender's choice.
    let subject: String = message.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let to: Mailbox = message.to.parse().map_err(|_| undelivered("it is no mail address", &message.to))?;
    Letter::builder()
        .from(from.clone())
        .to(to)
        .subject(subject)
        .header(ContentType::TEXT_PLAIN)
        .body(message.text.clone())
        .map_err(|error| undelivered(&error, &message.to))
}

fn undelivered(why: &(impl std::fmt::Display + ?Sized), to: &str) -> Error {
    let shown: String = to.chars().take(100).collect();
    Error::unavailable("mail-undelivered", format!("the message to `{shown}` was not taken"))
        .because(why)
        .hint("it is tried again; an administrator finds the reason in the server's log")
}

struct Smtp {
    from: Mailbox,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl Mail for Smtp {
    fn send(&self, message: Message) -> Later<'_, ()> {
        Box::pin(async move {
            let letter = letter(&self.from, &message)?;
            self.transport.send(letter).await.map_err(|error| undelivered(&error, &message.to))?;
            Ok(())
        })
    }
}

struct Files {
    from: Mailbox,
    directory: PathBuf,
    next: AtomicU64,
}

impl Mail for Files {
    fn send(&self, message: Message) -> Later<'_, ()> {
        Box::pin(async move {
            let bytes = letter(&self.from, &message)?.formatted();
            let failed = |error: std::io::Error| undelivered(&error, &message.to);
            tokio::fs::create_dir_all(&self.directory).await.map_err(failed)?;
            loop {
                // Files of an earlier process stay.
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                let path = self.directory.join(format!("{number:06}.eml"));
                let mut options = tokio::fs::OpenOptions::new();
                match options.write(true).create_new(true).mode(0o600).open(&path).await {
                    Ok(mut file) => {
                        use tokio::io::AsyncWriteExt;
                        file.write_all(&bytes).await.map_err(failed)?;
                        return file.sync_all().await.map_err(failed);
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(failed(error)),
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(to: &str, subject: &str) -> Message {
        Message { to: to.to_owned(), subject: subject.to_owned(), text: "grüße\n".to_owned() }
    }

    #[tokio::test]
    async fn each_message_is_a_file() {
        let directory = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let mail = files(directory.path(), "AIC <aic@localhost>").unwrap();
            mail.send(message("ada@example.org", "first\r\nBcc: eve@example.org")).await.unwrap();
        }
        let text = std::fs::read_to_string(directory.path().join("000001.eml")).unwrap();
        assert!(text.contains("To: ada@example.org\r\n"), "{text}");
        // A line end in the subject begins no header.
        assert!(!text.contains("\r\nBcc:"), "{text}");
        let mail = files(directory.path(), "aic@localhost").unwrap();
        assert_eq!(mail.send(message("nobody", "x")).await.unwrap_err().code(), "mail-undelivered");
    }

    #[test]
    fn settings_that_name_nothing_are_refused() {
        assert_eq!(smtp("http://x", "aic@localhost").map(drop).unwrap_err().code(), "mail-settings");
        assert_eq!(smtp("smtp://localhost", "aic").map(drop).unwrap_err().code(), "mail-settings");
    }
}
