//! Receivers that mean no good, on real sockets, each in a manner of its own.

use std::time::Duration;

use anyhow::Result;
use restartix_kernel::{Clock, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What one of them does with whoever sends to it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// Never answers.
    Silence,
    /// A byte a second.
    Trickle,
    /// A body without an end.
    Flood,
    /// Ten KiB that would unpack to ten MiB.
    Bomb,
    /// A header of 64 KiB.
    LongHeader,
    /// Sends one to where a cloud keeps its credentials.
    Redirect,
    /// Answers half, then resets.
    Reset,
    /// Answers what is no HTTP.
    Babble,
}

pub(super) const ALL: [Manner; 8] = [
    Manner::Silence,
    Manner::Trickle,
    Manner::Flood,
    Manner::Bomb,
    Manner::LongHeader,
    Manner::Redirect,
    Manner::Reset,
    Manner::Babble,
];

/// Starts one; its URL.
pub(super) async fn start(manner: Manner) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // How it ends is the sender's business.
                let _ = behave(stream, manner).await;
            });
        }
    });
    Ok(url)
}

async fn behave(mut stream: TcpStream, manner: Manner) -> Result<()> {
    let mut request = vec![0; 4096];
    if stream.read(&mut request).await? == 0 {
        return Ok(());
    }
    let head = "HTTP/1.1 200 OK\r\n";
    match manner {
        Manner::Silence => std::future::pending().await,
        Manner::Trickle => loop {
            for byte in b"HTTP/1.1 200 OK\r\nx-slow: 1\r\n" {
                stream.write_all(&[*byte]).await?;
                SystemClock.sleep(Duration::from_secs(1)).await;
            }
        },
        Manner::Flood => {
            stream
                .write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes())
                .await?;
            let chunk = [b"4000\r\n".as_slice(), &[b'x'; 0x4000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        Manner::Bomb => {
            let head = format!("{head}content-encoding: gzip\r\ncontent-length: 10240\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]).await?;
            stream.write_all(&[0; 10_230]).await?;
            Ok(())
        }
        Manner::LongHeader => {
            let head = format!("{head}x-long: {}\r\n\r\n", "x".repeat(64 * 1024));
            Ok(stream.write_all(head.as_bytes()).await?)
        }
        Manner::Redirect => {
            let head = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data/\r\ncontent-length: 0\r\n\r\n";
            Ok(stream.write_all(head.as_bytes()).await?)
        }
        Manner::Reset => {
            stream.write_all(format!("{head}content-length: 900\r\n\r\nhalf").as_bytes()).await?;
            // Closed with bytes unread, a socket resets.
            Ok(())
        }
        Manner::Babble => Ok(stream.write_all(&[0xff; 2048]).await?),
    }
}
