//! Items and collections as commands change them.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::collections::DISPLAY_NAME;
use super::{Shared, blocking, files, lock};
use crate::pim;
use crate::store::{Applied, Class, Command, FolderId, StoreError, StoreErrorKind, Uid, content, name_of_part};

/// What a file's name may be made of besides letters and digits.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'@').remove(b' ');

/// Longest name that is made of what something is called.
const MAX_NAME_BYTES: usize = 150;

fn unsupported(detail: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unsupported, detail)
}

fn invalid(detail: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, detail)
}

/// A name that a file can have; `None` where it would be too long or hidden.
fn file_name(text: &str) -> Option<String> {
    let name = utf8_percent_encode(text, PLAIN).to_string();
    (!name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.starts_with('.')).then_some(name)
}

impl Shared {
    pub(super) async fn apply(&self, command: Command) -> Result<Applied, StoreError> {
        let _changing = self.changing.lock().await;
        match command {
            Command::Append { folder, raw, .. } => self.append(folder, raw).await,
            Command::Replace { folder, uid, raw } => self.replace(folder, uid, raw).await,
            Command::Move { folder, uid, to } => self.move_to(folder, uid, to).await,
            Command::Delete { folder, uid } => {
                let (_, path) = self.locate(folder, uid).await?;
                blocking(move || Ok(fs::remove_file(path)?)).await?;
                self.look(folder).await?;
                Ok(Applied::default())
            }
            Command::Mark { folder, .. } => {
                self.collection(folder).await?;
                Err(unsupported("only mail is marked"))
            }
            Command::CreateFolder { .. } | Command::CreateFolderOf { class: Class::Email, .. } => {
                Err(unsupported("it holds no mail"))
            }
            Command::CreateFolderOf { class, path } => self.create(class, &path).await,
            Command::RenameFolder { folder, path } => self.rename(folder, &path).await,
            Command::DeleteFolder { folder } => self.delete_folder(folder).await,
        }
    }

    fn check_size(&self, raw: &[u8]) -> Result<(), StoreError> {
        let most = self.config.max_item_bytes;
        if raw.len() as u64 > most { Err(invalid(format!("an item may have {most} bytes"))) } else { Ok(()) }
    }

    /// Whether an item of a collection has this UID, other than the one of that name.
    async fn refuse_twice(&self, folder: FolderId, uid: Option<&str>, but: Option<&str>) -> Result<(), StoreError> {
        let Some(uid) = uid else { return Ok(()) };
        let (dir, _) = self.collection(folder).await?;
        let (known, most) = (self.journal.known(folder)?, self.config.max_item_bytes);
        let (uid, but) = (uid.to_owned(), but.map(str::to_owned));
        blocking(move || {
            for other in known.iter().filter(|other| Some(other.key.as_str()) != but.as_deref()) {
                let about = files::read(&dir.join(&other.key), most)?.and_then(|raw| pim::about(&raw));
                if about.is_some_and(|about| about.uid.as_ref() == Some(&uid)) {
                    return Err(content::twice(&uid));
                }
            }
            Ok(())
        })
        .await
    }

    async fn append(&self, folder: FolderId, raw: Bytes) -> Result<Applied, StoreError> {
        let (dir, class) = self.collection(folder).await?;
        self.check_size(&raw)?;
        let about = content::checked(class, &raw)?;
        self.look(folder).await?;
        self.refuse_twice(folder, about.uid.as_deref(), None).await?;
        let ending = if class == Class::Contacts { "vcf" } else { "ics" };
        let stem = about.uid.as_deref().and_then(file_name).unwrap_or_else(|| format!("{:016x}", pim::hash(&raw)));
        let name = blocking(move || Ok(put_new(&dir, &stem, ending, &raw)?)).await?;
        self.told(folder, &name).await
    }

    /// The number of the file of that name.
    async fn told(&self, folder: FolderId, name: &str) -> Result<Applied, StoreError> {
        self.look(folder).await?;
        let uid = self.journal.find(folder, name)?.map(|known| known.uid);
        Ok(Applied { uid, folder: None })
    }

    async fn locate(&self, folder: FolderId, uid: Uid) -> Result<(String, PathBuf), StoreError> {
        let (dir, _) = self.collection(folder).await?;
        self.look(folder).await?;
        let known = self.journal.look_up(folder, uid)?.ok_or_else(|| StoreError::no_such_item(uid))?;
        let path = dir.join(&known.key);
        Ok((known.key, path))
    }

    async fn replace(&self, folder: FolderId, uid: Uid, raw: Bytes) -> Result<Applied, StoreError> {
        let (name, path) = self.locate(folder, uid).await?;
        let (dir, class) = self.collection(folder).await?;
        self.check_size(&raw)?;
        let about = content::checked(class, &raw)?;
        let most = self.config.max_item_bytes;
        blocking(move || {
            let old = files::read(&path, most)?.ok_or_else(|| StoreError::no_such_item(uid))?;
            if pim::about(&old).is_some_and(|old| old.uid != about.uid) {
                return Err(invalid("it has another UID than what it takes the place of"));
            }
            Ok(put(&dir, &path, &raw)?)
        })
        .await?;
        self.told(folder, &name).await
    }

    async fn move_to(&self, folder: FolderId, uid: Uid, to: FolderId) -> Result<Applied, StoreError> {
        let (target, class) = self.collection(to).await?;
        let (_, own) = self.collection(folder).await?;
        let (name, path) = self.locate(folder, uid).await?;
        if folder == to {
            return Ok(Applied { uid: Some(uid), folder: None });
        }
        if class != own {
            return Err(unsupported("the other folder is of another class"));
        }
        self.look(to).await?;
        let most = self.config.max_item_bytes;
        let (again, of) = (path.clone(), self.journal.find(to, &name)?.is_some());
        let raw = blocking(move || files::read(&again, most)).await?.ok_or_else(|| StoreError::no_such_item(uid))?;
        let about = content::checked(class, &raw)?;
        self.refuse_twice(to, about.uid.as_deref(), None).await?;
        let new = if of { format!("{:016x}-{name}", pim::hash(&raw)) } else { name };
        let file = target.join(&new);
        blocking(move || Ok(fs::rename(path, file)?)).await?;
        self.look(folder).await?;
        self.told(to, &new).await
    }

    /// A name of a collection that none has, as people read it.
    async fn free_name(&self, path: &str) -> Result<String, StoreError> {
        let name = name_of_part(path);
        let is_right = !path.contains('/')
            && !name.trim().is_empty()
            && name.len() <= MAX_NAME_BYTES
            && !name.chars().any(char::is_control);
        if !is_right {
            return Err(invalid(format!("there can be no collection {path:?}")));
        }
        let tree = self.tree().await?;
        let is_taken = tree.hierarchy.folders.iter().any(|other| other.path == path);
        if is_taken {
            return Err(StoreError::new(StoreErrorKind::Exists, format!("there is a folder {path:?}")));
        }
        Ok(name)
    }

    async fn create(&self, class: Class, path: &str) -> Result<Applied, StoreError> {
        let name = self.free_name(path).await?;
        let dir = file_name(&name).ok_or_else(|| invalid(format!("there can be no collection {path:?}")))?;
        lock(&self.made).insert(dir.clone(), class);
        let root = self.root.clone();
        let made = blocking(move || {
            let dir = root.join(dir);
            fs::create_dir(&dir).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => StoreError::new(StoreErrorKind::Exists, "there is such a directory"),
                _ => error.into(),
            })?;
            let is_called_so = dir.file_name().is_some_and(|own| own == name.as_str());
            if is_called_so { Ok(()) } else { Ok(put(&dir, &dir.join(DISPLAY_NAME), name.as_bytes())?) }
        });
        made.await?;
        let tree = self.tree().await?;
        let folder = tree.hierarchy.folders.iter().find(|folder| folder.path == path).map(|folder| folder.id);
        Ok(Applied { uid: None, folder })
    }

    /// The directory stays: programs that fill it know it by its name.
    async fn rename(&self, folder: FolderId, path: &str) -> Result<Applied, StoreError> {
        let (dir, _) = self.collection(folder).await?;
        let name = self.free_name(path).await?;
        blocking(move || Ok(put(&dir, &dir.join(DISPLAY_NAME), name.as_bytes())?)).await?;
        self.tree().await?;
        Ok(Applied { uid: None, folder: Some(folder) })
    }

    async fn delete_folder(&self, folder: FolderId) -> Result<Applied, StoreError> {
        let (dir, _) = self.collection(folder).await?;
        let root = self.root.clone();
        blocking(move || {
            // One rename: nobody sees half a collection.
            let away = tempfile::Builder::new().prefix(".deleted-").tempdir_in(root)?;
            fs::rename(&dir, away.path().join("it"))?;
            Ok(away.close()?)
        })
        .await?;
        self.tree().await?;
        Ok(Applied::default())
    }
}

/// A file with this content beside where it belongs, on the disk, for whoever may read the directory.
fn draft(dir: &Path, raw: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut draft = tempfile::Builder::new().prefix(".push-").suffix(".tmp").tempfile_in(dir)?;
    draft.write_all(raw)?;
    let mode = fs::metadata(dir)?.mode() & 0o666;
    draft.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    draft.as_file().sync_all()?;
    Ok(draft)
}

fn put(dir: &Path, path: &Path, raw: &[u8]) -> io::Result<()> {
    draft(dir, raw)?.persist(path)?;
    fs::File::open(dir)?.sync_all()
}

/// Under a name that no file has. Returns it.
fn put_new(dir: &Path, stem: &str, ending: &str, raw: &[u8]) -> io::Result<String> {
    let mut draft = draft(dir, raw)?;
    for count in 0..1000 {
        let name = if count == 0 { format!("{stem}.{ending}") } else { format!("{stem}-{count}.{ending}") };
        match draft.persist_noclobber(dir.join(&name)) {
            Ok(_) => {
                fs::File::open(dir)?.sync_all()?;
                return Ok(name);
            }
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => draft = error.file,
            Err(error) => return Err(error.error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
