//! **chat**: rooms, who is there, and what was said before one came; with a moderator inside the program.
//!
//! What it shows: a channel for each room (`chat/<room>`); presence, with joins and leaves on `$sys/presence/chat/<room>`;
//! history on joining (`last=50`) and resuming after a cut (`since=<id>`); WebSocket, with server-sent events where
//! WebSockets do not get through; a pattern (`chat/*`) subscribed in the program as a `Stream`.
//!
//! Run it with `cargo run -p examples --bin chat` (an address to listen on may follow), and open what it prints in two tabs.
//!
//! What to try: `/?room=den&name=ada`, and `&sse` behind it for server-sent events; `/dice` as a message; a message with
//! "darn" in it; `curl -N 'http://127.0.0.1:8080/push/stream?channel=chat/*'` to hear every room at once.
//!
//! Anyone may do anything here, so names are what people say they are (`info`) and only the loopback is answered. With an
//! `Authorizer` of your own in `Config::authorizer` they are the users of your tokens, and members by that name.

use std::error::Error;

use axum::{Router, response::Html, routing::get};
use futures_util::StreamExt as _;
use push_core::{Delivery, Draft, EventName, Hub, HubConfig, Namespace, Pattern, Publication, Since, SubscribeRequest};
use serde_json::{Value, json};

/// One query for both transports: the room, its joins and leaves, and where to begin. `id` is the cursor of the last
/// publication heard on any channel: after a cut it resumes them all, over either transport.
const PAGE: &str = r##"<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>chat</title>
<style>
  body { font: 1rem/1.5 system-ui; margin: 1rem auto; max-width: 42rem; padding: 0 1rem; color-scheme: light dark }
  #log { height: 60vh; overflow: auto; } form { display: flex; gap: .5rem }
  #text { flex: 1; font: inherit } .quiet { opacity: .6 } del { opacity: .4 }
</style>
<h1 id="title"></h1><p id="members" class="quiet"></p><div id="log" role="log" tabindex="0"></div>
<form id="say"><input id="text" aria-label="Message" autocomplete="off" autofocus><button>Say</button></form>
<script>
const $ = id => document.getElementById(id), params = new URLSearchParams(location.search)
const name = params.get('name') || 'guest' + Math.floor(Math.random() * 1000)
const channel = 'chat/' + (params.get('room') || 'lobby'), joins = '$sys/presence/' + channel
let id = null, ws = null
$('title').textContent = `${channel} as ${name}`
const query = () => new URLSearchParams([['channel', channel], ['channel', joins],
  ['info', JSON.stringify(name)], id ? ['since', id] : ['last', 50]])

function line(text, quiet) {
  const made = Object.assign(document.createElement('div'), { textContent: text, className: quiet ? 'quiet' : '' })
  $('log').appendChild(made).scrollIntoView()
  return made
}
async function members() {
  const asked = fetch('push/presence?' + new URLSearchParams({ channel })).then(answer => answer.json())
  const answer = await asked.catch(() => ({ members: [] })) // the server is away
  $('members').textContent = 'Here: ' + [...new Set(answer.members.map(m => m.info))].join(', ')
}
function hear(publication) {
  const { data, event, offset } = publication
  id = publication.id
  if (publication.channel === joins) { line(`${data.info} ${event === 'join' ? 'came' : 'went'}`, true); members() }
  else if (event === 'redact') document.querySelector(`[data-offset="${Number(data.offset)}"]`)
    ?.replaceChildren(Object.assign(document.createElement('del'), { textContent: 'taken back by the moderator' }))
  else line(`${data.from}: ${data.text}`).dataset.offset = offset
}
function overWebSocket() {
  let opened = false
  ws = new WebSocket(new URL('push/ws?' + query(), location).href.replace('http', 'ws'))
  ws.onopen = () => { opened = true; members() }
  ws.onmessage = ({ data }) => {
    const heard = JSON.parse(data)
    if (heard.op === 'publication') hear(heard)
    else if (heard.gaps || heard.op === 'gap') line('(some messages were missed)', true)
    else if (heard.op === 'error') line(heard.detail, true)
  }
  ws.onclose = ({ code, reason }) => {
    if (code >= 3500 && code < 4000) line(reason, true) // the server will not change its mind
    else if (opened || id) setTimeout(overWebSocket, 1000 + Math.random() * 1000)
    else { ws = null; overEvents() } // never got through: something on the way does not let it
  }
}
function overEvents() { // comes back by itself, with the cursor heard last
  const events = new EventSource(`push/sse?${query()}`)
  events.onopen = members
  events.onmessage = ({ data }) => hear(JSON.parse(data))
  events.addEventListener('push.gap', () => line('(some messages were missed)', true))
}
$('say').onsubmit = submitted => {
  submitted.preventDefault()
  const data = { from: name, text: $('text').value }
  if (ws?.readyState === 1) ws.send(JSON.stringify({ op: 'publish', channel, data }))
  else fetch('push/publish?' + new URLSearchParams({ channel }),
    { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(data) })
  submitted.target.reset()
}
params.has('sse') ? overEvents() : overWebSocket()
</script></html>"##;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let mut rooms = Namespace::new(Pattern::parse("chat/*")?);
    rooms.presence = true;
    let mut config = HubConfig::default();
    config.namespaces.push(rooms);
    config.presence_linger = std::time::Duration::from_secs(3); // who reloads the page neither went nor came
    let hub = Hub::new(config);
    let push = push_transports::router(hub.clone(), push_transports::Config::default());
    let app = Router::new().route("/", get(|| async { Html(PAGE) })).nest("/push", push);
    let listener = tokio::net::TcpListener::bind(&addr).await?;
    println!("listening on http://{}", listener.local_addr()?);
    tokio::select! {
        ended = moderate(&hub) => ended,
        ended = axum::serve(listener, app).into_future() => Ok(ended?),
    }
}

/// Hears all rooms, like any subscriber: a position in their logs and no queue, so it cannot hold anybody up.
async fn moderate(hub: &Hub) -> Result<(), Box<dyn Error>> {
    let mut since = Since::Start;
    loop {
        // A subscription ends when an operator ends it: then go on behind what was heard last.
        let request = SubscribeRequest::to("chat/*")?.and("$sys/presence/chat/*")?.user("moderator");
        let mut rooms = hub.subscribe(request.since(since))?;
        while let Some(delivery) = rooms.next().await {
            let Delivery::Publication(heard) = delivery else { continue };
            since = Since::Cursor(heard.id());
            if let Some((room, reply)) = reply(&heard)
                && let Err(error) = hub.publish(&room, reply).await
            {
                eprintln!("no reply in {room}: {error}");
            }
        }
    }
}

/// What the moderator answers, and in which room.
fn reply(heard: &Publication) -> Option<(String, Draft)> {
    let data: Value = serde_json::from_slice(heard.payload()).ok()?;
    let say = |text: String| Draft::json(json!({"from": "moderator", "text": text}).to_string());
    let channel = heard.channel().as_str();
    if let Some(room) = channel.strip_prefix("$sys/presence/") {
        let name = data["info"].as_str().filter(|_| heard.event().as_str() == "join")?;
        return Some((room.to_owned(), say(format!("welcome, {name}"))));
    }
    // It hears itself too: none of its answers may ask for another one without end.
    let reply = match data["text"].as_str().filter(|_| heard.event().as_str() == "message")? {
        "/dice" => say(format!("{} rolls a {}", data["from"].as_str()?, heard.time_ms() % 6 + 1)),
        text if text.to_lowercase().contains("darn") => {
            let redact = EventName::parse("redact").ok()?;
            Draft::json(json!({"offset": heard.offset()}).to_string()).event(redact)
        }
        _ => return None,
    };
    Some((channel.to_owned(), reply))
}
