//! A real server is killed again and again, at any moment, while a phone syncs with it: the phone goes on with what it
//! has, and in the end holds what lies in the mailbox, nothing twice and nothing missing.

#[path = "../../../push-mail/tests/eas/client/mod.rs"]
#[allow(dead_code, reason = "of the phone that the scenarios use, a part is enough here")]
mod client;
mod maildir;

use std::time::Duration;

use push_mail::wbxml::Element;
use push_mail::wbxml::tags::{email as e, move_items as m};
use testkit::process::Launch;
use testkit::{PushServer, Random};

use client::{Act, Ask, Phone};
use maildir::{FOLDERS, Maildir};

const SECRET: &str = "alice-secret";

/// The server that a phone speaks to. It can be killed, and is there again at the same address.
struct Server(Option<PushServer>);

impl Server {
    async fn start(maildir: &Maildir) -> Self {
        let config = format!(
            "[[token]]\nsecret = {SECRET:?}\nuser = \"alice\"\n[mail]\nheartbeat_min_s = 1\n\
             [[mail.account]]\nname = \"alice\"\nkind = \"maildir\"\npath = {:?}\nreaders = [\"alice\"]\n",
            maildir.path()
        );
        let data = maildir.data();
        let launch = Launch::new(env!("CARGO_BIN_EXE_push-server")).config(&config);
        Self(Some(launch.arg("--data").arg(data.to_str().expect("UTF-8")).start().await))
    }

    fn phone(&self, device: &str) -> Phone {
        Phone::new(self.0.as_ref().expect("it runs").addr(), "alice", SECRET, device)
    }

    /// kill -9 after so long; it is there again behind it.
    async fn killed_after(&mut self, moment: Duration) {
        tokio::time::sleep(moment).await;
        let server = self.0.take().expect("it runs");
        self.0 = Some(server.restart().await);
    }
}

/// A phone, its random steps, and the server that it loses.
struct Trial {
    phone: Phone,
    server: Server,
    random: Random,
    folders: Vec<String>,
    lost: usize,
}

impl Trial {
    async fn new(maildir: &Maildir, random: Random) -> Self {
        let server = Server::start(maildir).await;
        let mut phone = server.phone("D1");
        phone.set_up().await;
        let folders = FOLDERS.iter().map(|(name, _)| phone.folder(name)).collect();
        Self { phone, server, random, folders, lost: 0 }
    }

    /// Somewhere within a request, or behind it.
    fn moment(&mut self) -> Duration {
        Duration::from_micros(self.random.below(30_000))
    }

    fn ask(&mut self) -> Ask {
        let folder = self.random.pick(&self.folders).clone();
        let window = 1 + u32::try_from(self.random.below(20)).expect("small");
        let ask = Ask::of(&folder).window(window);
        let held = self.phone.held.get(&folder).filter(|held| held.key != "0");
        let ids: Vec<String> = held.into_iter().flat_map(|held| held.items.keys().cloned()).collect();
        if ids.is_empty() {
            return ask;
        }
        let id = self.random.pick(&ids).clone();
        match self.random.below(8) {
            0 => ask.act(Act::delete(&id)),
            1 => ask.act(Act::flag(&id)),
            2 => ask.act(Act::unflag(&id)),
            3 => ask.act(Act::read(&id, true)),
            4 => ask.act(Act::read(&id, false)),
            _ => ask,
        }
    }

    /// A sync while the server is killed; repeated as it was until it is answered.
    async fn sync(&mut self) {
        let asks = [self.ask()];
        let request = self.phone.sync_document(&asks, Vec::new());
        let moment = self.moment();
        let (answer, ()) =
            tokio::join!(self.phone.try_command("Sync", Some(&request)), self.server.killed_after(moment));
        let answer = match answer {
            Ok(answer) if answer.http == 200 => answer,
            _ => {
                self.lost += 1;
                self.phone.command("Sync", Some(&request)).await
            }
        };
        self.phone.take_sync(&asks, &answer);
    }

    /// A move while the server is killed; asked for again if nothing was heard of it.
    async fn carry(&mut self) {
        let (from, to) = (self.random.pick(&self.folders).clone(), self.random.pick(&self.folders).clone());
        let held = self.phone.held.get(&from).filter(|_| from != to);
        let Some(id) = held.and_then(|held| held.items.keys().next().cloned()) else { return };
        let carried = Element::new(m::MOVE)
            .with_text(m::SRC_MSG_ID, &id)
            .with_text(m::SRC_FLD_ID, &from)
            .with_text(m::DST_FLD_ID, &to);
        let request = Element::new(m::MOVE_ITEMS).with(carried);
        let moment = self.moment();
        let (answer, ()) =
            tokio::join!(self.phone.try_command("MoveItems", Some(&request)), self.server.killed_after(moment));
        if answer.is_err() {
            self.lost += 1;
            self.phone.document("MoveItems", &request).await;
        }
    }

    /// What the phone holds is what lies there.
    async fn check(&mut self, maildir: &Maildir) {
        for ((name, _), id) in FOLDERS.iter().zip(self.folders.clone()) {
            self.phone.sync_all(&id).await;
            let held = &self.phone.held[&id];
            let row = |id: &String| (held.field(id, e::SUBJECT), held.is_read(id), held.is_flagged(id));
            let mut holds: Vec<_> = held.items.keys().map(row).collect();
            holds.sort();
            assert_eq!(holds, maildir.rows(name), "{name}");
        }
        assert_eq!(self.phone.restarts, 0);
    }
}

fn rounds() -> usize {
    if std::env::var_os("PUSH_TEST_LONG").is_some() { 300 } else { 25 }
}

#[tokio::test]
async fn a_phone_goes_on_through_kills_at_any_moment() {
    let mut maildir = Maildir::new(Random::from_env());
    for _ in 0..60 {
        maildir.deliver();
    }
    let mut trial = Trial::new(&maildir, Random::from_env()).await;
    for round in 0..rounds() {
        maildir.act();
        if trial.random.below(4) == 0 {
            trial.carry().await
        } else {
            trial.sync().await
        }
        if round % 10 == 9 {
            trial.check(&maildir).await;
        }
    }
    trial.check(&maildir).await;
    println!("{} answers were lost in {} kills", trial.lost, rounds());
}

#[tokio::test]
async fn a_ping_that_a_kill_cut_is_sent_again_without_a_body_and_tells_what_came_meanwhile() {
    let mut maildir = Maildir::new(Random::new(1));
    let mut trial = Trial::new(&maildir, Random::new(2)).await;
    let inbox = trial.phone.inbox();
    trial.phone.sync_all(&inbox).await;
    // What is cached of the parameters: the interval and the folders.
    assert_eq!(trial.phone.ping(1, &[&inbox]).await.status, 1);
    for _ in 0..3 {
        let parked = trial.phone.start_ping(1, &[&inbox]);
        trial.server.killed_after(Duration::ZERO).await;
        parked.cut().await;
        maildir.deliver_to("INBOX");
        let pinged = trial.phone.ping_of(None).await;
        assert_eq!((pinged.status, pinged.folders), (2, vec![inbox.clone()]));
        assert_eq!(trial.phone.sync_all(&inbox).await.added.len(), 1);
        assert_eq!(trial.phone.ping_of(None).await.status, 1);
    }
}
