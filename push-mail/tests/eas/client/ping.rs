//! Ping ([MS-ASCMD] 2.2.1.13).

use std::io;

use push_mail::wbxml::Element;
use push_mail::wbxml::tags::ping as p;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Phone;
use super::answer::{Answer, number, status};

/// An answered ping.
#[derive(Clone, Debug)]
pub(crate) struct Pinged {
    pub(crate) status: u16,
    pub(crate) folders: Vec<String>,
    pub(crate) interval: Option<i64>,
    pub(crate) max_folders: Option<u32>,
    /// When it came.
    pub(crate) at: Instant,
}

/// One that waits.
#[derive(Debug)]
pub(crate) struct Parked(JoinHandle<io::Result<(Answer, Instant)>>);

impl Parked {
    pub(crate) fn is_answered(&self) -> bool {
        self.0.is_finished()
    }

    /// The phone is gone: the connection is cut.
    pub(crate) async fn cut(self) {
        self.0.abort();
        drop(self.0.await);
    }
}

/// The request: what is `None` is left out.
pub(crate) fn ping_document(interval: Option<i64>, folders: Option<&[&str]>) -> Element {
    let mut ping = Element::new(p::PING);
    if let Some(interval) = interval {
        ping.push(Element::text(p::HEARTBEAT_INTERVAL, interval));
    }
    if let Some(folders) = folders {
        let folder = |id: &&str| Element::new(p::FOLDER).with_text(p::ID, id).with_text(p::CLASS, "Email");
        ping.push(Element::new(p::FOLDERS).with_all(folders.iter().map(folder)));
    }
    ping
}

impl Phone {
    /// Begins to wait for changes of these folders, over a connection of its own.
    pub(crate) fn start_ping(&mut self, interval: i64, folders: &[&str]) -> Parked {
        self.start_ping_of(Some(&ping_document(Some(interval), Some(folders))))
    }

    /// The same with any request; `None` is an empty body.
    pub(crate) fn start_ping_of(&mut self, document: Option<&Element>) -> Parked {
        if let Some(folders) = document.and_then(|document| document.child(p::FOLDERS)) {
            self.watched = folders.elements().filter_map(|folder| folder.child_text(p::ID)).collect();
        }
        let request = self.request("Ping", document);
        let addr = self.addr;
        Parked(tokio::spawn(async move {
            let response = request.try_send(addr).await?;
            let at = Instant::now();
            Ok((Answer::checked("Ping", response), at))
        }))
    }

    /// Waits for the answer and takes it in: whatever it tells of must be found by the next Sync.
    pub(crate) async fn answered(&mut self, parked: Parked) -> Pinged {
        let (answer, at) = parked.0.await.expect("it waits").expect("answered");
        assert_eq!(answer.http, 200, "{answer:?}");
        let document = answer.document();
        let pinged = Pinged {
            status: status(document, p::STATUS),
            folders: document.child(p::FOLDERS).into_iter().flat_map(Element::elements).map(Element::to_text).collect(),
            interval: document.child(p::HEARTBEAT_INTERVAL).map(number),
            max_folders: document.child(p::MAX_FOLDERS).map(number),
            at,
        };
        self.check(&pinged, document);
        for folder in &pinged.folders {
            self.held.get_mut(folder).expect("checked").is_alarmed = true;
        }
        pinged
    }

    fn check(&self, pinged: &Pinged, document: &Element) {
        assert_eq!(document.elements().next().map(|first| first.tag), Some(p::STATUS), "{document:?}");
        let has_folders = document.child(p::FOLDERS).is_some();
        assert_eq!(has_folders, pinged.status == 2, "{document:?}");
        assert_eq!(pinged.folders.is_empty(), pinged.status != 2, "{document:?}");
        assert_eq!(pinged.interval.is_some(), pinged.status == 5, "{document:?}");
        assert_eq!(pinged.max_folders.is_some(), pinged.status == 6, "{document:?}");
        for folder in &pinged.folders {
            assert!(self.watched.contains(folder), "nobody asked for {folder}: {document:?}");
            assert!(self.held.contains_key(folder), "{folder} was never synced: {document:?}");
        }
    }

    pub(crate) async fn ping(&mut self, interval: i64, folders: &[&str]) -> Pinged {
        let parked = self.start_ping(interval, folders);
        self.answered(parked).await
    }

    pub(crate) async fn ping_of(&mut self, document: Option<&Element>) -> Pinged {
        let parked = self.start_ping_of(document);
        self.answered(parked).await
    }
}
