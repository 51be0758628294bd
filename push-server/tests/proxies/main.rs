//! Pings behind real proxies, with the configurations of `docs/mail.md`. They need nginx and haproxy, which `./test`
//! installs; `./test --quick` leaves them out.

mod haproxy;
mod nginx;
mod world;
