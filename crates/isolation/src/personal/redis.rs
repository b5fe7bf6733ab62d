//! Everything that stands in Redis, in its own protocol.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail};

struct Redis(BufReader<TcpStream>);

impl Redis {
    /// Sends a command and answers every text in the answer.
    fn ask(&mut self, words: &[&[u8]]) -> Result<Vec<Vec<u8>>> {
        let mut command = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            command.extend(format!("${}\r\n", word.len()).into_bytes());
            command.extend_from_slice(word);
            command.extend_from_slice(b"\r\n");
        }
        self.0.get_mut().write_all(&command)?;
        let mut texts = Vec::new();
        self.read(&mut texts)?;
        Ok(texts)
    }

    fn read(&mut self, into: &mut Vec<Vec<u8>>) -> Result<()> {
        let mut waiting = 1_i64;
        while waiting > 0 {
            waiting -= 1;
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            let line = line.trim_end();
            let rest = line.get(1..).context("Redis hung up")?;
            match line.as_bytes().first() {
                Some(b'*') => waiting += rest.parse::<i64>()?.max(0),
                Some(b'$') if !rest.starts_with('-') => {
                    let mut text = vec![0; rest.parse::<usize>()?];
                    self.0.read_exact(&mut text)?;
                    let mut end = [0; 2];
                    self.0.read_exact(&mut end)?;
                    into.push(text);
                }
                Some(b'+' | b':') => into.push(rest.as_bytes().to_vec()),
                Some(b'$') => {}
                _ => bail!("Redis: {line}"),
            }
        }
        Ok(())
    }
}

/// Every key and every value, one to a line.
pub(super) fn everything(url: &str) -> Result<String> {
    let address = url.trim_start_matches("redis://").split('/').next().unwrap_or_default();
    let mut redis = Redis(BufReader::new(TcpStream::connect(address).context("Redis")?));
    let mut lines = Vec::new();
    for key in redis.ask(&[b"KEYS", b"*"])? {
        let kind = redis.ask(&[b"TYPE", &key])?.concat();
        let values = match kind.as_slice() {
            b"string" => redis.ask(&[b"GET", &key])?,
            b"hash" => redis.ask(&[b"HGETALL", &key])?,
            b"list" => redis.ask(&[b"LRANGE", &key, b"0", b"-1"])?,
            b"set" => redis.ask(&[b"SMEMBERS", &key])?,
            b"zset" => redis.ask(&[b"ZRANGE", &key, b"0", b"-1"])?,
            b"stream" => redis.ask(&[b"XRANGE", &key, b"-", b"+"])?,
            // It ran out between the two.
            b"none" => Vec::new(),
            other => bail!("nobody knows how to read a {}", String::from_utf8_lossy(other)),
        };
        lines.push(key);
        lines.extend(values);
    }
    Ok(String::from_utf8_lossy(&lines.join(&b'\n')).into_owned())
}
