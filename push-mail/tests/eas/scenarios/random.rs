//! Whatever others and the phone do, in any order, and whatever is lost on the way: in the end the phone holds what is
//! there, was never told anything twice or for nothing, and never had to begin anew.

use push_mail::store::{Command, Flags, FolderId, Token, Uid, Wanted};
use testkit::Random;

use super::in_every_world;
use crate::client::{Act, Ask, Phone};
use crate::world::World;

in_every_world!(a_phone_that_loses_answers_holds_what_is_there, two_phones_and_others_come_to_the_same);

/// A message as both sides know it: subject, whether it is read, whether it is flagged.
type Row = (String, bool, bool);

/// Others at the mailbox.
struct Others<'a> {
    world: &'a World,
    folders: Vec<FolderId>,
    count: usize,
}

impl<'a> Others<'a> {
    async fn new(world: &'a World) -> Self {
        world.make_folder("Trash").await;
        let folders = vec![world.inbox().await, world.make_folder("One").await, world.make_folder("Two").await];
        Self { world, folders, count: 0 }
    }

    /// What is in a folder.
    async fn items(&self, folder: FolderId) -> Vec<(Uid, Row)> {
        let store = &self.world.store;
        let page = store.changes(folder, Token::START, 10_000).await.expect("changes");
        let uids: Vec<Uid> = page.changes.iter().map(|change| change.uid).collect();
        let items = store.fetch(folder, &uids, Wanted::Summary { preview_bytes: 0 }).await.expect("fetched");
        let row = |item: push_mail::store::Item| {
            let is = |flag| item.flags.contains(flag);
            let subject = item.summary.subject.clone().unwrap_or_default();
            (item.uid, (subject, is(Flags::SEEN), is(Flags::FLAGGED)))
        };
        items.into_iter().map(row).collect()
    }

    async fn deliver(&mut self, random: &mut Random) {
        self.count += 1;
        let folder = *random.pick(&self.folders);
        self.world.deliver(folder, &format!("mail {:04}", self.count)).await;
    }

    /// Whatever somebody may do.
    async fn act(&mut self, random: &mut Random) {
        let folder = *random.pick(&self.folders);
        let items = self.items(folder).await;
        let what = random.below(10);
        if items.is_empty() || what < 4 {
            return self.deliver(random).await;
        }
        let (uid, _) = *random.pick(&items.iter().map(|(uid, _)| (*uid, ())).collect::<Vec<_>>());
        let flag = *random.pick(&[Flags::SEEN, Flags::FLAGGED]);
        let nothing = Flags::default();
        let command = match what {
            4 | 5 => Command::Mark { folder, uid, add: flag, remove: nothing },
            6 => Command::Mark { folder, uid, add: nothing, remove: flag },
            7 => Command::Delete { folder, uid },
            _ => Command::Move { folder, uid, to: *random.pick(&self.folders) },
        };
        self.world.apply(command).await;
    }
}

/// A phone in a hurry.
struct Hurried {
    phone: Phone,
    folders: Vec<String>,
}

impl Hurried {
    async fn new(others: &Others<'_>) -> Self {
        let mut phone = others.world.phone().await;
        let folders: Vec<String> = others.folders.iter().map(FolderId::to_string).collect();
        for folder in &folders {
            phone.sync_all(folder).await;
        }
        Self { phone, folders }
    }

    /// A question about some folders, with changes of its own.
    fn asks(&self, random: &mut Random) -> Vec<Ask> {
        let some: Vec<&String> = self.folders.iter().filter(|_| random.below(3) > 0).collect();
        let folders = if some.is_empty() { self.folders.iter().collect() } else { some };
        folders.into_iter().map(|folder| self.ask(folder, random)).collect()
    }

    fn ask(&self, folder: &str, random: &mut Random) -> Ask {
        let mut ask = Ask::of(folder);
        if random.below(2) == 0 {
            ask = ask.window(1 + u32::try_from(random.below(5)).expect("small"));
        }
        let ids: Vec<String> = self.phone.held[folder].items.keys().cloned().collect();
        if ids.is_empty() || random.below(3) > 0 {
            return ask;
        }
        let id = random.pick(&ids).clone();
        ask.act(match random.below(6) {
            0 => Act::delete(&id),
            1 | 2 => Act::flag(&id),
            3 => Act::unflag(&id),
            _ => Act::read(&id, random.below(2) == 0),
        })
    }

    async fn act(&mut self, others: &mut Others<'_>, random: &mut Random) {
        match random.below(8) {
            0 => {
                let asks = self.asks(random);
                self.phone.sync_lost(&asks).await;
            }
            1 => {
                // A phone repeats what it has sent until it is answered: so with the same commands.
                let asks = self.asks(random);
                self.phone.sync_cut(&asks).await;
                others.act(random).await;
                self.phone.sync(&asks).await;
            }
            2 | 3 => self.wait(others, random).await,
            4 => self.carry(random).await,
            _ => {
                let asks = self.asks(random);
                self.phone.sync(&asks).await;
            }
        }
    }

    /// A ping that is answered at once, or by what comes.
    async fn wait(&mut self, others: &mut Others<'_>, random: &mut Random) {
        let folders: Vec<&str> = self.folders.iter().map(String::as_str).collect();
        let parked = self.phone.start_ping(600, &folders);
        let world = others.world;
        testkit::api::eventually("it waits or is answered", || async {
            parked.is_answered() || world.mail.stats().waiting == 1
        })
        .await;
        if !parked.is_answered() {
            others.deliver(random).await;
        }
        let pinged = self.phone.answered(parked).await;
        assert_eq!(pinged.status, 2);
        for folder in &pinged.folders {
            // The client itself fails where nothing is told.
            let told = self.phone.sync_one(Ask::of(folder)).await;
            assert_eq!(told.status, 1);
        }
    }

    async fn carry(&mut self, random: &mut Random) {
        let from = random.pick(&self.folders).clone();
        let to = random.pick(&self.folders).clone();
        let ids: Vec<String> = self.phone.held[&from].items.keys().cloned().collect();
        if ids.is_empty() || from == to {
            return;
        }
        let id = random.pick(&ids).clone();
        let moved = self.phone.move_items(&[(&id, &from, &to)]).await;
        assert!(matches!(moved[0].status, 1 | 3), "{moved:?}");
    }

    /// What it holds is what is there.
    async fn check(&mut self, others: &Others<'_>) {
        for (id, folder) in self.folders.clone().iter().zip(&others.folders) {
            self.phone.sync_all(id).await;
            let held = &self.phone.held[id];
            let row = |item: &String| {
                (held.field(item, push_mail::wbxml::tags::email::SUBJECT), held.is_read(item), held.is_flagged(item))
            };
            let mut holds: Vec<Row> = held.items.keys().map(row).collect();
            let mut there: Vec<Row> = others.items(*folder).await.into_iter().map(|(_, row)| row).collect();
            holds.sort();
            there.sort();
            assert_eq!(holds, there, "folder {id}");
        }
        assert_eq!(self.phone.restarts, 0);
    }
}

/// How many steps: enough to meet what is rare, or many more.
fn steps() -> usize {
    if std::env::var_os("PUSH_TEST_LONG").is_some() { 3000 } else { 150 }
}

async fn a_phone_that_loses_answers_holds_what_is_there(world: World) {
    let mut random = Random::new(11);
    let mut others = Others::new(&world).await;
    let mut hurried = Hurried::new(&others).await;
    for step in 0..steps() {
        if random.below(2) == 0 {
            others.act(&mut random).await;
        } else {
            hurried.act(&mut others, &mut random).await;
        }
        if step % 50 == 49 {
            hurried.check(&others).await;
        }
    }
    hurried.check(&others).await;
}

async fn two_phones_and_others_come_to_the_same(world: World) {
    let mut random = Random::new(23);
    let mut others = Others::new(&world).await;
    let mut phones = [Hurried::new(&others).await, Hurried::new(&others).await];
    for step in 0..steps() {
        match random.below(3) {
            0 => others.act(&mut random).await,
            phone => phones[usize::try_from(phone - 1).expect("small")].act(&mut others, &mut random).await,
        }
        if step % 50 == 49 {
            for phone in &mut phones {
                phone.check(&others).await;
            }
        }
    }
    for phone in &mut phones {
        phone.check(&others).await;
    }
}
