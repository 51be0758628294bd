//! What operators do: end connections, forget history.

use http::{Response, StatusCode};
use push_core::{ConnectionId, Ending, Target};
use serde_json::json;

use super::ask::{identify, json_answer};
use super::body::PushBody;
use super::push::Push;
use super::request::Call;
use crate::proto::params::literal_channel;
use crate::proto::problem::{Code, Problem};

/// `DELETE /history`.
pub(crate) async fn forget(push: &Push, call: Call) -> Result<Response<PushBody>, Problem> {
    let shared = &push.shared;
    let channel = literal_channel(&call.query)?;
    let identity = identify(shared, &call.headers, &call.query).await?;
    shared.authorize_admin(&identity).await?;
    shared.hub.forget_history(&channel);
    let mut response = Response::new(PushBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// `POST /disconnect`.
pub(crate) async fn disconnect(push: &Push, mut call: Call) -> Result<Response<PushBody>, Problem> {
    let shared = &push.shared;
    let identity = identify(shared, &call.headers, &call.query).await?;
    shared.authorize_admin(&identity).await?;
    if !matches!(call.essence().as_str(), "application/json" | "application/x-www-form-urlencoded" | "") {
        return Err(Problem::new(Code::Unsupported, "whom to disconnect comes as application/json"));
    }
    let body = call.read_body(shared, shared.config.max_json_bytes).await?;
    let (target, ending) = parse(&body)?;
    let disconnected = shared.hub.disconnect(&target, &ending);
    Ok(json_answer(json!({ "disconnected": disconnected }).to_string()))
}

/// `{"user"|"connection","reason","reconnect"}`: `reconnect` is true by default.
#[derive(serde::Deserialize)]
struct Wish {
    user: Option<String>,
    connection: Option<String>,
    reason: Option<String>,
    reconnect: Option<bool>,
}

/// Longest reason: what a WebSocket's close frame can carry beside the rest is shorter and cut there.
const MAX_REASON_BYTES: usize = 1024;

fn parse(body: &[u8]) -> Result<(Target, Ending), Problem> {
    let wish: Wish = serde_json::from_slice(body).map_err(|error| Problem::bad_parameter(error.to_string()))?;
    let target = match (wish.user, wish.connection) {
        (Some(user), None) => Target::User(user),
        (None, Some(text)) => Target::Connection(
            ConnectionId::parse(&text)
                .ok_or_else(|| Problem::bad_parameter("'connection' is not a connection's id"))?,
        ),
        _ => return Err(Problem::bad_parameter("either 'user' or 'connection' says whom to disconnect")),
    };
    let ending = if wish.reconnect.unwrap_or(true) { Ending::disconnected() } else { Ending::disconnected_for_good() };
    match wish.reason {
        Some(reason) if reason.len() > MAX_REASON_BYTES => {
            Err(Problem::bad_parameter(format!("'reason' has more than {MAX_REASON_BYTES} bytes")))
        }
        Some(reason) => Ok((target, ending.because(reason))),
        None => Ok((target, ending)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_names_one_target_and_may_forbid_to_come_back() {
        let (target, ending) = parse(br#"{"user":"ann","reason":"bye","reconnect":false}"#).expect("a wish");
        assert_eq!((target, ending.code(), ending.reason()), (Target::User("ann".into()), 3504, "bye"));
        assert_eq!(parse(br#"{"connection":"c7"}"#).expect("a wish").1, Ending::disconnected());
        for bad in [&b"{}"[..], br#"{"user":"a","connection":"c1"}"#, br#"{"connection":"7"}"#, b"", b"[]"] {
            assert_eq!(parse(bad).expect_err("refused").code(), Code::BadParameter);
        }
    }
}
