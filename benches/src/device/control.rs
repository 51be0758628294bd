//! What a bench asks of the server beside the devices, one thing after another.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddrV4, TcpStream};

use crate::Result;
use crate::client::http::{self, Body};
use crate::line::Target;

/// A connection for it.
pub(crate) struct Control {
    stream: TcpStream,
    host: String,
    read: Vec<u8>,
}

impl Control {
    pub(crate) fn new(target: SocketAddrV4) -> Result<Self> {
        let stream = TcpStream::connect(target)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host: target.to_string(), read: Vec::new() })
    }

    /// How many pings wait.
    pub(crate) fn waiting(&mut self) -> Result<usize> {
        Ok(self.ask("GET", "/mailbox")?.parse()?)
    }

    /// Where devices connect to: over TLS, if the server speaks it.
    pub(crate) fn target(&mut self) -> Result<Target> {
        let plain = self.host.parse()?;
        let told = self.ask("GET", "/mailbox/tls")?;
        match told.split_once('\n') {
            Some((addr, pem)) => Target::tls(addr.parse()?, pem.as_bytes()),
            None => Ok(Target::plain(plain)),
        }
    }

    /// Bytes that the server has allocated, if it counts.
    pub(crate) fn heap_bytes(&mut self) -> Result<u64> {
        Ok(self.ask("GET", "/mailbox/heap")?.parse()?)
    }

    /// What the hub tells of itself.
    pub(crate) fn stats(&mut self) -> Result<serde_json::Value> {
        Ok(serde_json::from_str(&self.ask("GET", "/push/stats")?)?)
    }

    /// Asks for a message more, without waiting for it: the answer is taken with [`Control::answer`].
    pub(crate) fn tell_deliver(&mut self, account: usize, folder: u32) -> Result<()> {
        self.tell("POST", &format!("/mailbox/{account}/{folder}"))
    }

    fn ask(&mut self, method: &str, path: &str) -> Result<String> {
        self.tell(method, path)?;
        self.answer()
    }

    fn tell(&mut self, method: &str, path: &str) -> Result<()> {
        let host = &self.host;
        let request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n");
        Ok(self.stream.write_all(request.as_bytes())?)
    }

    pub(crate) fn answer(&mut self) -> Result<String> {
        let mut scratch = [0; 4096];
        loop {
            if let Some(head) = http::head(&self.read).map_err(|_| "an answer is not HTTP")? {
                let Body::Length(len) = head.body else { return Err("an answer without a length".into()) };
                let end = head.len + len;
                if self.read.len() >= end {
                    let body = String::from_utf8_lossy(&self.read[head.len..end]).into_owned();
                    self.read.drain(..end);
                    let is_right = matches!(head.status, 200 | 204);
                    return if is_right { Ok(body) } else { Err(format!("{}: {body}", head.status).into()) };
                }
            }
            match self.stream.read(&mut scratch)? {
                0 => return Err("the server closed the connection".into()),
                n => self.read.extend_from_slice(&scratch[..n]),
            }
        }
    }
}
