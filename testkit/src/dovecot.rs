//! A real Dovecot in a folder of its own, on free ports, for as long as the test wants it.
//!
//! Started by root it delivers as `nobody`; started by anybody else it does all as that user. The packages of Debian are
//! `dovecot-core dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-auth-lua`.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::{Pid, Signal, geteuid, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::http::GUARD;

/// All users have it.
pub const PASSWORD: &str = "pass word\"\\";

/// What Dovecot 2.3.19 offers after login.
const CAPABILITY: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS \
    THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 \
    CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY \
    PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE";

/// How a Dovecot is to be.
#[derive(Clone, Debug, Default)]
pub struct DovecotConfig {
    hidden: Vec<String>,
    extra: String,
}

impl DovecotConfig {
    /// Dovecot's own ways.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Without telling of these capabilities.
    #[must_use]
    pub fn hide(mut self, capabilities: &[&str]) -> Self {
        self.hidden.extend(capabilities.iter().map(|&capability| capability.to_owned()));
        self
    }

    /// With these lines in its configuration; `{dir}` is its folder.
    #[must_use]
    pub fn extra(mut self, lines: &str) -> Self {
        self.extra.push_str(lines);
        self.extra.push('\n');
        self
    }

    fn text(&self, dir: &Path, ports: &Ports) -> String {
        let (user, mail_user, chroot) = match geteuid().is_root() {
            true => (String::new(), "nobody".to_owned(), String::new()),
            false => {
                let name = own_name();
                let own = format!("default_internal_user = {name}\ndefault_login_user = {name}\n");
                let group = format!("default_internal_group = {}\n", own_group());
                let chroot = ["imap-login", "pop3-login", "anvil", "stats"];
                let chroot: String = chroot.iter().map(|s| format!("service {s} {{\n  chroot =\n}}\n")).collect();
                (own + &group, name, chroot)
            }
        };
        let shown: Vec<_> = CAPABILITY.split(' ').filter(|word| !self.hidden.iter().any(|it| it == word)).collect();
        let capability = match self.hidden.is_empty() {
            true => String::new(),
            false => format!("protocol imap {{\n  imap_capability = {}\n}}\n", shown.join(" ")),
        };
        let Ports { imap, imaps, pop3, pop3s, lmtp } = ports;
        let passwords = dir.join("passwd");
        let extra = self.extra.replace("{dir}", &dir.display().to_string());
        let dir = dir.display();
        format!(
            "base_dir = {dir}/run\nstate_dir = {dir}/run\nlog_path = {dir}/log\nprotocols = imap pop3 lmtp\n\
             listen = 127.0.0.1\n{user}first_valid_uid = 1\nmail_location = maildir:{dir}/mail/%u\n\
             ssl = yes\nssl_cert = <{dir}/cert.pem\nssl_key = <{dir}/key.pem\nssl_dh =\n\
             disable_plaintext_auth = no\nauth_mechanisms = plain login\nmail_fsync = never\n\
             mail_max_userip_connections = 50\nauth_failure_delay = 0\nlogin_trusted_networks = 127.0.0.0/8\n\
             namespace inbox {{\n  inbox = yes\n  separator = /\n\
             \x20 mailbox Drafts {{\n    special_use = \\Drafts\n  }}\n\
             \x20 mailbox Gone {{\n    special_use = \\Trash\n  }}\n}}\n\
             passdb {{\n  driver = passwd-file\n  args = scheme=PLAIN username_format=all {passwords}\n}}\n\
             userdb {{\n  driver = static\n  args = uid={mail_user} gid={gid} home={dir}/home/%u\n}}\n\
             service imap-login {{\n  inet_listener imap {{\n    port = {imap}\n  }}\n  inet_listener imaps {{\n    port = {imaps}\n    ssl = yes\n  }}\n}}\n\
             service pop3-login {{\n  inet_listener pop3 {{\n    port = {pop3}\n  }}\n  inet_listener pop3s {{\n    port = {pop3s}\n    ssl = yes\n  }}\n}}\n\
             service lmtp {{\n  inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {lmtp}\n  }}\n}}\n{chroot}{capability}{extra}",
            gid = if geteuid().is_root() { "nogroup".to_owned() } else { own_group() },
            passwords = passwords.display(),
        )
    }
}

fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn own_name() -> String {
    output("id", &["-un"])
}

fn own_group() -> String {
    output("id", &["-gn"])
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    imap: u16,
    imaps: u16,
    pop3: u16,
    pop3s: u16,
    lmtp: u16,
}

impl Ports {
    fn free() -> Self {
        let listeners = [(); 5].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
        let [imap, imaps, pop3, pop3s, lmtp] = listeners.map(|it| it.local_addr().expect("bound").port());
        Self { imap, imaps, pop3, pop3s, lmtp }
    }
}

/// A running Dovecot. Ends with its value, and its mail with it.
#[derive(Debug)]
pub struct Dovecot {
    dir: TempDir,
    config: DovecotConfig,
    ports: Ports,
    master: Option<Child>,
}

impl Dovecot {
    /// Starts one.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn start(config: DovecotConfig) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        certify(dir.path());
        for folder in ["mail", "home", "rawlog"] {
            let path = dir.path().join(folder);
            fs::create_dir(&path)
                .and_then(|()| fs::set_permissions(&path, PermissionsExt::from_mode(0o777)))
                .expect("made");
        }
        fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).expect("readable for the deliverer");
        fs::write(dir.path().join("passwd"), format!("all:{PASSWORD}\n")).expect("written");
        let mut dovecot = Self { dir, config, ports: Ports::free(), master: None };
        // Somebody else may have taken a port in between.
        for _ in 0..5 {
            dovecot.ports = Ports::free();
            if dovecot.try_up().await {
                return dovecot;
            }
        }
        panic!("Dovecot does not come up: {}", dovecot.log());
    }

    async fn try_up(&mut self) -> bool {
        let path = self.conf();
        fs::write(&path, self.config.text(self.dir.path(), &self.ports)).expect("written");
        let mut command = Command::new("dovecot");
        command.arg("-F").arg("-c").arg(&path).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut master = command.spawn().expect("dovecot is installed");
        for _ in 0..200 {
            if matches!(master.try_wait(), Ok(Some(_))) {
                return false;
            }
            if self.greets().await {
                self.master = Some(master);
                return true;
            }
            sleep(Duration::from_millis(25)).await;
        }
        end(master);
        false
    }

    async fn greets(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.imap_addr()).await else { return false };
        let mut start = [0; 4];
        let read = timeout(Duration::from_secs(2), stream.read_exact(&mut start)).await;
        matches!(read, Ok(Ok(_))) && start == *b"* OK"
    }

    fn conf(&self) -> PathBuf {
        self.dir.path().join("dovecot.conf")
    }

    /// Ends it as an operator does; the mail stays.
    pub fn stop(&mut self) {
        if let Some(master) = self.master.take() {
            end(master);
        }
    }

    /// Ends all its processes at once, without a word to anybody.
    pub fn kill(&mut self) {
        if let Some(mut master) = self.master.take() {
            let _ = kill_process_group(pid(&master), Signal::KILL);
            let _ = master.wait();
        }
    }

    /// Starts it again where it was.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn restart(&mut self) {
        self.stop();
        for _ in 0..5 {
            if self.try_up().await {
                return;
            }
        }
        panic!("Dovecot does not come up again: {}", self.log());
    }

    /// Starts it again with another configuration.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn reconfigure(&mut self, config: DovecotConfig) {
        self.config = config;
        self.restart().await;
    }

    /// Where its IMAP is, which offers STARTTLS.
    pub fn imap_addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.imap).into()
    }

    /// Where its IMAP over TLS is.
    pub fn imaps_addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.imaps).into()
    }

    /// Where its POP3 is, which offers STLS.
    pub fn pop3_addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.pop3).into()
    }

    /// Where its POP3 over TLS is.
    pub fn pop3s_addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.pop3s).into()
    }

    /// Where its LMTP is.
    pub fn lmtp_addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.lmtp).into()
    }

    /// The certificate of who signed its certificate, for `localhost` and `127.0.0.1`.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Its folder, where a configuration may put more.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A user's Maildir.
    pub fn maildir(&self, user: &str) -> PathBuf {
        self.dir.path().join("mail").join(user)
    }

    /// All it logged.
    pub fn log(&self) -> String {
        fs::read(self.dir.path().join("log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Runs its tool, with `input`.
    ///
    /// # Panics
    /// If the tool fails.
    pub async fn doveadm(&self, args: &[&str], input: &[u8]) -> String {
        let mut command = tokio::process::Command::new("doveadm");
        command.arg("-c").arg(self.conf()).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("doveadm is installed");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input).await.expect("it reads");
        drop(stdin);
        let output = timeout(GUARD, child.wait_with_output()).await.expect("it ends").expect("it ran");
        assert!(output.status.success(), "doveadm {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Puts a message into a folder.
    pub async fn save(&self, user: &str, folder: &str, raw: &[u8]) {
        self.doveadm(&["save", "-u", user, "-m", folder], raw).await;
    }

    /// Delivers a message as a mail server does.
    ///
    /// # Panics
    /// If it is not accepted.
    pub async fn deliver(&self, user: &str, raw: &[u8]) {
        let mut stream = BufReader::new(TcpStream::connect(self.lmtp_addr()).await.expect("it listens"));
        expect(&mut stream, "220").await;
        let rcpt = format!("RCPT TO:<{user}>");
        for (line, code) in [("LHLO test", "250"), ("MAIL FROM:<>", "250"), (rcpt.as_str(), "250"), ("DATA", "354")] {
            stream.write_all(format!("{line}\r\n").as_bytes()).await.expect("it reads");
            expect(&mut stream, code).await;
        }
        // RFC 5321 §4.5.2
        let mut stuffed = Vec::with_capacity(raw.len());
        for line in raw.split_inclusive(|&byte| byte == b'\n') {
            stuffed.extend_from_slice(if line.starts_with(b".") { b"." } else { b"" });
            stuffed.extend_from_slice(line);
        }
        let end: &[u8] = if raw.ends_with(b"\r\n") { b".\r\n" } else { b"\r\n.\r\n" };
        stuffed.extend_from_slice(end);
        stream.write_all(&stuffed).await.expect("it reads");
        expect(&mut stream, "250").await;
    }

    /// Another IMAP client of a user, logged in.
    ///
    /// # Panics
    /// If that does not work.
    pub async fn client(&self, user: &str) -> RawImap {
        let stream = TcpStream::connect(self.imap_addr()).await.expect("it listens");
        let mut client = RawImap { stream: BufReader::new(stream), tags: 0 };
        client.line().await;
        let password = PASSWORD.replace('\\', "\\\\").replace('"', "\\\"");
        client.ok(&format!("LOGIN {user} \"{password}\"")).await;
        client
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.stop();
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// A kind word first; what has not gone after three seconds is killed.
fn end(mut master: Child) {
    let _ = kill_process(pid(&master), Signal::TERM);
    for _ in 0..300 {
        if matches!(master.try_wait(), Ok(Some(_))) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = kill_process_group(pid(&master), Signal::KILL);
    let _ = master.wait();
}

/// Reads an answer of LMTP to its last line.
async fn expect(stream: &mut BufReader<TcpStream>, code: &str) {
    loop {
        let mut line = String::new();
        let read = timeout(GUARD, stream.read_line(&mut line)).await;
        assert!(matches!(read, Ok(Ok(1..))) && line.starts_with(code), "{line:?} and not {code}");
        if line.as_bytes().get(3) != Some(&b'-') {
            return;
        }
    }
}

/// A certificate for loopback, and that of its signer.
fn certify(dir: &Path) {
    let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().expect("a key")).expect("signed");
    let key = KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let leaf = CertificateParams::new(names).and_then(|leaf| leaf.signed_by(&key, &ca)).expect("signed");
    for (name, text) in [("ca.pem", ca.pem()), ("cert.pem", leaf.pem()), ("key.pem", key.serialize_pem())] {
        fs::write(dir.join(name), text).expect("written");
    }
}

/// An IMAP client that shows the lines.
#[derive(Debug)]
pub struct RawImap {
    stream: BufReader<TcpStream>,
    tags: u32,
}

impl RawImap {
    async fn line(&mut self) -> String {
        let mut line = Vec::new();
        let read = timeout(GUARD, self.stream.read_until(b'\n', &mut line)).await;
        assert!(matches!(read, Ok(Ok(1..))), "the server ended the connection");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Sends a command, and returns all lines to its end.
    ///
    /// # Panics
    /// If the connection ends.
    pub async fn command(&mut self, command: &str) -> Vec<String> {
        self.tags += 1;
        let tag = format!("T{} ", self.tags);
        self.stream.write_all(format!("{tag}{command}\r\n").as_bytes()).await.expect("it reads");
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            let is_last = line.starts_with(&tag);
            lines.push(line);
            if is_last {
                return lines;
            }
        }
    }

    /// Sends a command that must succeed.
    ///
    /// # Panics
    /// If it does not.
    pub async fn ok(&mut self, command: &str) -> Vec<String> {
        let lines = self.command(command).await;
        let last = lines.last().expect("a last line");
        assert!(last.contains(" OK "), "{command}: {last}");
        lines
    }

    /// Puts a message into a folder.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn append(&mut self, folder: &str, raw: &str) {
        self.ok(&format!("APPEND \"{folder}\" {{{}+}}\r\n{raw}", raw.len())).await;
    }

    /// All that the server still says until it ends the connection.
    pub async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        let _ = timeout(GUARD, self.stream.read_to_end(&mut rest)).await;
        String::from_utf8_lossy(&rest).into_owned()
    }
}
