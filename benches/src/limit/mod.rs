//! The ceiling: a server that accepts, answers what it knows by heart, and then does one plain send(2) for each delivery.
//!
//! No server can be cheaper that gives each subscriber its publications one by one: what it spends beyond this is its own.

mod encode;
mod request;

use std::collections::HashMap;
use std::io::Write as _;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

use self::encode::{ANSWER, Form, POLL_EMPTY, SSE_HEAD, WS_ANSWER, WS_HEAD};
use self::request::{Post, Target};
use crate::poller::{Poller, Read, listen, read, send_all};
use crate::{Result, system};

/// Key of the listener; those of connections are indexes.
const LISTENER: usize = usize::MAX;

/// Bytes of one read.
const SCRATCH_BYTES: usize = 64 * 1024;

/// How a connection publishes, if it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pen {
    #[default]
    None,
    Posts,
    Frames,
}

/// What a connection is, beside its socket.
#[derive(Clone, Copy, Debug, Default)]
struct Seat {
    /// What it subscribed, if it did: the channel, the form, and its place among the members.
    member: Option<(u16, Form, u32)>,
    /// A poll that was asked for and not answered.
    is_parked: bool,
    /// A poll's next answer is there before it was asked for.
    is_owed: bool,
    pen: Pen,
}

#[derive(Debug, Default)]
struct Channel {
    members: [Vec<u32>; Form::COUNT],
    /// The last message as an answer to a poll.
    newest: Vec<u8>,
}

struct Limit {
    poller: Poller,
    listener: OwnedFd,
    sockets: Vec<Option<OwnedFd>>,
    seats: Vec<Seat>,
    free: Vec<u32>,
    channels: Vec<Channel>,
    names: HashMap<String, usize>,
    /// What publishers have sent of requests that are not whole.
    requests: HashMap<usize, Vec<u8>>,
    scratch: Vec<u8>,
    /// A message as it goes out.
    encoded: Vec<u8>,
    /// The answers to all requests of one read, which go out together.
    answers: Vec<u8>,
}

/// Serves until the process that started it ends.
pub(crate) fn run() -> Result<()> {
    system::end_with_parent()?;
    system::pin(system::SERVER_CORE)?;
    system::raise_descriptors()?;
    let (listener, address) = listen()?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{address}")?;
    stdout.flush()?;
    let poller = Poller::new()?;
    poller.add(&listener, LISTENER)?;
    let mut limit = Limit {
        poller,
        listener,
        sockets: Vec::new(),
        seats: Vec::new(),
        free: Vec::new(),
        channels: Vec::new(),
        names: HashMap::new(),
        requests: HashMap::new(),
        scratch: vec![0; SCRATCH_BYTES],
        encoded: Vec::new(),
        answers: Vec::new(),
    };
    loop {
        for at in 0..limit.poller.wait(u64::from(u32::MAX))? {
            let event = limit.poller.ready(at);
            if event.key == LISTENER { limit.accept()? } else { limit.read(event.key, event.is_ended)? }
        }
    }
}

impl Limit {
    fn accept(&mut self) -> Result<()> {
        loop {
            let socket = match accept_with(&self.listener, SocketFlags::CLOEXEC) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::CONNABORTED | Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let key = self.free.pop().map_or(self.sockets.len(), |key| key as usize);
            self.poller.add(&socket, key)?;
            if key == self.sockets.len() {
                self.sockets.push(None);
                self.seats.push(Seat::default());
            }
            self.sockets[key] = Some(socket);
        }
    }

    fn read(&mut self, key: usize, is_ended: bool) -> Result<()> {
        loop {
            let Some(socket) = &self.sockets[key] else { return Ok(()) };
            match read(socket, &mut self.scratch) {
                Read::Bytes(n) => {
                    self.take(key, n)?;
                    if n < self.scratch.len() && !is_ended {
                        return Ok(());
                    }
                }
                Read::Nothing => return Ok(()),
                Read::End => {
                    self.close(key);
                    return Ok(());
                }
            }
        }
    }

    /// Takes `n` bytes that `key` sent.
    fn take(&mut self, key: usize, n: usize) -> Result<()> {
        if let Some((channel, form, _)) = self.seats[key].member {
            // WebSocket frames of clients are pongs.
            if form == Form::Poll {
                self.park(key, channel);
            }
            return Ok(());
        }
        let bytes = &self.scratch[..n];
        let seat = &mut self.seats[key];
        if seat.pen == Pen::None && bytes.starts_with(b"POST ") {
            seat.pen = Pen::Posts;
        }
        if seat.pen != Pen::None {
            return self.take_requests(key, n);
        }
        match request::get(bytes).ok_or("a request that the limit does not know")? {
            Target::Empty => self.send(key, POLL_EMPTY),
            Target::Subscribe(form, channel) => {
                let channel = channel.to_owned();
                self.subscribe(key, form, &channel)?;
            }
            Target::Publish => {
                self.seats[key].pen = Pen::Frames;
                self.send(key, WS_HEAD);
            }
        }
        Ok(())
    }

    fn subscribe(&mut self, key: usize, form: Form, name: &str) -> Result<()> {
        let at = self.channel(name);
        let members = &mut self.channels[at].members[form as usize];
        self.seats[key].member = Some((u16::try_from(at)?, form, u32::try_from(members.len())?));
        members.push(u32::try_from(key)?);
        match form {
            Form::Ws => self.send(key, WS_HEAD),
            Form::Sse => self.send(key, SSE_HEAD),
            Form::Poll => self.seats[key].is_parked = true,
        }
        Ok(())
    }

    fn channel(&mut self, name: &str) -> usize {
        if let Some(at) = self.names.get(name) {
            return *at;
        }
        self.channels.push(Channel::default());
        let at = self.channels.len() - 1;
        self.names.insert(name.to_owned(), at);
        at
    }

    fn park(&mut self, key: usize, channel: u16) {
        let seat = &mut self.seats[key];
        if seat.is_owed {
            seat.is_owed = false;
            self.send_newest(key, channel.into());
        } else {
            seat.is_parked = true;
        }
    }

    fn send_newest(&self, key: usize, channel: usize) {
        self.send(key, &self.channels[channel].newest);
    }

    /// Takes what is whole of requests to publish, and answers all of it with one send.
    fn take_requests(&mut self, key: usize, n: usize) -> Result<()> {
        let mut bytes = self.requests.get_mut(&key).map(std::mem::take).unwrap_or_default();
        bytes.extend_from_slice(&self.scratch[..n]);
        self.answers.clear();
        let taken = if self.seats[key].pen == Pen::Posts { self.posts(&bytes)? } else { self.frames(&mut bytes)? };
        if !self.answers.is_empty() {
            self.send(key, &self.answers);
        }
        bytes.drain(..taken);
        self.requests.insert(key, bytes);
        Ok(())
    }

    /// Whole POST requests; gives their length.
    fn posts(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut at = 0;
        while let Some((Post { channel, each, body }, len)) = request::post(&bytes[at..])? {
            match channel {
                Some(channel) => {
                    for message in body.chunks(each.unwrap_or(body.len()).max(1)) {
                        self.publish(channel, message);
                    }
                }
                None => {
                    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                        self.publish_line(line)?;
                    }
                }
            }
            self.answers.extend_from_slice(ANSWER);
            at += len;
        }
        Ok(at)
    }

    /// Whole WebSocket frames; gives their length.
    fn frames(&mut self, bytes: &mut [u8]) -> Result<usize> {
        let mut at = 0;
        while let Some((line, len)) = request::frame(&mut bytes[at..])? {
            self.publish_line(line)?;
            self.answers.extend_from_slice(WS_ANSWER);
            at += len;
        }
        Ok(at)
    }

    fn publish_line(&mut self, line: &[u8]) -> Result<()> {
        let (channel, message) = request::line_of(line).ok_or("a publication without a channel")?;
        self.publish(channel, message);
        Ok(())
    }

    /// Sends `message` to those who are there.
    fn publish(&mut self, channel: &str, message: &[u8]) {
        let Some(&at) = self.names.get(channel) else { return };
        for form in Form::ALL {
            if self.channels[at].members[form as usize].is_empty() {
                continue;
            }
            self.encoded.clear();
            form.encode(message, &mut self.encoded);
            if form == Form::Poll {
                self.channels[at].newest.clone_from(&self.encoded);
                self.answer_polls(at);
                continue;
            }
            for key in &self.channels[at].members[form as usize] {
                self.send(*key as usize, &self.encoded);
            }
        }
    }

    fn answer_polls(&mut self, at: usize) {
        for index in 0..self.channels[at].members[Form::Poll as usize].len() {
            let key = self.channels[at].members[Form::Poll as usize][index] as usize;
            let seat = &mut self.seats[key];
            if std::mem::take(&mut seat.is_parked) {
                self.send_newest(key, at);
            } else {
                seat.is_owed = true;
            }
        }
    }

    /// One send(2), unless the socket is broken, which its next event tells.
    fn send(&self, key: usize, bytes: &[u8]) {
        if let Some(socket) = &self.sockets[key] {
            send_all(socket, bytes);
        }
    }

    fn close(&mut self, key: usize) {
        self.sockets[key] = None;
        self.requests.remove(&key);
        if let Some((channel, form, place)) = std::mem::take(&mut self.seats[key]).member {
            let members = &mut self.channels[channel as usize].members[form as usize];
            members.swap_remove(place as usize);
            if let Some(moved) = members.get(place as usize) {
                self.seats[*moved as usize].member = Some((channel, form, place));
            }
        }
        self.free.push(u32::try_from(key).expect("keys are descriptors' number"));
    }
}
