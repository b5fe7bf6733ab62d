//! A server before a stand-in, for `--prove`: it passes GETs on and changes what comes back.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use anyhow::{Context, Result};

use super::client::{Request, send};

/// What it makes of the text of an answer.
pub(crate) type Change = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Starts it, and answers its address. It ends with the process.
pub(crate) fn start(base: &str, change: Change) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("listen")?;
    let address = format!("http://{}", listener.local_addr()?);
    let base = base.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever hangs up learns nothing; the probe says what it missed.
            let _ = serve(&base, &change, stream);
        }
    });
    Ok(address)
}

fn serve(base: &str, change: &Change, mut stream: TcpStream) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let answer = got(base, &path)?;
    let text = change(&answer);
    write!(
        stream,
        "HTTP/1.1 200 -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    )?;
    Ok(())
}

/// What `base` answers to a GET without a token.
pub(crate) fn got(base: &str, path: &str) -> Result<String> {
    let request = Request { method: "GET".into(), path: path.to_owned(), ..Request::default() };
    let answer = send(base, None, &request)?;
    anyhow::ensure!(answer.status == 200, "{base}{path}: {} {}", answer.status, answer.text);
    Ok(answer.text)
}
