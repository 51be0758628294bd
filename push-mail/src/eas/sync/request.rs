//! A sync as a device asks for it ([MS-ASCMD] 2.2.1.21); pure.

use std::time::Duration;

use crate::wbxml::tags::{air_sync as tag, air_sync_base};
use crate::wbxml::{Element, Tag};

/// What a device changes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Makes an item, which it calls `client_id` until it is told its name.
    Add { client_id: String, data: Element },
    /// Changes what is named in `data`.
    Change { id: String, data: Element, element: Element },
    /// Removes an item, or one of its instances.
    Delete { id: String, instance: Option<String> },
    /// Wants the whole of an item.
    Fetch { id: String },
}

/// A folder of a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The folder's name, as the device was given it.
    pub(crate) id: String,
    /// `None` where the request is partial, and the key is the one that the device was given last.
    pub(crate) key: Option<String>,
    /// Whether it wants to be told what has changed.
    pub(crate) wants_changes: bool,
    pub(crate) window: Option<usize>,
    /// Whether what it deletes goes to the trash.
    pub(crate) deletes_as_moves: bool,
    pub(crate) options: Option<Element>,
    /// What it says with the first key of the properties that it keeps.
    pub(crate) supported: Option<Vec<Tag>>,
    pub(crate) commands: Vec<Command>,
}

/// The whole of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) collections: Vec<Asked>,
    /// How long the answer may take while there is nothing to tell.
    pub(crate) wait: Option<Duration>,
    /// Most changes of all folders together.
    pub(crate) window: Option<usize>,
    /// Folders that are not named are as they were in the request before.
    pub(crate) is_partial: bool,
}

/// Why it cannot be answered ([MS-ASCMD] 2.2.3.177.17, Status of Sync).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// 4: it means nothing.
    Protocol,
    /// 12: the folders are not as the device knows them.
    Stale,
    /// 13: it refers to a request that is not remembered.
    Incomplete,
    /// 14: the time is not within bounds; the bound that it is beyond, in the unit that it was asked in.
    Limit(u64),
    /// 15: too many folders.
    TooMany,
}

/// The bounds of a sync's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) heartbeat_min: Duration,
    pub(crate) heartbeat_max: Duration,
    pub(crate) collections: usize,
}

fn number<T: std::str::FromStr>(parent: &Element, tag: Tag) -> Result<Option<T>, Refused> {
    parent.child_text(tag).map(|text| text.trim().parse().map_err(|_| Refused::Protocol)).transpose()
}

/// An element that is there says yes, unless it says `0`.
fn is_set(parent: &Element, tag: Tag) -> Result<Option<bool>, Refused> {
    match parent.child_text(tag).as_deref().map(str::trim) {
        None => Ok(None),
        Some("" | "1") => Ok(Some(true)),
        Some("0") => Ok(Some(false)),
        Some(_) => Err(Refused::Protocol),
    }
}

/// Longest name of a folder, or of an item that a device makes, in characters ([MS-ASCMD] 2.2.3.28.7, 2.2.3.30.7).
const MAX_ID: usize = 64;

/// A name that must be there: it is remembered.
fn text(parent: &Element, tag: Tag) -> Result<String, Refused> {
    let is_right = |text: &String| (1..=MAX_ID).contains(&text.chars().count());
    parent.child_text(tag).filter(is_right).ok_or(Refused::Protocol)
}

impl Request {
    /// # Errors
    ///
    /// [`Refused`], where nothing of it is done.
    pub(crate) fn parse(document: &Element, bounds: &Bounds) -> Result<Self, Refused> {
        if document.tag != tag::SYNC {
            return Err(Refused::Protocol);
        }
        let wait = wait(document, bounds)?;
        let is_partial = is_set(document, tag::PARTIAL)?.unwrap_or(false);
        let collections = document.child(tag::COLLECTIONS);
        let asked = collections.into_iter().flat_map(|all| all.children(tag::COLLECTION));
        let collections = asked.map(|asked| collection(asked, is_partial)).collect::<Result<Vec<_>, _>>()?;
        if collections.len() > bounds.collections {
            return Err(Refused::TooMany);
        }
        let mut ids: Vec<_> = collections.iter().map(|collection| &collection.id).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Refused::Protocol);
        }
        if collections.is_empty() && !is_partial {
            // Times without folders are of the request before: one that is not partial names them.
            let says_nothing = wait.is_none() && document.child(tag::WINDOW_SIZE).is_none();
            return Err(if says_nothing { Refused::Protocol } else { Refused::Incomplete });
        }
        Ok(Self { collections, wait, window: number(document, tag::WINDOW_SIZE)?, is_partial })
    }
}

fn wait(document: &Element, bounds: &Bounds) -> Result<Option<Duration>, Refused> {
    let minutes: Option<i64> = number(document, tag::WAIT)?;
    let seconds: Option<i64> = number(document, tag::HEARTBEAT_INTERVAL)?;
    let (asked, unit) = match (minutes, seconds) {
        (Some(_), Some(_)) => return Err(Refused::Protocol),
        (Some(minutes), None) => (minutes, 60),
        (None, Some(seconds)) => (seconds, 1),
        (None, None) => return Ok(None),
    };
    let (min, max) = (bounds.heartbeat_min.as_secs().div_ceil(unit), bounds.heartbeat_max.as_secs() / unit);
    match u64::try_from(asked) {
        Ok(asked) if asked > max => Err(Refused::Limit(max)),
        Ok(asked) if asked >= min => Ok(Some(Duration::from_secs(asked * unit))),
        _ => Err(Refused::Limit(min)),
    }
}

fn collection(asked: &Element, is_partial: bool) -> Result<Asked, Refused> {
    let key = asked.child_text(tag::SYNC_KEY).filter(|key| !key.is_empty());
    if key.is_none() && !is_partial {
        return Err(Refused::Protocol);
    }
    let wants_changes = is_set(asked, tag::GET_CHANGES)?;
    let commands = asked.child(tag::COMMANDS);
    let begins = key.as_deref() == Some(super::collection::FIRST_KEY);
    if begins && (wants_changes == Some(true) || commands.is_some_and(|commands| !commands.is_empty())) {
        // The first answer tells nothing, and nothing can be changed before it.
        return Err(Refused::Protocol);
    }
    let commands = commands.map(|all| all.elements().map(command).collect::<Result<Vec<_>, _>>()).transpose()?;
    Ok(Asked {
        id: text(asked, tag::COLLECTION_ID)?,
        key,
        wants_changes: wants_changes.unwrap_or(!begins),
        window: number(asked, tag::WINDOW_SIZE)?,
        deletes_as_moves: is_set(asked, tag::DELETES_AS_MOVES)?.unwrap_or(true),
        options: options(asked)?,
        supported: asked.child(tag::SUPPORTED).map(|named| named.elements().map(|element| element.tag).collect()),
        commands: commands.unwrap_or_default(),
    })
}

/// How it wants the folder: of its own class, beside which there may be those of the SMS that some devices sync with
/// their mail ([MS-ASCMD] 2.2.3.125.5, Options).
fn options(asked: &Element) -> Result<Option<Element>, Refused> {
    let class = |options: &Element| options.child_text(tag::CLASS).unwrap_or_default();
    let mut all: Vec<_> = asked.children(tag::OPTIONS).map(|options| (class(options), options)).collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    if all.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(Refused::Protocol);
    }
    Ok(all.into_iter().find(|(class, _)| class != "SMS").map(|(_, options)| options.clone()))
}

fn command(element: &Element) -> Result<Command, Refused> {
    let data = || element.child(tag::APPLICATION_DATA).cloned().ok_or(Refused::Protocol);
    // One that is empty is the name of no item: the others are carried out.
    let id = || element.child_text(tag::SERVER_ID).ok_or(Refused::Protocol);
    match element.tag {
        tag::ADD => Ok(Command::Add { client_id: text(element, tag::CLIENT_ID)?, data: data()? }),
        tag::CHANGE => Ok(Command::Change { id: id()?, data: data()?, element: element.clone() }),
        tag::DELETE => Ok(Command::Delete { id: id()?, instance: element.child_text(air_sync_base::INSTANCE_ID) }),
        tag::FETCH => Ok(Command::Fetch { id: id()? }),
        _ => Err(Refused::Protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds =
        Bounds { heartbeat_min: Duration::from_secs(60), heartbeat_max: Duration::from_secs(3540), collections: 3 };

    fn folder(id: &str, key: &str) -> Element {
        Element::new(tag::COLLECTION).with_text(tag::SYNC_KEY, key).with_text(tag::COLLECTION_ID, id)
    }

    fn sync(folders: impl IntoIterator<Item = Element>) -> Element {
        Element::new(tag::SYNC).with(Element::new(tag::COLLECTIONS).with_all(folders))
    }

    #[test]
    fn what_is_not_said_is_as_the_protocol_has_it() {
        let request = Request::parse(&sync([folder("5", "1-a")]), &BOUNDS).expect("right");
        let asked = &request.collections[0];
        assert!(asked.wants_changes && asked.deletes_as_moves && asked.window.is_none() && request.wait.is_none());
        let begins = Request::parse(&sync([folder("5", "0")]), &BOUNDS).expect("right");
        assert!(!begins.collections[0].wants_changes);
    }

    #[test]
    fn times_are_within_bounds_and_the_bound_is_told_in_their_unit() {
        let with = |tag: Tag, text: &str| sync([folder("5", "1")]).with_text(tag, text);
        let wait = |document: Element| Request::parse(&document, &BOUNDS).map(|request| request.wait);
        assert_eq!(wait(with(tag::WAIT, "5")), Ok(Some(Duration::from_secs(300))));
        assert_eq!(wait(with(tag::HEARTBEAT_INTERVAL, "3540")), Ok(Some(Duration::from_secs(3540))));
        assert_eq!(wait(with(tag::WAIT, "0")), Err(Refused::Limit(1)));
        assert_eq!(wait(with(tag::WAIT, "60")), Err(Refused::Limit(59)));
        assert_eq!(wait(with(tag::HEARTBEAT_INTERVAL, "59")), Err(Refused::Limit(60)));
        assert_eq!(wait(with(tag::HEARTBEAT_INTERVAL, "-1")), Err(Refused::Limit(60)));
        assert_eq!(wait(with(tag::HEARTBEAT_INTERVAL, "3541")), Err(Refused::Limit(3540)));
        assert_eq!(wait(with(tag::WAIT, "x")), Err(Refused::Protocol));
        let both = with(tag::WAIT, "5").with_text(tag::HEARTBEAT_INTERVAL, "300");
        assert_eq!(wait(both), Err(Refused::Protocol));
    }

    #[test]
    fn what_means_nothing_is_refused_whole() {
        let twice = sync([folder("5", "1"), folder("5", "1")]);
        let none = Element::new(tag::SYNC);
        let keyless = sync([Element::new(tag::COLLECTION).with_text(tag::COLLECTION_ID, "5")]);
        let nameless = sync([Element::new(tag::COLLECTION).with_text(tag::SYNC_KEY, "1")]);
        let changes_at_first = sync([folder("5", "0").with(Element::new(tag::GET_CHANGES))]);
        let foreign = sync([folder("5", "1").with(Element::new(tag::COMMANDS).with(Element::new(tag::STATUS)))]);
        for wrong in [twice, none, keyless.clone(), nameless, changes_at_first, foreign] {
            assert_eq!(Request::parse(&wrong, &BOUNDS), Err(Refused::Protocol), "{wrong:?}");
        }
        let many = sync(["1", "2", "3", "4"].map(|id| folder(id, "1")));
        assert_eq!(Request::parse(&many, &BOUNDS), Err(Refused::TooMany));
        let partial = keyless.with(Element::new(tag::PARTIAL));
        assert!(Request::parse(&partial, &BOUNDS).expect("right").collections[0].key.is_none());
        let timed = Element::new(tag::SYNC).with_text(tag::WAIT, "5");
        assert_eq!(Request::parse(&timed, &BOUNDS), Err(Refused::Incomplete));
    }
}
