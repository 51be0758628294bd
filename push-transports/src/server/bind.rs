//! Making a listening socket.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::config::SEND_BUFFER;

/// Connections the kernel may hold for us between two accepts.
///
/// Why so many: thousands of subscribers come back within a second after a restart. The kernel lowers it to its own bound
/// (`net.core.somaxconn`, 4096 on Linux).
const BACKLOG: i32 = 4096;

/// Opens a listening socket that suits [`serve`](super::serve).
///
/// `addr` is IPv4 or IPv6; port 0 takes a free port, which `local_addr` then tells. `[::]` listens on IPv4 as well where that
/// is the system's default. It has `SO_REUSEADDR`, so that a restart need not wait for old connections, a backlog of 4096,
/// and a send buffer of 64 KiB for each connection to come.
///
/// # Errors
///
/// What the system says: the address is in use, not of this machine, or not allowed; or descriptors have run out.
///
/// # Panics
///
/// Outside of a tokio runtime with I/O enabled.
pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // Windows lets a second process take over a port with this option; only Unix means "in spite of TIME_WAIT" by it.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;

    #[tokio::test]
    async fn a_bound_socket_listens_on_the_port_it_got_with_the_send_buffer_it_was_given() {
        for addr in ["127.0.0.1:0", "[::1]:0"] {
            let listener = bind(addr.parse().expect("a literal address")).expect("loopback can be bound");
            assert_ne!(listener.local_addr().expect("it is bound").port(), 0);
            let size = SockRef::from(&listener).send_buffer_size().expect("a socket has one");
            assert!((SEND_BUFFER..=2 * SEND_BUFFER).contains(&size), "{size}");
        }
    }

    #[tokio::test]
    async fn an_address_in_use_is_an_error() {
        let first = bind("127.0.0.1:0".parse().expect("a literal address")).expect("loopback can be bound");
        let again = bind(first.local_addr().expect("it is bound"));
        assert_eq!(again.map(drop).map_err(|e| e.kind()), Err(io::ErrorKind::AddrInUse));
    }
}
