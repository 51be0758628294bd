//! `GetItemEstimate`: how much a sync would tell ([MS-ASCMD] 2.2.1.9). Here it is no estimate.

use std::collections::HashSet;

use super::sync::{self, Counted};
use super::{Answer, Call, Status};
use crate::http::Site;
use crate::wbxml::Element;
use crate::wbxml::tags::{air_sync, get_item_estimate as tag};

/// Folders of one request.
const MOST: usize = 300;

pub(super) async fn answer(site: &Site, call: &Call) -> Result<Answer, Status> {
    let document = call.document.as_ref().filter(|document| document.tag == tag::GET_ITEM_ESTIMATE);
    let collections = document.and_then(|document| document.child(tag::COLLECTIONS)).ok_or(Status::INVALID_CONTENT)?;
    let _turn = site.mail.direct.devices.turn(&call.id).await;
    let mut answer = Element::new(tag::GET_ITEM_ESTIMATE);
    let mut ids = HashSet::new();
    for asked in collections.children(tag::COLLECTION) {
        let id = asked.child_text(tag::COLLECTION_ID).unwrap_or_default();
        if !ids.insert(id.clone()) || ids.len() > MOST {
            return Err(Status::INVALID_CONTENT);
        }
        let key = asked.child_text(air_sync::SYNC_KEY);
        let counted = match &key {
            Some(key) => sync::count(site, call, &id, key, asked.child(air_sync::OPTIONS)).await,
            None => Counted::Malformed,
        };
        let (status, estimate) = match counted {
            Counted::Changes(changes) => (1, Some(changes)),
            Counted::NoFolder => (2, None),
            Counted::NotPrimed => (3, None),
            Counted::BadKey => (4, None),
            Counted::Malformed => return Err(Status::INVALID_CONTENT),
            Counted::Failed => return Err(Status::SERVER_ERROR),
        };
        let response = Element::new(tag::RESPONSE).with_text(tag::STATUS, status);
        answer.push(match estimate {
            Some(estimate) => {
                let collection = Element::new(tag::COLLECTION).with_text(tag::COLLECTION_ID, &id);
                response.with(collection.with_text(tag::ESTIMATE, estimate))
            }
            None => response,
        });
    }
    if answer.is_empty() {
        return Err(Status::INVALID_CONTENT);
    }
    Ok(Answer::Document(answer))
}
