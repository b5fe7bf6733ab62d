//! Connections to judged addresses: the port [`Dial`].

use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;
use tokio::net::TcpStream;

use crate::Admitted;

/// How connections are opened. It can be asked for nothing but an address that was judged. A port
/// of this crate alone, so that a test can see what was dialled, and have a public address
/// answered on loopback.
#[async_trait]
pub trait Dial: Send + Sync {
    /// A connection to `address`, and to no other.
    ///
    /// # Errors
    /// As the operating system has it.
    async fn dial(&self, address: Admitted, port: u16) -> io::Result<TcpStream>;
}

/// The operating system's TCP, without any proxy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

#[async_trait]
impl Dial for Tcp {
    async fn dial(&self, address: Admitted, port: u16) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(SocketAddr::new(address.get(), port)).await?;
        // One small request at a time: nothing to wait for.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
