//! Exchange ActiveSync over HTTP: paths, queries, logins, versions, the policy, settings; one trap a test.

mod autodiscover;
mod http;
mod login;
mod provision;
mod servers;
mod settings;
mod world;
