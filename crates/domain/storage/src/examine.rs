use sha2::Digest as _;

use crate::shape::{Fit, Shape};
use crate::{Announced, ContentType, Sha256, words::Refusal};

/// One pass over the bytes of a file: how many there are, their hash, and what they look like.
/// Holds the beginning and the end alone.
pub struct Examination {
    announced: (u64, Sha256),
    size: u64,
    hash: sha2::Sha256,
    shape: Shape,
}

impl Examination {
    /// An examination of what was announced so, as a file of this type.
    pub fn new(content_type: ContentType, announced: &Announced) -> Self {
        Self {
            announced: (announced.size, announced.sha256),
            size: 0,
            hash: sha2::Sha256::new(),
            shape: Shape::new(content_type),
        }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.size = self.size.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.hash.update(bytes);
        self.shape.feed(bytes);
    }

    /// Why the file is refused, after the last byte; `None`: it is what was announced.
    pub fn finish(self) -> Option<Refusal> {
        let (size, sha256) = self.announced;
        if self.size != size {
            return Some(Refusal::SizeMismatch);
        }
        if Sha256::from_bytes(self.hash.finalize().into()) != sha256 {
            return Some(Refusal::ChecksumMismatch);
        }
        match self.shape.fit() {
            Fit::Whole => None,
            Fit::Truncated => Some(Refusal::Truncated),
            Fit::Other => Some(Refusal::TypeMismatch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(content_type: ContentType, announced: &[u8], came: &[u8]) -> Option<Refusal> {
        let terms = Announced {
            content_type: content_type.as_str().to_owned(),
            size: u64::try_from(announced.len()).unwrap(),
            sha256: Sha256::from_bytes(sha2::Sha256::digest(announced).into()),
        };
        let mut examination = Examination::new(content_type, &terms);
        came.chunks(3).for_each(|part| examination.feed(part));
        examination.finish()
    }

    #[test]
    fn a_file_is_what_was_announced_or_is_refused_by_the_first_thing_that_differs() {
        use ContentType::{Jpeg, Odt, Pdf, Png, Txt};
        let same = |kind, bytes: &[u8]| told(kind, bytes, bytes);
        assert_eq!(same(Pdf, b"%PDF-1.7 and so on %%EOF"), None);
        assert_eq!(same(Txt, "ce mai faceți? \u{1f600}\n".as_bytes()), None);
        assert_eq!(same(Pdf, b"%PDF-1.7 and so"), Some(Refusal::Truncated));
        assert_eq!(told(Pdf, b"%PDF-1.7", b"%PDF-1.7 "), Some(Refusal::SizeMismatch));
        assert_eq!(told(Pdf, b"%PDF-1.7", b"%PDF-1.6"), Some(Refusal::ChecksumMismatch));
        for (kind, bytes) in [
            (Pdf, &b"<html><script>"[..]),
            (Png, b"%PDF-1.7"),
            (Jpeg, b""),
            (Odt, b"PK\x03\x04 any archive"),
            (Txt, b"MZ\x90\x00"),
            (Txt, b"cut off: \xe2\x82"),
        ] {
            assert_eq!(same(kind, bytes), Some(Refusal::TypeMismatch), "{kind} {bytes:?}");
        }
    }
}
