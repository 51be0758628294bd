//! A ping's parameters and its answer, as [MS-ASCMD] 2.2.1.13 has them; pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::MailConfig;
use crate::store::{Class, FolderId};

/// What a device waits for, as it is remembered for the next ping without parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingParameters {
    /// For how long, in seconds.
    pub heartbeat_s: u64,
    /// In which folders, and for what.
    pub folders: Vec<(FolderId, Class)>,
}

/// What a ping asks for; what is not given is as it was last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PingRequest {
    /// For how long, in seconds.
    pub heartbeat_s: Option<i64>,
    /// In which folders, for what, and what the device holds of them, if it says so.
    pub folders: Option<Vec<PingFolder>>,
}

/// A folder that a ping names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingFolder {
    /// Its number.
    pub id: FolderId,
    /// What is waited for in it.
    pub class: Class,
    /// The sync key that the device holds: so that an answer that was lost on its way is noticed.
    pub sync_key: Option<String>,
}

/// How a ping is answered. Source: [MS-ASCMD] 2.2.3.177.11 (Status, Ping), in the order of its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PingAnswer {
    /// 1: the interval is over.
    NoChanges,
    /// 2: these folders differ from what the device has.
    Changes(Vec<FolderId>),
    /// 3: something is not given, and was never given before.
    ParametersMissing(&'static str),
    /// 4: the request means nothing.
    BadRequest(String),
    /// 5: the interval is not within these bounds.
    HeartbeatOutOfRange {
        /// The shortest there may be.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// 6: that are more folders than there may be.
    TooManyFolders {
        /// How many there may be.
        max: usize,
    },
    /// 7: a folder is not there: ask for the folders.
    FoldersStale,
    /// 8: the mailbox cannot be watched now.
    ServerError,
}

impl PingRequest {
    /// What it means for a device that asked for `before` last.
    ///
    /// # Errors
    ///
    /// The answer that it gets at once.
    pub fn complete(&self, before: Option<&PingParameters>, config: &MailConfig) -> Result<PingParameters, PingAnswer> {
        let heartbeat_s = match (self.heartbeat_s, before) {
            (Some(given), _) => check_heartbeat(given, config)?,
            // The bounds may have been set anew since.
            (None, Some(before)) => check_heartbeat(i64::try_from(before.heartbeat_s).unwrap_or(i64::MAX), config)?,
            (None, None) => return Err(PingAnswer::ParametersMissing("heartbeat_s was never given")),
        };
        let folders = match (&self.folders, before) {
            (Some(folders), _) => check_folders(folders, config)?,
            (None, Some(before)) => before.folders.clone(),
            (None, None) => return Err(PingAnswer::ParametersMissing("folders were never given")),
        };
        Ok(PingParameters { heartbeat_s, folders })
    }
}

fn check_heartbeat(given: i64, config: &MailConfig) -> Result<u64, PingAnswer> {
    let (min, max) = (config.heartbeat_min, config.heartbeat_max);
    let is_within = |seconds: &u64| (min..=max).contains(&Duration::from_secs(*seconds));
    u64::try_from(given).ok().filter(is_within).ok_or(PingAnswer::HeartbeatOutOfRange { min, max })
}

fn check_folders(folders: &[PingFolder], config: &MailConfig) -> Result<Vec<(FolderId, Class)>, PingAnswer> {
    if folders.is_empty() {
        return Err(PingAnswer::BadRequest("'folders' names none".to_owned()));
    }
    if folders.len() > config.max_folders {
        return Err(PingAnswer::TooManyFolders { max: config.max_folders });
    }
    let mut ids: Vec<_> = folders.iter().map(|folder| folder.id).collect();
    ids.sort_unstable();
    if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(PingAnswer::BadRequest(format!("folder {} is named twice", twice[0])));
    }
    Ok(folders.iter().map(|folder| (folder.id, folder.class)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(id: u32) -> PingFolder {
        PingFolder { id: FolderId(id), class: Class::Email, sync_key: None }
    }

    fn asks(heartbeat_s: Option<i64>, folders: Option<&[u32]>) -> PingRequest {
        PingRequest { heartbeat_s, folders: folders.map(|ids| ids.iter().copied().map(folder).collect()) }
    }

    fn has(heartbeat_s: u64, ids: &[u32]) -> PingParameters {
        PingParameters { heartbeat_s, folders: ids.iter().map(|id| (FolderId(*id), Class::Email)).collect() }
    }

    #[test]
    fn what_is_not_given_is_as_it_was_last() {
        let config = MailConfig::default();
        let before = has(480, &[1, 2]);
        for (request, before, expected) in [
            (asks(Some(600), Some(&[3])), None, Ok(has(600, &[3]))),
            (asks(Some(600), None), Some(&before), Ok(has(600, &[1, 2]))),
            (asks(None, Some(&[3])), Some(&before), Ok(has(480, &[3]))),
            (asks(None, None), Some(&before), Ok(before.clone())),
            (asks(Some(600), None), None, Err(PingAnswer::ParametersMissing("folders were never given"))),
            (asks(None, Some(&[3])), None, Err(PingAnswer::ParametersMissing("heartbeat_s was never given"))),
        ] {
            assert_eq!(request.complete(before, &config), expected, "{request:?}");
        }
    }

    #[test]
    fn bounds_are_told_and_never_clamped() {
        let config = MailConfig { max_folders: 2, ..MailConfig::default() };
        let out = PingAnswer::HeartbeatOutOfRange { min: config.heartbeat_min, max: config.heartbeat_max };
        for wrong in [-100, 0, 59, 3541, 6_000_000, i64::MAX] {
            assert_eq!(asks(Some(wrong), Some(&[1])).complete(None, &config), Err(out.clone()), "{wrong}");
        }
        for right in [60, 3540] {
            assert!(asks(Some(right), Some(&[1])).complete(None, &config).is_ok(), "{right}");
        }
        let many = asks(Some(60), Some(&[1, 2, 3])).complete(None, &config);
        assert_eq!(many, Err(PingAnswer::TooManyFolders { max: 2 }));
        for wrong in [&[][..], &[1, 1]] {
            let answer = asks(Some(60), Some(wrong)).complete(None, &config);
            assert!(matches!(answer, Err(PingAnswer::BadRequest(_))), "{answer:?}");
        }
    }
}
