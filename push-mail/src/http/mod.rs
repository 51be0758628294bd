//! The calls of wire.md §9 over HTTP.

mod body;
mod content;
mod devices;
mod hook;
mod json;
mod ping;

pub(crate) use body::Arriving;
pub(crate) use ping::left_of;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use http::StatusCode;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use push_core::{Action, Identity, Selector};
use push_transports::Push;
use push_transports::proto::headers::Answer;
use push_transports::proto::problem::{Code, Problem};

use crate::account::Account;
use crate::direct::device::FIRST_KEY;
use crate::direct::devices::DeviceId;
use crate::direct::{MAX_DEVICE_BYTES, SyncRequest};
use crate::mail::Mail;
use crate::name::tree_channel;
use crate::store::{Hierarchy, StoreErrorKind};

/// Longest body of a call: a ping of the most folders fits.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// What the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) mail: Mail,
    pub(crate) push: Push,
}

/// The calls `folders`, `devices`, `sync`, `ping`, `content` and `hook/dovecot` as an axum router, to be nested as `mail` where the transports are:
///
/// ```no_run
/// # fn example(mail: push_mail::Mail, push: push_transports::Push) -> axum::Router {
/// axum::Router::new().nest("/push/mail", push_mail::router(mail, push.clone())).nest_service("/push", push.service())
/// # }
/// ```
///
/// `push` must have been made with [`Mail::authorizer`] for its authorizer: it decides who may read an account.
pub fn router(mail: Mail, push: Push) -> Router {
    // Routes of their own, and not a fallback: they stand beside whatever else is nested at the base.
    let calls = ROUTES.iter().fold(Router::new(), |router, (path, _)| router.route(path, any(answer)));
    calls.with_state(Site { mail, push })
}

async fn answer(State(site): State<Site>, request: Request) -> Response {
    let push = site.push.clone();
    push.guarded(request, true, async |request| dispatch(&site, request).await).await
}

/// The calls with the methods they know.
const ROUTES: [(&str, &str); 6] = [
    ("/folders", "GET, HEAD"),
    ("/devices", "GET, HEAD"),
    ("/sync", "POST"),
    ("/ping", "POST"),
    ("/content", "POST"),
    ("/hook/dovecot", "POST, PUT"),
];

async fn dispatch(site: &Site, request: Request) -> Result<Response, Problem> {
    let path = request.uri().path().to_owned();
    let Some((_, allowed)) = ROUTES.iter().find(|(route, _)| *route == path) else {
        return Err(Problem::new(Code::NotFound, "there is no such route"));
    };
    if !allowed.split(", ").any(|method| method == request.method().as_str()) {
        let mut response = site.push.refusal(&Problem::new(Code::Method, format!("this route knows {allowed}")));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        return Ok(response.map(Body::new));
    }
    if path == "/hook/dovecot" {
        return hook::answer(site, request).await;
    }
    let query = request.uri().query().unwrap_or_default();
    let identity = site.push.authenticate(request.headers(), query).await?;
    let named = Named::read(query);
    if path == "/folders" {
        return folders(site, &identity, named.account.as_deref()).await;
    }
    if path == "/devices" {
        return devices::answer(site, &identity, named.account.as_deref()).await;
    }
    let request = site.push.read_body(request, MAX_BODY_BYTES).await?;
    match path.as_str() {
        "/sync" => sync(site, &identity, &request).await,
        "/ping" => ping::answer(site, &identity, named, request).await,
        _ => content::answer(site, &identity, request).await,
    }
}

/// Account and device as the query names them; a body that names them wins.
#[derive(Debug, Default)]
struct Named {
    account: Option<String>,
    device: Option<String>,
}

impl Named {
    fn read(query: &str) -> Self {
        let mut named = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "account" => named.account = Some(value.into_owned()),
                "device" => named.device = Some(value.into_owned()),
                _ => {}
            }
        }
        named
    }
}

impl Site {
    async fn may_read(&self, identity: &Identity, account: &Account) -> bool {
        let selector = Selector::Channel(tree_channel(&account.name));
        self.push.authorizer().authorize(identity, Action::History, Some(&selector)).await
    }

    /// The account that is named; else the login's own, or the only one that it may read.
    pub(crate) async fn account(&self, identity: &Identity, named: Option<&str>) -> Result<Arc<Account>, Problem> {
        let is_open = self.push.authorizer().is_open();
        if let Some(name) = named {
            let found = self.mail.accounts.by_name(name);
            return match found {
                Some(account) if self.may_read(identity, account).await => Ok(Arc::clone(account)),
                None if is_open => Err(Problem::bad_parameter(format!("there is no account {name:?}"))),
                // Whether there is one is nobody's business who may not read it.
                _ => Err(Problem::new(Code::Forbidden, format!("not a reader of the account {name:?}"))),
            };
        }
        // The usual case first: there may be thousands of accounts.
        if let Some(own) = identity.user.as_deref().and_then(|user| self.mail.accounts.by_name(user))
            && self.may_read(identity, own).await
        {
            return Ok(Arc::clone(own));
        }
        let mut readable = Vec::new();
        for account in self.mail.accounts.all() {
            if self.may_read(identity, account).await {
                readable.push(account);
            }
            if readable.len() > 1 {
                return Err(Problem::bad_parameter("'account' is needed: there are several"));
            }
        }
        match readable.pop() {
            Some(only) => Ok(Arc::clone(only)),
            None if is_open => Err(Problem::bad_parameter("there is no account")),
            None => Err(Problem::new(Code::Forbidden, "not a reader of any account")),
        }
    }
}

/// The device of that name, as `identity` has it at `account`.
fn device_id(identity: &Identity, account: &Account, device: &str) -> Result<Arc<DeviceId>, String> {
    let is_right = (1..=MAX_DEVICE_BYTES).contains(&device.len()) && !device.chars().any(char::is_control);
    if !is_right {
        return Err(format!("'device' is 1..={MAX_DEVICE_BYTES} bytes without control characters"));
    }
    let user = identity.user.clone();
    Ok(Arc::new(DeviceId { account: Arc::clone(&account.name), user, device: device.into() }))
}

async fn folders(site: &Site, identity: &Identity, named: Option<&str>) -> Result<Response, Problem> {
    let account = site.account(identity, named).await?;
    let tree: Hierarchy = account.store.hierarchy().await.map_err(|error| {
        tracing::warn!(account = &*account.name, %error, "the folders cannot be told");
        let code = if error.kind() == StoreErrorKind::Unavailable { Code::Storage } else { Code::Internal };
        Problem::new(code, "the mailbox cannot be asked now")
    })?;
    Ok(json_response(json::folders(&account.name, &tree)))
}

async fn sync(site: &Site, identity: &Identity, request: &http::Request<Bytes>) -> Result<Response, Problem> {
    let asked = json::Sync::parse(request.body())?;
    let account = site.account(identity, asked.account.as_deref()).await?;
    let id = device_id(identity, &account, &asked.device).map_err(Problem::bad_parameter)?;
    let sync_key = asked.sync_key.unwrap_or_else(|| FIRST_KEY.to_owned());
    let request = SyncRequest { folder: asked.folder, sync_key, window: asked.window };
    let unix_ms = site.mail.hub.clock().unix_ms();
    let (answer, on_its_way) = site.mail.direct.sync(&account, &id, request, unix_ms).await;
    let mut response = json_response(json::synced(&answer));
    if let Some(on_its_way) = on_its_way {
        let bytes = json::synced(&answer);
        *response.body_mut() = Body::new(Arriving::new(bytes, vec![on_its_way]));
    }
    Ok(response)
}

/// An answer of a call: never stored, changed or collected on the way.
fn json_response<B: From<Bytes>>(json: Bytes) -> http::Response<B> {
    let mut response = http::Response::new(B::from(json));
    *response.status_mut() = StatusCode::OK;
    Answer::Subscription.apply(response.headers_mut());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
