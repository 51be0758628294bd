//! The folders and what is in them.

use std::time::Duration;

use super::{
    ClientError, ClientErrorKind, DeviceEvent, DirectPushClient, Step, json,
    link::{Answer, Lost},
    outcome::{Refusal, refusal},
    wire::{Folders, SyncAnswer, SyncRequest},
};

/// For answers that nobody has to wait for.
const ANSWER: Duration = Duration::from_secs(60);
/// Folders of an account that are looked at; a server that lists more is not one of mailboxes.
pub(super) const MOST_FOLDERS: usize = 10_000;

impl DirectPushClient {
    pub(super) async fn list(&mut self, on: &mut impl FnMut(DeviceEvent<'_>)) -> Step {
        let path = self.settings.account.as_ref().map_or_else(
            || "/mail/folders".to_owned(),
            |account| {
                let account = percent_encoding::utf8_percent_encode(account, percent_encoding::NON_ALPHANUMERIC);
                format!("/mail/folders?account={account}")
            },
        );
        let answer = self.link.get(&path, ANSWER).await;
        let Folders { mut folders } = match self.read(answer, on)? {
            Ok(folders) => folders,
            Err(wait) => return Ok(Some(wait)),
        };
        folders.truncate(MOST_FOLDERS);
        // If not all can be watched at once, these are.
        folders.sort_by_key(|folder| (folder.kind != "inbox", folder.class != "Email"));
        let is_first = self.folders.is_empty();
        let known = |id: &String| folders.iter().any(|folder| folder.id == *id);
        self.state.keys.retain(|id, _| known(id));
        self.due.retain(known);
        let unseen = folders.iter().filter(|folder| is_first || !self.state.keys.contains_key(&folder.id));
        self.due.extend(unseen.map(|folder| folder.id.clone()));
        self.folders = folders;
        self.listed = true;
        on(DeviceEvent::Folders(&self.folders));
        on(DeviceEvent::State(&self.state));
        if self.folders.is_empty() {
            self.listed = false;
            return Ok(Some(self.trouble("the account has no folders", None, on)));
        }
        self.pause.end();
        Ok(None)
    }

    pub(super) async fn sync(&mut self, id: &str, on: &mut impl FnMut(DeviceEvent<'_>)) -> Step {
        let key = self.state.keys.get(id).map_or("0", String::as_str).to_owned();
        let request = SyncRequest {
            account: self.settings.account.as_deref(),
            device: &self.settings.device,
            folder: id,
            sync_key: &key,
            window: self.settings.window,
        };
        let answer = self.link.post("/mail/sync", json(&request), ANSWER).await;
        let told = match self.read(answer, on)? {
            Ok(told) => told,
            Err(wait) => return Ok(Some(wait)),
        };
        let Some(folder) = self.folders.iter().find(|folder| folder.id == id) else {
            self.due.remove(id);
            return Ok(None);
        };
        match told {
            SyncAnswer::Ok { sync_key, more, changes } => {
                for item in &changes {
                    on(DeviceEvent::Item { folder, item });
                }
                if let Some(found) = &mut self.announced {
                    *found |= !changes.is_empty();
                }
                // A server that says "more" and moves nowhere would be asked for ever.
                if !more || (changes.is_empty() && sync_key == key) {
                    self.due.remove(id);
                }
                self.state.keys.insert(id.to_owned(), sync_key);
                self.pause.end();
                on(DeviceEvent::State(&self.state));
            }
            SyncAnswer::BadSyncKey if key != "0" => {
                on(DeviceEvent::Restarted(folder));
                self.state.keys.remove(id);
                on(DeviceEvent::State(&self.state));
            }
            SyncAnswer::FoldersStale => {
                self.listed = false;
                return Ok(Some(self.trouble("the folders have changed", None, on)));
            }
            SyncAnswer::BadRequest => return Err(ClientError::new(ClientErrorKind::Refused, "sync")),
            SyncAnswer::BadSyncKey | SyncAnswer::Trouble => {
                return Ok(Some(self.trouble("the server cannot sync the folder", None, on)));
            }
        }
        Ok(None)
    }

    /// The answer as JSON; or how long to wait before it is asked for again.
    fn read<T: serde::de::DeserializeOwned>(
        &mut self,
        answer: Result<Answer, Lost>,
        on: &mut impl FnMut(DeviceEvent<'_>),
    ) -> Result<Result<T, Duration>, ClientError> {
        let (what, ordered) = match answer {
            Ok(answer) if answer.status == http::StatusCode::OK => match serde_json::from_slice(&answer.body) {
                Ok(told) => return Ok(Ok(told)),
                Err(error) => (format!("an answer that cannot be read: {error}"), None),
            },
            Ok(answer) => match refusal(&answer) {
                Refusal::Later { what, wait } => (what, wait),
                Refusal::Never(error) => return Err(error),
            },
            Err(lost) => (lost.how.to_string(), None),
        };
        Ok(Err(self.trouble(&what, ordered, on)))
    }

    pub(super) fn trouble(
        &mut self,
        what: &str,
        ordered: Option<Duration>,
        on: &mut impl FnMut(DeviceEvent<'_>),
    ) -> Duration {
        let wait = self.pause.next(ordered);
        on(DeviceEvent::Trouble { what, wait });
        wait
    }
}
