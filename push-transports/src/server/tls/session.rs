//! One TLS connection without its socket: ciphertext in and out, and what was said in the clear.
//!
//! rustls is used without its buffers: what is kept of a connection that says nothing are its keys. A record that has come
//! in part, and ciphertext that the socket did not take, are kept for as long as that is so.

use std::fmt;
use std::io;
use std::mem;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic};

/// Most that is enciphered as one record, RFC 8446 §5.1.
pub(in crate::server) const RECORD: usize = 16 * 1024;

/// What a record has beside its content: header, nonce or type, tag. A little more, so that it is enough at the first try.
const AROUND: usize = 64;

/// Ciphertext that may wait for the rest of its record, or of its handshake message, which rustls takes up to 64 KiB.
const INCOMING: usize = 96 * 1024;

/// What is kept of a connection's TLS.
pub(in crate::server) struct Session {
    connection: UnbufferedServerConnection,
    /// Ciphertext that is no whole record yet.
    incoming: Vec<u8>,
    /// Ciphertext that the socket did not take.
    outgoing: Vec<u8>,
    /// Deciphered, and not read.
    clear: Vec<u8>,
    /// The client has said that it says no more.
    has_ended: bool,
    /// We have.
    is_closed: bool,
    /// It has said nothing but the handshake.
    is_fresh: bool,
}

// Density: with what rustls boxes, this is what an idle connection keeps.
const _: () = assert!(size_of::<Session>() <= 1280);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("incoming", &self.incoming.len()).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(config: Arc<ServerConfig>) -> io::Result<Self> {
        let connection = UnbufferedServerConnection::new(config).map_err(broken)?;
        let (incoming, outgoing, clear) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { connection, incoming, outgoing, clear, has_ended: false, is_closed: false, is_fresh: true })
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether nothing was read but the handshake.
    #[cfg(target_os = "linux")]
    pub(in crate::server) fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Whether the client will say no more.
    pub(in crate::server) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether ciphertext waits for room in the socket.
    pub(in crate::server) fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// What the client has said and nobody has read.
    pub(in crate::server) fn clear(&self) -> &[u8] {
        &self.clear
    }

    /// So many bytes of [`Session::clear`] were read.
    pub(in crate::server) fn has_read(&mut self, bytes: usize) {
        self.is_fresh &= bytes == 0;
        if bytes == self.clear.len() {
            self.clear = Vec::new();
        } else {
            self.clear.drain(..bytes);
        }
    }

    /// Ciphertext for the socket.
    pub(in crate::server) fn outgoing(&self) -> &[u8] {
        &self.outgoing
    }

    /// The socket took so many bytes of [`Session::outgoing`].
    pub(in crate::server) fn has_sent(&mut self, bytes: usize) {
        if bytes == self.outgoing.len() {
            self.outgoing = Vec::new();
        } else {
            self.outgoing.drain(..bytes);
        }
    }

    /// Deciphers what came. An error ends the connection; what is to be said of it is in [`Session::outgoing`].
    pub(in crate::server) fn take_in(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        if self.has_ended {
            return Ok(());
        }
        if self.incoming.is_empty() {
            let used = self.decipher(bytes)?;
            self.incoming = bytes[used..].to_vec();
            return Ok(());
        }
        let mut all = mem::take(&mut self.incoming);
        if all.len() + bytes.len() > INCOMING {
            return Err(io::ErrorKind::InvalidData.into());
        }
        all.extend_from_slice(bytes);
        let used = self.decipher(&mut all)?;
        self.keep(all, used);
        Ok(())
    }

    fn keep(&mut self, mut incoming: Vec<u8>, used: usize) {
        if used < incoming.len() {
            incoming.drain(..used);
            self.incoming = incoming;
        }
    }

    /// Takes all that can be taken of `bytes`; returns how much that was.
    fn decipher(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut used = 0;
        loop {
            let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(&mut bytes[used..]);
            let is_all = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(broken)?;
                        discard += record.discard;
                        self.clear.extend_from_slice(record.payload);
                    }
                    false
                }
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, &mut self.outgoing).map(|()| false)?,
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    false
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.has_ended = true;
                    false
                }
                Ok(_) => true,
                Err(error) => {
                    self.alert();
                    return Err(broken(error));
                }
            };
            used += discard;
            if is_all {
                return Ok(used);
            }
        }
    }

    /// Takes over what rustls has to say of an offence, behind what it had to say before.
    fn alert(&mut self) {
        while self.connection.wants_write() {
            // What is to be said comes before what is to be read.
            let state = self.connection.process_tls_records(&mut []).state;
            let Ok(ConnectionState::EncodeTlsData(data)) = state else { return };
            if encode(data, &mut self.outgoing).is_err() {
                return; // a courtesy only
            }
        }
    }

    /// Enciphers `clear`, at most a [`RECORD`], behind what is outgoing.
    pub(in crate::server) fn encipher(&mut self, clear: &[u8]) -> io::Result<()> {
        self.write(|traffic, outgoing| append(outgoing, clear.len() + AROUND, |room| traffic.encrypt(clear, room)))
    }

    /// Says that nothing more follows.
    pub(in crate::server) fn close(&mut self) -> io::Result<()> {
        if mem::replace(&mut self.is_closed, true) {
            return Ok(());
        }
        self.write(|traffic, outgoing| append(outgoing, AROUND, |room| traffic.queue_close_notify(room)))
    }

    fn write(
        &mut self,
        mut write: impl FnMut(&mut WriteTraffic<'_, rustls::server::ServerConnectionData>, &mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut incoming = mem::take(&mut self.incoming);
        let mut used = 0;
        let written = loop {
            // All that came is deciphered: it has what is owed beside the traffic, and then the traffic itself.
            let UnbufferedStatus { discard, state } = self.connection.process_tls_records(&mut incoming[used..]);
            let written = match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => Some(write(&mut traffic, &mut self.outgoing)),
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, &mut self.outgoing).err().map(Err),
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    None
                }
                Ok(_) => Some(Err(io::ErrorKind::NotConnected.into())),
                Err(error) => Some(Err(broken(error))),
            };
            used += discard;
            if let Some(written) = written {
                break written;
            }
        };
        self.keep(incoming, used);
        written
    }
}

/// Appends what `write` writes into the room that it is given.
fn append(
    outgoing: &mut Vec<u8>,
    room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncryptError>,
) -> io::Result<()> {
    let before = outgoing.len();
    let mut room = room;
    loop {
        outgoing.resize(before + room, 0);
        match write(&mut outgoing[before..]) {
            Ok(written) => {
                outgoing.truncate(before + written);
                return Ok(());
            }
            Err(EncryptError::InsufficientSize(size)) if size.required_size > room => room = size.required_size,
            Err(error) => {
                outgoing.truncate(before);
                return Err(io::Error::other(error));
            }
        }
    }
}

/// Appends a message of the handshake.
fn encode<Data>(mut data: EncodeTlsData<'_, Data>, outgoing: &mut Vec<u8>) -> io::Result<()> {
    let before = outgoing.len();
    let required = match data.encode(&mut []) {
        Err(EncodeError::InsufficientSize(size)) => size.required_size,
        Ok(_) => return Ok(()),
        Err(error) => return Err(io::Error::other(error)),
    };
    outgoing.resize(before + required, 0);
    let written = data.encode(&mut outgoing[before..]).map_err(io::Error::other)?;
    outgoing.truncate(before + written);
    Ok(())
}

fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
