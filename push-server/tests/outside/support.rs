//! Starting the binary.

use testkit::{PushServer, process::Launch};

/// The binary under test, with nothing configured.
pub(crate) fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_push-server"))
}

/// A server where anyone may do anything.
pub(crate) async fn open_server() -> PushServer {
    launch().start().await
}

/// A server with three users: alice in `chat/**`, bob who reads `news`, and root who may do all.
pub(crate) async fn guarded_server() -> PushServer {
    launch().config(TOKENS).start().await
}

pub(crate) const TOKENS: &str = r#"
[[namespace]]
pattern = "chat/**"
presence = true

[[token]]
secret = "alice-secret"
user = "alice"
subscribe = ["chat/**"]
publish = ["chat/**"]
history = ["chat/history"]
presence = ["chat/**"]

[[token]]
secret = "bob-secret"
user = "bob"
subscribe = ["news"]

[[token]]
secret = "root-secret"
user = "root"
subscribe = ["**"]
publish = ["**"]
presence = ["**"]
admin = true
"#;

pub(crate) const ALICE: Option<&str> = Some("alice-secret");
pub(crate) const BOB: Option<&str> = Some("bob-secret");
pub(crate) const ROOT: Option<&str> = Some("root-secret");
