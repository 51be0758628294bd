//! The client: one thread on a core of its own, one epoll, no runtime; does what it is told on standard input.
//!
//! In reading order: `command` (what it is told and answers), `swarm` (subscribers and their publisher), `conn`,
//! `publisher`, `decode` and `http` (what servers send), `resp`, `nats` and `socketio` (what others speak), `tally` (the check
//! of every delivery), `alarm` wakes it; then what it does with them: `drill`, `pace`, `storm`, `comeback`, `steady`, `mill`,
//! and `chat` (many channels).

mod alarm;
pub(crate) mod chat;
mod comeback;
pub(crate) mod command;
mod conn;
mod decode;
mod drill;
pub(crate) mod http;
mod mill;
pub(crate) mod nats;
pub(crate) mod pace;
mod publisher;
pub(crate) mod resp;
pub(crate) mod socketio;
mod steady;
mod storm;
mod swarm;
pub(crate) mod tally;

use std::io::{BufRead as _, Write as _};
use std::net::SocketAddrV4;

use serde::Serialize;

use self::chat::Chat;
use self::command::{Command, Done};
use self::publisher::Shape;
use self::storm::Churn;
use self::swarm::Swarm;
use crate::args::{ClientArgs, Dialect};
use crate::clock::MS;
use crate::device::Control;
use crate::line::Target;
use crate::{Result, system};

struct Client {
    target: SocketAddrV4,
    door: Target,
    dialect: Dialect,
    shape: Shape,
    swarm: Swarm,
    churn: Option<Churn>,
    chat: Option<Chat>,
}

/// Takes commands until standard input ends.
pub(crate) fn run(args: &ClientArgs) -> Result<()> {
    system::end_with_parent()?;
    system::pin(system::CLIENT_CORE)?;
    system::raise_descriptors()?;
    if args.urgent {
        system::hurry();
    }
    let shape = Shape { channel: args.channel.clone(), size: args.size };
    let door = if args.tls { Control::new(args.target)?.target()? } else { Target::plain(args.target) };
    let door = door.from(args.source);
    let mut swarm = Swarm::new(args.target, args.dialect, shape.clone())?;
    swarm.enter_by(door.clone());
    let mut client = Client { target: args.target, door, dialect: args.dialect, shape, swarm, churn: None, chat: None };
    let mut stdout = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let answer = client.run(serde_json::from_str(&line?)?)?;
        writeln!(stdout, "{answer}")?;
        stdout.flush()?;
    }
    Ok(())
}

impl Client {
    fn run(&mut self, command: Command) -> Result<String> {
        let swarm = &mut self.swarm;
        match command {
            Command::Open { kind, count } => done(swarm.open(kind, count)),
            Command::Greet => done(swarm.greet()),
            Command::Fanout { ms } => json(drill::fanout(swarm, ms)),
            Command::Burst { ms, batch, pipeline } => json(drill::burst(swarm, ms, batch, pipeline)),
            Command::Paced { ms, per_sec } => json(drill::paced(swarm, ms, per_sec)),
            Command::Pace { ms, each_ns } => json(pace::pace(swarm, ms, each_ns)),
            Command::Probe { ms, each_ms } => json(drill::probe(swarm, ms, each_ms)),
            Command::Storm { .. } if self.door.is_tls() => Err("connects are measured in the clear only".into()),
            Command::Storm { kind, ms } => json(storm::storm(self.target, &self.shape.channel, kind, ms)),
            Command::Churn { count, held } => {
                let new = || Churn::new(self.target, self.door.clone(), self.dialect, self.shape.clone());
                done(self.churn.get_or_insert_with(new).run(count, held))
            }
            Command::Slow { stopped, ms, load } => json(drill::slow(swarm, stopped, ms, load)),
            Command::Remember => {
                swarm.remember();
                done(Ok(()))
            }
            Command::Follow => {
                swarm.follow();
                done(Ok(()))
            }
            Command::Publish { count } => json(drill::publish(swarm, count)),
            Command::Comeback(order) => json(comeback::comeback(swarm, &order)),
            Command::Steady { ms, per_sec, stopped } => json(steady::steady(swarm, ms, per_sec, stopped)),
            Command::Mill { ms, per_sec } => json(mill::mill(swarm, ms, per_sec)),
            Command::Calm => done(mill::calm(swarm)),
            Command::Reach { seq } => json(mill::reach(swarm, seq)),
            Command::Rest { ms } => done(swarm.rest(ms * MS, |_| false)),
            Command::Chat(plan) => {
                self.chat = Some(Chat::open(self.target, &self.door, self.dialect, self.shape.size, plan)?);
                done(Ok(()))
            }
            Command::Talk { ms, counted } => {
                let chat = self.chat.as_mut().ok_or("nobody is there to talk to")?;
                json(chat.run(ms, counted))
            }
            Command::Close => {
                if let Some(chat) = self.chat.take() {
                    chat.close()?;
                }
                if let Some(mut churn) = self.churn.take() {
                    churn.close()?;
                }
                done(swarm.close())
            }
            Command::Settle => {
                swarm.settle()?;
                let mut account = swarm.account();
                if let Some(chat) = &mut self.chat {
                    chat.settle()?;
                    account.add(&chat.account());
                }
                json(Ok(account))
            }
        }
    }
}

fn done(result: Result<()>) -> Result<String> {
    json(result.map(|()| Done {}))
}

fn json<T: Serialize>(result: Result<T>) -> Result<String> {
    Ok(serde_json::to_string(&result?)?)
}
