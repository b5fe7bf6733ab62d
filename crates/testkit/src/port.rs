use anyhow::{Context, Result};

/// A port of the loopback interface that nobody listened on a moment ago.
pub fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("bind to loopback")?;
    Ok(listener.local_addr().context("read the port")?.port())
}
