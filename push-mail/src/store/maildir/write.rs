//! Messages as commands change them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::file::{self, Place};
use super::scan::Entry;
use super::{Shared, blocking};
use crate::store::{Applied, Class, Command, Flags, FolderId, StoreError, StoreErrorKind, Uid};

/// How often a file is looked for anew that other programs rename meanwhile.
const ATTEMPTS: usize = 5;

/// A message's file, as it was seen a moment ago.
struct Located {
    dir: PathBuf,
    key: String,
    entry: Entry,
}

impl Located {
    fn path(&self) -> PathBuf {
        self.entry.path(&self.dir, &self.key)
    }
}

impl Shared {
    pub(super) async fn apply(&self, command: Command) -> Result<Applied, StoreError> {
        match command {
            Command::Append { folder, raw, flags } => {
                let uid = self.put(folder, flags, move |file| file.write_all(&raw)).await?;
                Ok(Applied { uid, folder: None })
            }
            Command::Mark { folder, uid, add, remove } => self.mark(folder, uid, add, remove).await,
            Command::Move { folder, uid, to } => self.move_to(folder, uid, to).await,
            Command::Delete { folder, uid } => self.delete(folder, uid).await,
            Command::CreateFolder { path } | Command::CreateFolderOf { class: Class::Email, path } => {
                self.create_folder(path).await
            }
            Command::Replace { folder, .. } => {
                self.dir(folder).await?;
                Err(StoreError::mail_only())
            }
            Command::CreateFolderOf { .. } => Err(StoreError::mail_only()),
            Command::RenameFolder { folder, path } => self.rename_folder(folder, path).await,
            Command::DeleteFolder { folder } => self.delete_folder(folder).await,
        }
    }

    /// Puts a message into a folder: it is on the disk when this returns. `None` if it was taken away at once.
    pub(super) async fn put(
        &self,
        folder: FolderId,
        flags: Flags,
        write: impl FnOnce(&mut File) -> io::Result<()> + Send + 'static,
    ) -> Result<Option<Uid>, StoreError> {
        let dir = self.dir(folder).await?.path;
        let key = blocking(move || Ok(put(&dir, flags, write)?)).await?;
        self.look(folder).await?;
        Ok(self.journal.find(folder, &key)?.map(|known| known.uid))
    }

    async fn locate(&self, folder: FolderId, uid: Uid) -> Result<Located, StoreError> {
        for _ in 0..ATTEMPTS {
            self.look(folder).await?;
            let key = self.journal.look_up(folder, uid)?.ok_or_else(|| StoreError::no_such_item(uid))?.key;
            // What was seen is forgotten when a watch ends: then it is looked at again.
            if let Some(entry) = self.folder(folder).entry(&key).await {
                let dir = self.dir(folder).await?.path;
                return Ok(Located { dir, key, entry });
            }
        }
        Err(StoreError::new(StoreErrorKind::Unavailable, "the folder goes on changing"))
    }

    /// Changes a message's file; `change` is told where it is, until it is there.
    async fn change<C>(&self, folder: FolderId, uid: Uid, change: impl Fn(&Located) -> C) -> Result<(), StoreError>
    where
        C: FnOnce(PathBuf) -> io::Result<()> + Send + 'static,
    {
        for _ in 0..ATTEMPTS {
            let located = self.locate(folder, uid).await?;
            let (path, change) = (located.path(), change(&located));
            let done = blocking(move || match change(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                done => Ok(done.map(|()| true)?),
            });
            if done.await? {
                return self.look(folder).await;
            }
            self.folder(folder).doubt();
        }
        Err(StoreError::new(StoreErrorKind::Unavailable, "other programs go on renaming the message"))
    }

    async fn mark(&self, folder: FolderId, uid: Uid, add: Flags, remove: Flags) -> Result<Applied, StoreError> {
        let mark = |located: &Located| {
            let Located { dir, key, entry } = located;
            let flags = entry.flags.without(remove).with(add);
            let name = file::marked(entry.name(key), flags);
            let to = (flags != entry.flags).then(|| dir.join(Place::Cur.dir()).join(name));
            move |from: PathBuf| to.map_or(Ok(()), |to| fs::rename(from, to))
        };
        self.change(folder, uid, mark).await?;
        Ok(Applied { uid: Some(uid), folder: None })
    }

    async fn delete(&self, folder: FolderId, uid: Uid) -> Result<Applied, StoreError> {
        self.change(folder, uid, |_| |path: PathBuf| fs::remove_file(path)).await?;
        Ok(Applied::default())
    }

    async fn move_to(&self, folder: FolderId, uid: Uid, to: FolderId) -> Result<Applied, StoreError> {
        let target = self.dir(to).await?.path;
        let Located { key, .. } = self.locate(folder, uid).await?;
        if folder == to {
            return Ok(Applied { uid: Some(uid), folder: None });
        }
        self.look(to).await?;
        let is_taken = self.journal.find(to, &key)?.is_some();
        let new_key = if is_taken { file::unique() } else { key };
        let renamed = new_key.clone();
        self.change(folder, uid, move |located| {
            let entry = &located.entry;
            let name =
                if is_taken { file::marked(renamed.as_ref(), entry.flags) } else { entry.name(&renamed).to_owned() };
            let place = if is_taken { Place::Cur } else { entry.place };
            let target = target.join(place.dir()).join(name);
            move |from: PathBuf| fs::rename(from, target)
        })
        .await?;
        self.look(to).await?;
        let uid = self.journal.find(to, &new_key)?.map(|known| known.uid);
        Ok(Applied { uid, folder: None })
    }
}

/// Writes a message into `tmp`, and moves it where it is read once it is on the disk. Returns its key.
fn put(dir: &Path, flags: Flags, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<String> {
    let unique = file::unique();
    let tmp = dir.join("tmp");
    fs::create_dir_all(&tmp)?;
    let draft = tmp.join(&unique);
    // Who may read the folder may read its messages.
    let mode = fs::metadata(dir)?.mode() & 0o666;
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft).and_then(|mut file| {
        write(&mut file)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    });
    let moved = written.and_then(|bytes| {
        // Dovecot's own names tell the size, too: it need not ask for it.
        let key = format!("{unique},S={bytes}");
        let place = if flags == Flags::default() { Place::New } else { Place::Cur };
        let name = if place == Place::New { key.clone().into() } else { file::marked(key.as_ref(), flags) };
        let inside = dir.join(place.dir());
        fs::rename(&draft, inside.join(name))?;
        File::open(&inside)?.sync_all()?;
        Ok(key)
    });
    if moved.is_err() {
        // It may have been moved already; then there is nothing to remove.
        let _ = fs::remove_file(&draft);
    }
    moved
}
