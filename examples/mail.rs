//! **mail**: an inbox that fills as mail arrives, beside the ping log of a phone that waits for the same mail.
//!
//! What it shows: a Maildir whose folders are channels (`mail/me/INBOX`), with the beginning of each text in its
//! publication; Direct Push, by the device's side of push-mail; how a device finds the longest wait that its network
//! allows; and what the server knows of its devices. The phone is behind a carrier that forgets a connection after 13 minutes without traffic, and a
//! minute lasts a second here: 15 is silence, 8 works, 12 works, 16 is silence, 12 for good.
//!
//! Run it with `cargo run -p examples --bin mail`, and open what it prints. A Maildir and an address to listen on may
//! follow; without them the Maildir is made in the directory for temporary files.
//!
//! What to try: drop a mail with the line that it prints, in the first seconds while the carrier is silent, and later;
//! `curl -N 'http://127.0.0.1:8080/push/sse?channel=mail/**'` to see what the page hears.

use std::{error::Error, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, response::Html, routing::get};
use push_core::{Draft, Hub, HubConfig, Open};
use push_mail::device::{ClientSettings, DeviceEvent, DeviceState, DirectPushClient, PingEntry, Preset};
use push_mail::store::maildir::{MaildirConfig, MaildirStore};
use push_mail::{Mail, MailConfig, journal::Journal, state::State};
use push_transports::{Config, Push};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How long the carrier remembers a connection without traffic. A minute is a second.
const CARRIER: Duration = Duration::from_secs(13);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1).collect::<Vec<_>>();
    let is_addr = args.last().is_some_and(|arg| arg.parse::<SocketAddr>().is_ok());
    let addr = if is_addr { args.pop() } else { None }.unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let maildir = args.pop().map_or_else(|| std::env::temp_dir().join("push-example-maildir"), PathBuf::from);

    // The mailbox, and its folders as channels of the hub. With `State::open(file)` devices outlive a restart.
    let (hub, state) = (Hub::new(HubConfig::default()), State::in_memory()?);
    let mut make_it = MaildirConfig::default();
    make_it.create = true;
    let store = MaildirStore::open(&maildir, Journal::open(&state, "me").await?, make_it).await?;
    let mut limits = MailConfig::default();
    limits.heartbeat_min = Duration::from_secs(1);
    let mail = Mail::builder(hub.clone(), state, limits).account("me", ["me"], Arc::new(store)).build()?;
    // What lies there is old; from here on everything is news.
    mail.publish("me", None).await;

    // The calls of Direct Push stand beside the transports; both ask the same authorizer.
    let mut config = Config::default();
    config.authorizer = mail.authorizer(Arc::new(Open));
    let push = Push::new(hub.clone(), config)?;
    let app = Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route(
            "/maildir",
            get({
                let line = drop_line(&maildir);
                || async { line }
            }),
        )
        .nest("/push/mail", push_mail::router(mail, push.clone()))
        .nest_service("/push", push.service());

    let listener = TcpListener::bind(&addr).await?;
    let addr = listener.local_addr()?;
    let carrier = TcpListener::bind("127.0.0.1:0").await?;
    tokio::spawn(phone(carrier.local_addr()?, hub));
    tokio::spawn(carry(carrier, addr));
    println!("listening on http://{addr}");
    println!("drop a mail: {}", drop_line(&maildir));
    Ok(axum::serve(listener, app).await?)
}

/// A line for a shell that delivers a mail as mail servers do: written elsewhere, then moved into `new`.
fn drop_line(maildir: &std::path::Path) -> String {
    let text = r"'From: Ada <ada@example.org>\nSubject: Lunch?\n\nAt noon, by the river.\n'";
    format!(
        "m='{}'; f=$(date +%s).$$.me; printf {text} > \"$m/tmp/$f\" && mv \"$m/tmp/$f\" \"$m/new/$f\"",
        maildir.display()
    )
}

/// A device that waits for mail, and publishes its ping log to the channel `pings`.
async fn phone(server: SocketAddr, hub: Hub) {
    let mut settings = ClientSettings::new(format!("http://{server}/push"), "phone");
    let minutes = Preset::Walk.settings();
    settings.heartbeat.strategy = minutes.strategy;
    settings.heartbeat.minimum = minutes.minimum / 60;
    settings.heartbeat.maximum = minutes.maximum / 60;
    settings.heartbeat.initial = minutes.initial / 60;
    settings.heartbeat.step = minutes.step / 60;
    settings.heartbeat.slack = Duration::from_secs(1);
    let mut phone = DirectPushClient::new(settings, DeviceState::default()).expect("its settings are in this file");
    let (log, mut pings) = tokio::sync::mpsc::unbounded_channel::<PingEntry>();
    let waits = phone.run(move |event| {
        if let DeviceEvent::Ping(entry) = event {
            // Only this function ends the other half.
            let _ = log.send(entry.clone());
        }
    });
    let publishes = async {
        while let Some(entry) = pings.recv().await {
            let line = serde_json::json!({"ping": entry, "why": entry.why.to_string()});
            if let Err(error) = hub.publish("pings", Draft::json(line.to_string())).await {
                eprintln!("not published: {error}");
            }
        }
    };
    let (error, ()) = tokio::join!(waits, publishes);
    eprintln!("the phone gave up: {error}");
}

/// The carrier between the phone and the server.
async fn carry(phones: TcpListener, server: SocketAddr) {
    while let Ok((phone, _)) = phones.accept().await {
        tokio::spawn(async move {
            // A connection that is cut is no news here.
            let _ = pass(phone, server).await;
        });
    }
}

/// Passes on what comes, both ways. Once it was quiet for too long the carrier has forgotten the connection: what comes then
/// vanishes, and nobody is told.
async fn pass(mut phone: TcpStream, server: SocketAddr) -> std::io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    let mut is_forgotten = false;
    loop {
        let (to, bytes) = tokio::select! {
            read = phone.read(&mut up) => (&mut server, &up[..read?]),
            read = server.read(&mut down) => (&mut phone, &down[..read?]),
            () = tokio::time::sleep(CARRIER), if !is_forgotten => {
                is_forgotten = true;
                continue;
            }
        };
        if bytes.is_empty() {
            return Ok(());
        }
        if !is_forgotten {
            to.write_all(bytes).await?;
        }
    }
}

/// The inbox listens before it asks for what is there, so that nothing falls between.
const PAGE: &str = r##"<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Mail as it comes</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; --ground: light-dark(#f4f6fa, #0b1018); --panel: light-dark(#fff, #131a26);
    --text: light-dark(#121926, #e9eef7); --quiet: light-dark(#525d70, #9ba8bd); --line: light-dark(#dbe1ec, #243046);
    --good: light-dark(#0a7446, #4fd6a0); --news: light-dark(#2257d6, #7fb0ff); --bad: light-dark(#b3261e, #ff8f86) }
  * { box-sizing: border-box }
  body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif }
  header, main { max-width: 72rem; margin: auto; padding: 1.25rem 1rem 0 }
  h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem } h2 { font-size: 1rem; margin: 0 }
  main { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); padding-bottom: 2rem }
  main > div { display: grid; gap: 1rem; align-content: start; min-width: 0 }
  section { background: var(--panel); border: 1px solid var(--line); border-radius: .75rem; overflow: hidden; align-self: start }
  section > div { padding: .8rem 1rem; display: flex; justify-content: space-between; gap: 1rem; border-bottom: 1px solid var(--line) }
  ol { list-style: none; margin: 0; padding: 0 } li { padding: .7rem 1rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
  li:last-child { border: 0 } p { margin: 0 } .quiet { color: var(--quiet) } .small { font-size: .875rem }
  .row { display: flex; justify-content: space-between; gap: 1rem; align-items: baseline } .row > :last-child { flex: none }
  .unread { font-weight: 650 } .cut { overflow: hidden; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2 }
  .changed { color: var(--news) } .expired { color: var(--good) } .timed_out, .reset, .closed_early, .trouble { color: var(--bad) }
  .bar { height: .5rem; margin: .35rem 0; border-radius: 1rem; background: var(--line) }
  .bar i { display: block; height: 100%; border-radius: 1rem; background: currentColor }
  pre { margin: .6rem 0 0; padding: .7rem .9rem; background: var(--panel); border: 1px solid var(--line); border-radius: .5rem;
    white-space: pre-wrap; overflow-wrap: anywhere; font: .8rem/1.5 ui-monospace, monospace }
  @media (prefers-reduced-motion: no-preference) { li { animation: come .3s ease-out } @keyframes come { from { opacity: 0 } } }
</style>
<header><h1>Mail as it comes</h1>
<p class="quiet">The inbox hears its folder as server-sent events. The phone waits by Direct Push, behind a carrier that
forgets a quiet connection after 13 minutes; a minute lasts a second here. Drop a mail:</p><pre id="how" tabindex="0"></pre></header>
<main><div>
  <section aria-labelledby="a"><div><h2 id="a">Inbox</h2><span id="state" class="quiet small" role="status">connecting</span></div>
    <ol id="inbox" aria-live="polite"></ol></section>
  <section aria-labelledby="c"><div><h2 id="c">Devices</h2><span class="quiet small">as the server sees them</span></div>
    <ol id="devices"></ol></section></div>
  <section aria-labelledby="b"><div><h2 id="b">Ping log of the phone</h2><span id="next" class="quiet small">waits</span></div>
    <ol id="pings"></ol></section>
</main>
<script>
const $ = id => document.getElementById(id), rows = new Map()
const make = (tag, className, text) => Object.assign(document.createElement(tag), { className, textContent: text ?? '' })
const between = (tag, className, ...children) => { const made = make(tag, className); made.append(...children); return made }

function show(mail, uid) { // what is known of it, which may be more than before
  const known = { ...rows.get(uid)?.mail, ...mail }, date = known.date ? new Date(known.date) : new Date()
  const row = rows.get(uid)?.row ?? make('li')
  row.replaceChildren(
    between('div', 'row', make('span', (known.flags ?? []).includes('seen') ? '' : 'unread', known.from ?? 'somebody'),
      make('time', 'quiet small', date.toLocaleString([], { dateStyle: 'short', timeStyle: 'short' }))),
    make('p', '', known.subject ?? '(no subject)'), make('p', 'quiet small cut', known.preview))
  if (!rows.has(uid)) $('inbox').prepend(row)
  rows.set(uid, { mail: known, row })
}
function gone(uid) { rows.get(uid)?.row.remove(); rows.delete(uid) }

async function list() {
  const ask = async (call, options) => (await fetch('push/mail/' + call, options)).json()
  const { folders } = await ask('folders'), folder = folders.find(folder => folder.type === 'inbox').id
  for (let sync_key = '0', more = true, device = 'page'; more;) {
    const answer = await ask('sync', { method: 'POST', body: JSON.stringify({ device, folder, sync_key }) })
    for (const change of answer.changes) if (change.kind === 'new') show(change, change.uid)
    ;({ sync_key, more } = answer)
  }
}
const inbox = new EventSource('push/sse?format=json&channel=mail/me/INBOX')
inbox.onopen = () => { $('state').textContent = 'live'; list() }
inbox.onerror = () => $('state').textContent = 'cut, comes back'
inbox.onmessage = ({ data }) => {
  const { event, data: mail } = JSON.parse(data)
  if (event === 'mail.deleted' || mail.moved_to) gone(mail.uid)
  else if (event !== 'mail.reset') show(mail, mail.uid)
}

const ends = { expired: 'nothing new', changed: 'mail', timed_out: 'silence', reset: 'reset', closed_early: 'closed early',
  out_of_range: 'refused', trouble: 'trouble' }
const minutes = ms => Math.round(ms / 100) / 10 + ' min'
new EventSource('push/sse?format=json&channel=pings&last=50').onmessage = ({ data }) => {
  const { ping, why } = JSON.parse(data).data
  const bar = between('div', 'bar ' + ping.end.kind, make('i')), time = new Date(ping.time).toLocaleTimeString()
  bar.firstChild.style.width = Math.min(100, ping.after_ms / 200) + '%'
  bar.setAttribute('aria-hidden', true)
  $('pings').prepend(between('li', '', between('div', 'row',
    make('strong', ping.end.kind, `asked ${minutes(ping.asked_ms)}: ${ends[ping.end.kind] ?? ping.end.kind}`),
    make('time', 'quiet small', time)), bar,
    make('p', 'quiet small', `after ${minutes(ping.after_ms)}; next ${minutes(ping.next_ms)}, ${why}`)))
  while ($('pings').children.length > 50) $('pings').lastChild.remove()
  $('next').textContent = `waits ${minutes(ping.next_ms)}`
}
const devices = new Map(), pass = s => `${s} min` // a second stands for a minute
function device({ device, last_seen_ms, pings }) {
  const row = devices.get(device) ?? make('li'), seen = new Date(last_seen_ms).toLocaleTimeString([], { timeStyle: 'short' })
  const did = [`seen ${seen}`, pings.answered + pings.cut || pings.waiting ? `${pings.answered} answered, ${pings.cut} cut` : 'has not pinged']
  if (pings.mean_heartbeat_s) did.push(`asks for ${pass(pings.mean_heartbeat_s)} in the mean`)
  if (pings.cut_after_s) did.push(`cut after ${pass(pings.cut_after_s)}`)
  row.replaceChildren(between('div', 'row', make('strong', '', device),
    make('span', pings.waiting ? 'expired small' : 'quiet small', pings.waiting ? 'waits' : 'away')), make('p', 'quiet small', did.join('; ')))
  devices.set(device, row)
  return row
}
async function look() {
  const { devices } = await (await fetch('push/mail/devices')).json(), rows = devices.map(device)
  if (rows.some((row, at) => row !== $('devices').children[at])) $('devices').replaceChildren(...rows)
}
look()
setInterval(() => look().catch(() => {}), 1000)
fetch('maildir').then(answer => answer.text()).then(text => $('how').textContent = text)
</script></html>
"##;
