//! `history`, `presence`, `channels` and `stats`.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response};
use push_core::{
    Action, Budget, ChannelInfo, ChannelName, Credentials, HistoryPage, HubStats, Identity, Members, Selector,
};
use serde_json::json;

use super::body::PushBody;
use super::credentials;
use super::push::{Push, Shared};
use super::request::Call;
use crate::proto::long_poll::{MAX_ANSWER_BYTES, Page, write_page};
use crate::proto::operation::write_presence;
use crate::proto::params::{DEFAULT_LIMIT, HistoryParams, MAX_LIMIT, Token, literal_channel};
use crate::proto::problem::Problem;
use crate::proto::query::Query;

pub(crate) async fn history(push: &Push, call: Call) -> Result<Response<PushBody>, Problem> {
    let shared = &push.shared;
    let params = HistoryParams::parse(&call.query)?;
    let identity = identify(shared, &call.headers, &call.query).await?;
    shared.authorize(&identity, Action::History, &[Selector::Channel(params.channel.clone())]).await?;
    let page = read_history(shared, &params);
    let mut out = Vec::new();
    write_page(&mut out, &Page::from(&page));
    Ok(json_answer(out))
}

/// What history there is.
pub(crate) fn read_history(shared: &Shared, params: &HistoryParams) -> HistoryPage {
    let budget = Budget { publications: params.limit, bytes: MAX_ANSWER_BYTES };
    shared.hub.history(&params.channel, params.since, budget)
}

pub(crate) async fn presence(push: &Push, call: Call) -> Result<Response<PushBody>, Problem> {
    let shared = &push.shared;
    let channel = literal_channel(&call.query)?;
    let identity = identify(shared, &call.headers, &call.query).await?;
    shared.authorize(&identity, Action::Presence, &[Selector::Channel(channel.clone())]).await?;
    let (members, detail) = read_presence(shared, &channel);
    let mut out = Vec::new();
    write_presence(&mut out, &members, detail);
    Ok(json_answer(out))
}

/// Who is there, and why nobody can be where the channel's namespace has no presence: an empty list alone would be a lie.
pub(crate) fn read_presence(shared: &Shared, channel: &ChannelName) -> (Members, Option<&'static str>) {
    if shared.hub.namespace(channel).presence {
        (shared.hub.presence(channel), None)
    } else {
        (Members::default(), Some("'presence' is off in the channel's namespace"))
    }
}

pub(crate) async fn channels(push: &Push, call: Call) -> Result<Response<PushBody>, Problem> {
    let shared = &push.shared;
    let identity = identify(shared, &call.headers, &call.query).await?;
    shared.authorize_admin(&identity).await?;
    let limit = call.query.number("limit", 1, MAX_LIMIT as u64)?.map_or(DEFAULT_LIMIT, |limit| limit as usize);
    let prefix = call.query.single("prefix")?.unwrap_or_default();
    let after = call.query.single("after")?.unwrap_or_default();
    // One more than asked tells whether there is more.
    let mut found = shared.hub.channels(prefix, after, limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let channels: Vec<_> = found.iter().map(channel_json).collect();
    Ok(json_answer(json!({ "channels": channels, "more": more }).to_string()))
}

fn channel_json(info: &ChannelInfo) -> serde_json::Value {
    json!({
        "channel": info.channel.as_str(),
        "offset": info.offset,
        "retained": info.retained,
        "subscribers": info.subscribers,
    })
}

pub(crate) async fn stats(push: &Push, call: Call) -> Result<Response<PushBody>, Problem> {
    let shared = &push.shared;
    let identity = identify(shared, &call.headers, &call.query).await?;
    shared.authorize_admin(&identity).await?;
    Ok(json_answer(stats_json(&shared.hub.stats(), push.is_draining()).to_string()))
}

fn stats_json(stats: &HubStats, draining: bool) -> serde_json::Value {
    json!({
        "epoch": stats.epoch.to_string(),
        "head": stats.head,
        "floor": stats.floor,
        "published": stats.published,
        "channels": stats.channels,
        "patterns": stats.patterns,
        "connections": { "total": stats.connections.values().sum::<usize>(), "by_transport": stats.connections },
        "history": { "publications": stats.publications, "bytes": stats.history_bytes },
        "forms": { "bytes": stats.form_bytes },
        "uptime_s": stats.uptime.as_secs(),
        "draining": draining,
    })
}

/// Who calls, by the header or the `token` of the query.
pub(crate) async fn identify(shared: &Shared, headers: &HeaderMap, query: &Query) -> Result<Identity, Problem> {
    shared.authenticate(&shown(headers, query)?).await
}

/// What a request shows to say who it is.
pub(crate) fn shown(headers: &HeaderMap, query: &Query) -> Result<Credentials, Problem> {
    credentials::read(headers, query.single("token")?.map(Token::new).as_ref())
}

/// 200 with JSON that no cache keeps.
pub(crate) fn json_answer(body: impl Into<bytes::Bytes>) -> Response<PushBody> {
    let mut response = Response::new(PushBody::full(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
