//! `hook/dovecot`: a mail server says that a mailbox has changed. A hint and no more: what has changed is asked of the
//! mailbox itself, and only if somebody waits.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use push_core::Credentials;
use push_transports::proto::problem::{Code, Problem};

use super::Site;
use crate::account::{Account, Phase};
use crate::hook::{self, HookError, HookEvent, HookKind};
use crate::store::Hint;

pub(super) async fn answer(site: &Site, request: http::Request<Body>) -> Result<Response, Problem> {
    check(site, request.headers(), request.uri().query().unwrap_or_default()).await?;
    let request = site.push.read_body(request, hook::MAX_BODY).await?;
    let event = hook::parse(request.body()).map_err(|error| match error {
        HookError::TooLong => Problem::new(Code::TooLarge, error.to_string()),
        _ => Problem::bad_parameter(error.to_string()),
    })?;
    // Of mailboxes that are not served here there is nothing to say: the mail server knows more of them than we do.
    if let Some(account) = site.mail.accounts.by_name(&event.user).filter(|account| account.phase() != Phase::Idle) {
        account.hint(hint(account, &event));
    }
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Lets in who shows the hook's token. Without one: where anyone may do anything anyone, else an admin.
async fn check(site: &Site, headers: &HeaderMap, query: &str) -> Result<(), Problem> {
    let Some(token) = &site.mail.hook_token else {
        if site.push.authorizer().is_open() {
            return Ok(());
        }
        return site.push.check_admin(headers, query).await;
    };
    let is_right = match site.push.credentials(headers, query)? {
        Credentials::Bearer(shown) | Credentials::Basic { secret: shown, .. } => token.is(&shown),
        Credentials::None => false,
    };
    if is_right { Ok(()) } else { Err(Problem::new(Code::Unauthorized, "this is not the token of the hook")) }
}

fn hint(account: &Account, event: &HookEvent) -> Hint {
    if event.kind == HookKind::Tree {
        return Hint::Tree;
    }
    let tree = account.tree();
    let path = event.folder_path.as_deref();
    let folder = tree.folders.iter().find(|folder| Some(&*folder.path) == path);
    folder.map_or(Hint::All, |folder| Hint::Folder(folder.id))
}
