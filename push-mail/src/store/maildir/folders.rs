//! Folders as commands change them. Each change is one rename beside the inbox: nobody sees half a folder.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::folder_name::{self, INBOX};
use super::{Shared, blocking, file};
use crate::store::{Applied, FolderId, StoreError, StoreErrorKind};

/// Longest name of a directory, as Linux has it.
const MAX_DIR_BYTES: usize = 255;

impl Shared {
    pub(super) async fn create_folder(&self, path: String) -> Result<Applied, StoreError> {
        let _changing = self.changing.lock().await;
        let dir = self.free_dir(&path).await?;
        let root = self.root.clone();
        blocking(move || create(&root, &dir)).await?;
        let tree = self.look_at_tree().await?;
        let folder = tree.hierarchy.folders.iter().find(|folder| folder.path == path).map(|folder| folder.id);
        Ok(Applied { uid: None, folder })
    }

    pub(super) async fn rename_folder(&self, folder: FolderId, path: String) -> Result<Applied, StoreError> {
        let _changing = self.changing.lock().await;
        let from = self.own_dir(folder).await?;
        let to = self.free_dir(&path).await?;
        let root = self.root.clone();
        blocking(move || rename(&root, &from, &to)).await?;
        self.look_at_tree().await?;
        Ok(Applied { uid: None, folder: Some(folder) })
    }

    pub(super) async fn delete_folder(&self, folder: FolderId) -> Result<Applied, StoreError> {
        let _changing = self.changing.lock().await;
        let dir = self.own_dir(folder).await?;
        let root = self.root.clone();
        blocking(move || {
            let away = away(&root)?;
            fs::rename(&dir, &away)?;
            Ok(fs::remove_dir_all(&away)?)
        })
        .await?;
        self.look_at_tree().await?;
        Ok(Applied::default())
    }

    /// The directory for a path that no folder has.
    async fn free_dir(&self, path: &str) -> Result<String, StoreError> {
        let dir = folder_name::dir(path, self.config.names)?;
        let tree = self.look_at_tree().await?;
        let is_taken =
            path.eq_ignore_ascii_case(INBOX) || tree.hierarchy.folders.iter().any(|other| other.path == path);
        if is_taken { Err(exists(path)) } else { Ok(dir) }
    }

    /// The directory of a folder that is not the inbox.
    async fn own_dir(&self, folder: FolderId) -> Result<PathBuf, StoreError> {
        let dir = self.dir(folder).await?.path;
        if dir == self.root {
            return Err(StoreError::new(StoreErrorKind::Invalid, "the inbox stays what it is"));
        }
        Ok(dir)
    }
}

fn exists(path: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Exists, format!("there is a folder {path:?}"))
}

/// Where something can be made or taken apart without being a folder.
fn away(root: &Path) -> io::Result<PathBuf> {
    let tmp = root.join("tmp");
    fs::create_dir_all(&tmp)?;
    Ok(tmp.join(file::unique()))
}

fn create(root: &Path, dir: &str) -> Result<(), StoreError> {
    let target = root.join(dir);
    if target.symlink_metadata().is_ok() {
        return Err(exists(dir));
    }
    let away = away(root)?;
    let made = (|| {
        // Who may read the inbox may read what is beside it.
        let mode = fs::metadata(root)?.mode() & 0o777;
        for name in ["", "tmp", "new", "cur"] {
            DirBuilder::new().mode(mode).create(away.join(name))?;
        }
        // Maildir++: by which delivery agents know that it is a folder of another Maildir.
        fs::File::create_new(away.join("maildirfolder"))?;
        fs::rename(&away, &target)
    })();
    if made.is_err() {
        // It is empty but for what was made here; what is left of it is swept with `tmp`.
        let _ = fs::remove_dir_all(&away);
    }
    Ok(made?)
}

fn rename(root: &Path, from: &Path, to: &str) -> Result<(), StoreError> {
    let Some(name) = from.file_name().and_then(|name| name.to_str()) else {
        return Err(StoreError::new(StoreErrorKind::Invalid, "the folder's name is not UTF-8"));
    };
    let below = format!("{name}.");
    let mut renames = vec![(from.to_owned(), root.join(to))];
    for entry in fs::read_dir(root)? {
        let entry = entry?.file_name();
        let Some(rest) = entry.to_str().and_then(|entry| entry.strip_prefix(&below)) else { continue };
        let target = format!("{to}.{rest}");
        if target.len() > MAX_DIR_BYTES {
            return Err(StoreError::new(StoreErrorKind::Invalid, "a folder below it would have too long a name"));
        }
        renames.push((root.join(&entry), root.join(target)));
    }
    if renames.iter().any(|(_, target)| target.symlink_metadata().is_ok()) {
        return Err(exists(to));
    }
    for (from, to) in renames {
        fs::rename(from, to)?;
    }
    Ok(())
}
