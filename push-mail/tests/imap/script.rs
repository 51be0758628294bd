//! A server that says what it is told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use testkit::GUARD;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The client says something that begins so, behind its tag; the server answers, `{tag}` being the tag.
    On(&'static str, &'static str),
    /// The client says this line, without a tag.
    Line(&'static str, &'static str),
    /// The server says something of itself.
    Say(&'static str),
    /// The server says so many bytes of this.
    Flood(u8, usize),
    /// The server closes the connection for itself and goes on listening.
    HalfClose,
}

/// A list of folders with the inbox alone, and what it holds.
pub(crate) const INBOX: &str = "* LIST () \"/\" INBOX\r\n\
    * STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7 UNSEEN 0 HIGHESTMODSEQ 5)\r\n{tag} OK listed\r\n";

/// The inbox with one message, as a server without any extension opens it.
pub(crate) const ONE: &str =
    "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 2] x\r\n{tag} OK [READ-ONLY] open\r\n";

/// Greeting and login of a server that can do this.
pub(crate) fn login(greeting: &'static str) -> Vec<Step> {
    vec![Step::Say(greeting), Step::On("LOGIN \"alice\" \"secret\"", "{tag} OK in\r\n")]
}

/// A server whose connections follow scripts, each the next; then it holds them until the client goes. Connections
/// beyond are closed at once.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("bound");
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let task = tokio::spawn(async move {
            let mut open = Vec::new();
            for script in scripts {
                let (stream, _) = listener.accept().await.expect("it connects");
                open.push(tokio::spawn(follow(stream, script, Arc::clone(&heard))));
            }
            drop(listener);
            for connection in open {
                connection.await.expect("the client followed the script");
            }
        });
        Self { addr, said, task }
    }

    /// All that clients said.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().expect("no panic").clone()
    }

    /// Waits until all connections are ended by the client.
    pub(crate) async fn end(self) {
        timeout(GUARD, self.task).await.expect("it ends").expect("the client followed the script");
    }
}

async fn follow(stream: TcpStream, script: Vec<Step>, said: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    for step in script {
        match step {
            Step::On(wanted, answer) => {
                let line = line(&mut stream, &said).await;
                let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
                assert!(command.starts_with(wanted), "{line:?} and not {wanted:?}");
                say(&mut stream, answer.replace("{tag}", tag).as_bytes()).await;
            }
            Step::Line(wanted, answer) => {
                let line = line(&mut stream, &said).await;
                assert_eq!(line, wanted);
                let answer = match answer.contains("{tag}") {
                    true => answer.replace("{tag}", &tag_of(&said)),
                    false => answer.to_owned(),
                };
                say(&mut stream, answer.as_bytes()).await;
            }
            Step::Say(text) => say(&mut stream, text.as_bytes()).await,
            Step::Flood(byte, count) => say(&mut stream, &vec![byte; count]).await,
            Step::HalfClose => {
                let _ = stream.shutdown().await;
            }
        }
    }
    // Until the client has enough; what it still says is of no matter.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

/// The client may have gone already: that is what some scripts are for.
async fn say(stream: &mut BufReader<TcpStream>, bytes: &[u8]) {
    let _ = stream.write_all(bytes).await;
}

async fn line(stream: &mut BufReader<TcpStream>, said: &Mutex<Vec<String>>) -> String {
    let mut line = String::new();
    let read = timeout(GUARD, stream.read_line(&mut line)).await;
    read.expect("the client says something").expect("text");
    let line = line.trim_end().to_owned();
    said.lock().expect("no panic").push(line.clone());
    line
}

/// The tag of the last command.
fn tag_of(said: &Mutex<Vec<String>>) -> String {
    let said = said.lock().expect("no panic");
    let tagged = |line: &&String| line.starts_with('A') && line.contains(' ');
    let last = said.iter().rfind(tagged).expect("a command");
    last.split(' ').next().expect("a tag").to_owned()
}
