use std::io;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use crate::Parts;

/// The parts of a body, and an error where they are more or less than `size` bytes. A part is held back
/// until the next one or the end has come: what is sent to its announced length is a whole object to a
/// store, and must not be one whose source went on.
pub fn exactly(parts: Parts, size: u64) -> Parts {
    Box::pin(stream::unfold(Some((parts, size, None::<Bytes>)), async |state| {
        let (mut parts, mut left, mut held) = state?;
        loop {
            match parts.next().await {
                None if left == 0 => return held.map(|part| (Ok(part), None)),
                None => return Some((Err(io::ErrorKind::UnexpectedEof.into()), None)),
                Some(Err(error)) => return Some((Err(error), None)),
                Some(Ok(part)) => {
                    let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
                    let Some(less) = left.checked_sub(length) else {
                        return Some((Err(io::Error::other("the body is too long")), None));
                    };
                    left = less;
                    if let Some(ready) = held.replace(part) {
                        return Some((Ok(ready), Some((parts, left, held))));
                    }
                }
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(parts: &[&'static [u8]], size: u64) -> Result<Vec<u8>, io::Error> {
        let parts: Vec<_> = parts.iter().map(|part| Ok(Bytes::from_static(part))).collect();
        let read: Vec<_> = exactly(Box::pin(stream::iter(parts)), size).collect().await;
        read.into_iter().collect::<Result<Vec<_>, _>>().map(|parts| parts.concat())
    }

    #[tokio::test]
    async fn a_body_is_as_long_as_was_said() {
        assert_eq!(read(&[b"ab", b"", b"c"], 3).await.unwrap(), b"abc");
        assert_eq!(read(&[], 0).await.unwrap(), b"");
        assert!(read(&[b"a"], 0).await.is_err());
        assert_eq!(read(&[b"ab"], 3).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(read(&[b"ab", b"cd"], 3).await.is_err());
    }
}
