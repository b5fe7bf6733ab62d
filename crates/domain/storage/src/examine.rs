use sha2::Digest as _;

use crate::{Announced, ContentType, Sha256, words::Refusal};

/// One pass over the bytes of a file: how many there are, their hash, and what they look like.
/// Holds the beginning alone.
pub struct Examination {
    content_type: ContentType,
    announced: (u64, Sha256),
    size: u64,
    hash: sha2::Sha256,
    head: Vec<u8>,
    text: Text,
}

/// How much of the beginning is held: enough for the first entries of an archive.
const HEAD: usize = 8192;

/// Whether what came is UTF-8 without control characters that no text has.
#[derive(Default)]
struct Text {
    /// A character whose end has not come yet: 3 bytes at most.
    open: Vec<u8>,
    broken: bool,
}

impl Text {
    fn feed(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        let mut all = std::mem::take(&mut self.open);
        all.extend_from_slice(bytes);
        match std::str::from_utf8(&all) {
            Ok(_) => {}
            Err(error) if error.error_len().is_none() => {
                self.open = all.split_off(error.valid_up_to());
            }
            Err(_) => self.broken = true,
        }
        self.broken |= all.iter().any(|b| *b < 0x20 && !b"\t\n\r\x0c".contains(b));
    }

    fn is_text(&self) -> bool {
        !self.broken && self.open.is_empty()
    }
}

impl Examination {
    /// An examination of what was announced so, as a file of this type.
    pub fn new(content_type: ContentType, announced: &Announced) -> Self {
        Self {
            content_type,
            announced: (announced.size, announced.sha256),
            size: 0,
            hash: sha2::Sha256::new(),
            head: Vec::new(),
            text: Text::default(),
        }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.size = self.size.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.hash.update(bytes);
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        if self.content_type == ContentType::Txt {
            self.text.feed(bytes);
        }
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
        let fits = match self.content_type {
            ContentType::Txt => self.text.is_text(),
            other => looks_like(other, &self.head),
        };
        (!fits).then_some(Refusal::TypeMismatch)
    }
}

/// Whether a file that begins so can be of this type, by its magic number.
fn looks_like(content_type: ContentType, head: &[u8]) -> bool {
    let at =
        |from: usize, magic: &[u8]| head.get(from..).is_some_and(|rest| rest.starts_with(magic));
    let holds = |text: &[u8]| head.windows(text.len()).any(|window| window == text);
    match content_type {
        ContentType::Pdf => at(0, b"%PDF-"),
        // An archive whose beginning names what an archive of the kind holds first.
        ContentType::Docx => {
            at(0, b"PK\x03\x04") && (holds(b"[Content_Types].xml") || holds(b"word/"))
        }
        // OpenDocument 1.2, part 3, section 3.3: first, and not compressed.
        ContentType::Odt => {
            at(0, b"PK\x03\x04") && at(30, b"mimetypeapplication/vnd.oasis.opendocument.text")
        }
        ContentType::Jpeg => at(0, b"\xff\xd8\xff"),
        ContentType::Png => at(0, b"\x89PNG\r\n\x1a\n"),
        ContentType::WebP => at(0, b"RIFF") && at(8, b"WEBP"),
        ContentType::Mp4 => at(4, b"ftyp"),
        ContentType::Txt => true,
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
        use ContentType::{Jpeg, Odt, Pdf, Png, Txt, WebP};
        let same = |kind, bytes: &[u8]| told(kind, bytes, bytes);
        assert_eq!(same(Pdf, b"%PDF-1.7 and so on"), None);
        assert_eq!(same(Png, b"\x89PNG\r\n\x1a\nxx"), None);
        assert_eq!(same(WebP, b"RIFF\0\0\0\0WEBP"), None);
        assert_eq!(same(Txt, "ce mai faceți? \u{1f600}\n".as_bytes()), None);
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
