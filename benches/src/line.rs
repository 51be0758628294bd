//! A client's connection, plain or over TLS.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::Result;
use crate::poller::{Read, connect_from, read, reset, send_all};

/// Where clients connect to, and whom they believe there.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) addr: SocketAddrV4,
    /// The address that they connect from, if it is to be a certain one, or the first of several: each has ports of its own.
    source: Option<Ipv4Addr>,
    tls: Option<Arc<ClientConfig>>,
}

/// Connections from one address: the kernel looks for a free port longer and longer, the fewer are left.
const SOURCE_MOST: usize = 2000;

impl Target {
    pub(crate) fn plain(addr: SocketAddrV4) -> Self {
        Self { addr, source: None, tls: None }
    }

    /// A server that shows the certificate in `pem`, or one that this has signed.
    pub(crate) fn tls(addr: SocketAddrV4, pem: &[u8]) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem)?)?;
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        // Each is another phone: none knows of the others' sessions.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self { addr, source: None, tls: Some(Arc::new(config)) })
    }
}

impl Target {
    /// Whether what is said there is enciphered.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The same, reached from `source` and those that follow.
    pub(crate) fn from(self, source: Option<Ipv4Addr>) -> Self {
        Self { source, ..self }
    }

    /// The address that the connection of that number is to come from.
    fn source_of(&self, number: usize) -> Option<Ipv4Addr> {
        let step = u32::try_from(number / SOURCE_MOST).unwrap_or_default();
        self.source.map(|first| Ipv4Addr::from(u32::from(first).wrapping_add(step)))
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Line {
    socket: OwnedFd,
    tls: Option<Box<ClientConnection>>,
}

impl Line {
    /// Connects, and greets where that is needed.
    pub(crate) fn open(target: &Target) -> Result<Self> {
        Self::open_nth(target, 0)
    }

    /// The same as the one of that number.
    pub(crate) fn open_nth(target: &Target, number: usize) -> Result<Self> {
        let socket = connect_from(target.source_of(number), target.addr)?;
        let Some(config) = &target.tls else { return Ok(Self { socket, tls: None }) };
        let mut tls = Box::new(ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost")?)?);
        let mut stream = TcpStream::from(socket);
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        Ok(Self { socket: stream.into(), tls: Some(tls) })
    }

    /// Sends all of it. False if the connection is broken.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        let Some(tls) = &mut self.tls else { return send_all(&self.socket, bytes) };
        let mut sealed = Vec::new();
        let is_sealed = tls.writer().write_all(bytes).is_ok();
        is_sealed && flush(tls, &mut sealed) && send_all(&self.socket, &sealed)
    }

    /// Reads what is there: the bytes are a part of `scratch` or, where they were sealed, `opened`.
    pub(crate) fn take<'a>(&mut self, scratch: &'a mut [u8], opened: &'a mut Vec<u8>) -> (Read, &'a [u8]) {
        if self.tls.is_none() {
            let got = read(&self.socket, scratch);
            let Read::Bytes(count) = got else { return (got, &[]) };
            return (got, &scratch[..count]);
        }
        opened.clear();
        (self.read(scratch, opened), opened)
    }

    /// Appends what is there to `into`.
    pub(crate) fn read(&mut self, scratch: &mut [u8], into: &mut Vec<u8>) -> Read {
        let got = read(&self.socket, scratch);
        let Read::Bytes(count) = got else { return got };
        let Some(tls) = &mut self.tls else {
            into.extend_from_slice(&scratch[..count]);
            return got;
        };
        let mut sealed = &scratch[..count];
        while !sealed.is_empty() {
            if tls.read_tls(&mut sealed).is_err() {
                return Read::End;
            }
            let Ok(state) = tls.process_new_packets() else { return Read::End };
            let begin = into.len();
            into.resize(begin + state.plaintext_bytes_to_read(), 0);
            if tls.reader().read_exact(&mut into[begin..]).is_err() {
                return Read::End;
            }
        }
        got
    }

    pub(crate) fn reset(self) -> Result<()> {
        reset(self.socket)
    }
}

/// All that is to be sent.
fn flush(tls: &mut ClientConnection, into: &mut Vec<u8>) -> bool {
    while tls.wants_write() {
        if tls.write_tls(into).is_err() {
            return false;
        }
    }
    true
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_connections_come_from_several_addresses() {
        let addr = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
        let target = Target::plain(addr).from(Some(Ipv4Addr::new(127, 1, 3, 1)));
        assert_eq!(target.source_of(SOURCE_MOST - 1), Some(Ipv4Addr::new(127, 1, 3, 1)));
        assert_eq!(target.source_of(17_999), Some(Ipv4Addr::new(127, 1, 3, 9)));
        assert_eq!(Target::plain(addr).source_of(17_999), None);
    }
}
