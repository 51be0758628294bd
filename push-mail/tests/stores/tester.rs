//! Who uses a store as a device does: with a token, from change to change.

use std::time::Duration;

use push_mail::store::{
    Applied, Change, ChangeKind, Command, Flags, FolderId, Hint, Hints, StoreError, StoreErrorKind, Token, Uid, Wanted,
};
use testkit::mail;

use crate::World;

/// Longest wait for what must come.
const GUARD: Duration = Duration::from_secs(60);

/// A world, and what was told of its folder.
pub(crate) struct Tester<W> {
    pub(crate) world: W,
    pub(crate) folder: FolderId,
    pub(crate) token: Token,
}

/// What is told of a message: what happened, its subject where it is still there, its marks.
pub(crate) type Told = (ChangeKind, Option<String>, Flags);

impl<W: World> Tester<W> {
    pub(crate) async fn new() -> Self {
        let world = W::new().await;
        let mut tester = Self { world, folder: FolderId(0), token: Token::START };
        tester.folder = tester.id(W::FOLDER).await.expect("the folder is there");
        tester
    }

    /// The id of the folder of that path.
    pub(crate) async fn id(&self, path: &str) -> Option<FolderId> {
        let tree = self.world.store().hierarchy().await.expect("a tree");
        tree.folders.iter().find(|folder| folder.path == path).map(|folder| folder.id)
    }

    pub(crate) async fn deliver(&self, subject: &str) {
        self.world.deliver(W::FOLDER, &mail::plain(subject, "text")).await;
    }

    pub(crate) async fn mark(&self, subject: &str, flags: Flags) {
        self.world.mark(W::FOLDER, subject, flags).await;
    }

    pub(crate) async fn delete(&self, subject: &str) {
        self.world.delete(W::FOLDER, subject).await;
    }

    pub(crate) async fn apply(&self, command: Command) -> Result<Applied, StoreError> {
        guarded(self.world.store().apply(command)).await
    }

    pub(crate) async fn append(&self, folder: FolderId, subject: &str, flags: Flags) -> Applied {
        let raw = mail::plain(subject, "text").into();
        self.apply(Command::Append { folder, raw, flags }).await.expect("appended")
    }

    /// Of what kind the refusal of a command is.
    pub(crate) async fn refusal(&self, command: Command) -> Option<StoreErrorKind> {
        self.apply(command).await.err().map(|error| error.kind())
    }

    /// All changes behind the token; from now on it stands behind them.
    pub(crate) async fn changes(&mut self) -> Vec<Change> {
        let (changes, token) = self.changes_since(self.folder, self.token, 1000).await;
        self.token = token;
        changes
    }

    pub(crate) async fn changes_since(&self, folder: FolderId, mut token: Token, limit: usize) -> (Vec<Change>, Token) {
        let mut all = Vec::new();
        loop {
            let page = guarded(self.world.store().changes(folder, token, limit)).await.expect("changes");
            all.extend(page.changes);
            token = page.token;
            if !page.more {
                return (all, token);
            }
        }
    }

    /// What is told behind the token.
    pub(crate) async fn told(&mut self) -> Vec<Told> {
        let changes = self.changes().await;
        let mut told = Vec::new();
        for change in changes {
            told.push((change.kind, self.subject(self.folder, change.uid).await, change.flags));
        }
        told
    }

    pub(crate) async fn subject(&self, folder: FolderId, uid: Uid) -> Option<String> {
        let wanted = Wanted::Summary { preview_bytes: 10 };
        let items = guarded(self.world.store().fetch(folder, &[uid], wanted)).await.expect("fetched");
        items.into_iter().next().and_then(|item| item.summary.subject)
    }

    /// The number of a message that is there.
    pub(crate) async fn uid(&self, subject: &str) -> Uid {
        for change in self.changes_since(self.folder, Token::START, 1000).await.0 {
            if self.subject(self.folder, change.uid).await.as_deref() == Some(subject) {
                return change.uid;
            }
        }
        panic!("there is no {subject:?}");
    }

    /// Hints, from the moment on from which none is missing.
    pub(crate) async fn watch(&self) -> Hints {
        let mut hints = self.world.store().watch(&[]);
        assert_eq!(guarded(hints.next()).await, Hint::Ready);
        hints
    }

    /// Asks whenever something is hinted, until so many changes are told.
    pub(crate) async fn told_when_hinted(&mut self, hints: &mut Hints, count: usize) -> Vec<Told> {
        let mut told = Vec::new();
        while told.len() < count {
            let hint = guarded(hints.next()).await;
            if matches!(hint, Hint::All) || hint == Hint::Folder(self.folder) {
                told.extend(self.told().await);
            }
        }
        told
    }

    /// Waits for a hint that the tree may have changed, until it is `as_expected`.
    pub(crate) async fn tree_when_hinted(&self, hints: &mut Hints, as_expected: impl Fn(&[String]) -> bool) {
        loop {
            if matches!(guarded(hints.next()).await, Hint::All | Hint::Tree) {
                let tree = self.world.store().hierarchy().await.expect("a tree");
                let paths: Vec<String> = tree.folders.into_iter().map(|folder| folder.path).collect();
                if as_expected(&paths) {
                    return;
                }
            }
        }
    }
}

/// What must come, in the end.
pub(crate) async fn guarded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(GUARD, future).await.expect("it never came")
}

pub(crate) fn new(subject: &str) -> Told {
    (ChangeKind::New, Some(subject.to_owned()), Flags::default())
}
