//! The mail that the server under test serves: accounts `a0`, `a1`, .. , and what a bench asks of them beside the calls.

use std::fmt::Write as _;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::routing::{get, post};
use push_core::Hub;
use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::maildir::{MaildirConfig, MaildirStore};
use push_mail::store::memory::MemoryStore;
use push_mail::store::{Command, Flags, FolderId, MailStore};
use push_mail::{Mail, MailConfig};
use tokio::task::JoinSet;

use crate::Result;
use crate::args::MailArgs;

/// Mailboxes that are made at a time.
const AT_ONCE: usize = 256;

/// The account of that number. Maildirs come first.
pub(crate) fn account(number: usize) -> String {
    format!("a{number}")
}

/// A message as it lies in a mailbox.
pub(crate) fn letter(number: u64) -> String {
    let mut letter = format!(
        "From: Bob <bob@example.org>\r\nTo: alice@example.org\r\nSubject: Message {number}\r\n\
         Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}@example.org>\r\n\r\n"
    );
    for line in 0..8 {
        let _ = write!(letter, "Line {line} of a message that says little and says it at some length.\r\n");
    }
    letter
}

/// Mail as it is served.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) mail: Mail,
    /// Behind the Maildirs.
    boxes: Arc<[MemoryStore]>,
    maildirs: usize,
}

impl Served {
    /// What `args` ask for; `None` if that is nothing.
    pub(crate) async fn open(hub: &Hub, args: &MailArgs) -> Result<Option<Self>> {
        let MailArgs { mailboxes, folders, linger, maildirs, mail_dir } = args;
        if mailboxes + maildirs == 0 {
            return Ok(None);
        }
        let state = match mail_dir {
            Some(dir) => State::open(dir.join("state"))?,
            None => State::in_memory()?,
        };
        let mut config = MailConfig::default();
        config.linger = Duration::from_millis(*linger);
        // What devices are to be set to is nothing that is measured.
        config.eas.provision = false;
        config.max_devices = 1_000_000;
        let mut builder = Mail::builder(hub.clone(), state.clone(), config);
        let no_readers: [&str; 0] = [];
        for number in 0..*maildirs {
            let dir = mail_dir.as_ref().ok_or("Maildirs need a directory")?;
            let store = open_maildir(&state, dir, number).await?;
            builder = builder.account(account(number), no_readers, Arc::new(store));
        }
        let boxes = open_boxes(&state, *maildirs, *mailboxes, *folders).await?;
        for (number, store) in boxes.iter().enumerate() {
            builder = builder.account(account(maildirs + number), no_readers, Arc::new(store.clone()));
        }
        Ok(Some(Self { mail: builder.build()?, boxes: boxes.into(), maildirs: *maildirs }))
    }

    /// `GET /mailbox`: how many pings wait. `POST /mailbox/A/F`: a message more for folder F of account A.
    pub(crate) fn router(self) -> Router {
        let waiting = async |Shared(served): Shared<Self>| served.mail.stats().waiting.to_string();
        let calls = Router::new().route("/mailbox", get(waiting));
        calls.route("/mailbox/{account}/{folder}", post(deliver)).with_state(self)
    }
}

async fn deliver(Shared(served): Shared<Served>, Path((account, folder)): Path<(usize, u32)>) -> StatusCode {
    let store = account.checked_sub(served.maildirs).and_then(|number| served.boxes.get(number));
    let Some(store) = store else { return StatusCode::NOT_FOUND };
    match append(store, FolderId(folder)).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn append(store: &MemoryStore, folder: FolderId) -> Result<()> {
    let raw = letter(u64::from(folder.0)).into();
    store.apply(Command::Append { folder, raw, flags: Flags::default() }).await?;
    Ok(())
}

async fn open_maildir(state: &State, dir: &FilePath, number: usize) -> Result<MaildirStore> {
    let name = account(number);
    let mut config = MaildirConfig::default();
    config.create = true;
    Ok(MaildirStore::open(dir.join(&name), Journal::open(state, &name).await?, config).await?)
}

async fn open_boxes(state: &State, first: usize, count: usize, folders: usize) -> Result<Vec<MemoryStore>> {
    let mut boxes = Vec::with_capacity(count);
    let mut under_way = JoinSet::new();
    for number in 0..count {
        under_way.spawn(open_box(state.clone(), first + number, folders));
        if under_way.len() == AT_ONCE || number + 1 == count {
            let mut opened = std::mem::take(&mut under_way).join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
            opened.sort_by_key(|(number, _)| *number);
            boxes.extend(opened.into_iter().map(|(_, store)| store));
        }
    }
    Ok(boxes)
}

/// A mailbox with a message in each folder.
async fn open_box(state: State, number: usize, folders: usize) -> Result<(usize, MemoryStore)> {
    let store = MemoryStore::open(Journal::open(&state, &account(number)).await?).await?;
    for folder in 1..folders {
        store.apply(Command::CreateFolder { path: format!("Folder {folder}") }).await?;
    }
    for folder in store.hierarchy().await?.folders {
        append(&store, folder.id).await?;
    }
    Ok((number, store))
}
