//! What the bytes of each type look like: how they begin and how they end.

use crate::ContentType;

/// How much of the beginning is held: enough for the first entries of an archive.
const HEAD: usize = 8192;
/// How much of the end is held. A PDF ends within its last 1024 bytes (ISO 32000-1, annex H, note 18 of
/// Adobe's implementation notes); an archive's directory ends 22 bytes before its comment, and word
/// processors write none.
const TAIL: usize = 1024;

/// What is seen of a file's shape while its bytes pass. Holds its two ends alone.
pub(crate) struct Shape {
    content_type: ContentType,
    size: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
    text: Text,
    jpeg: Jpeg,
}

/// How a shape fits the type that it should be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It does.
    Whole,
    /// It begins as the type does and ends before it does.
    Truncated,
    /// It does not.
    Other,
}

impl Shape {
    pub(crate) fn new(content_type: ContentType) -> Self {
        let (head, tail) = (Vec::new(), Vec::new());
        Self { content_type, size: 0, head, tail, text: Text::default(), jpeg: Jpeg::default() }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.size = self.size.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        let end = bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default();
        self.tail.extend_from_slice(end);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        match self.content_type {
            ContentType::Txt => self.text.feed(bytes),
            ContentType::Jpeg => self.jpeg.feed(bytes),
            _ => {}
        }
    }

    /// How it fits, after the last byte.
    pub(crate) fn fit(&self) -> Fit {
        if !self.begins() {
            Fit::Other
        } else if self.ends() {
            Fit::Whole
        } else {
            Fit::Truncated
        }
    }

    /// Whether a file that begins so can be of the type, by its magic number.
    fn begins(&self) -> bool {
        let head = &self.head;
        let at = |from: usize, magic: &[u8]| {
            head.get(from..).is_some_and(|rest| rest.starts_with(magic))
        };
        let holds = |text: &[u8]| head.windows(text.len()).any(|window| window == text);
        match self.content_type {
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
            ContentType::Txt => self.text.is_text(),
        }
    }

    /// Whether a file of the type can end so.
    fn ends(&self) -> bool {
        let holds = |text: &[u8]| self.tail.windows(text.len()).any(|window| window == text);
        match self.content_type {
            ContentType::Pdf => holds(b"%%EOF"),
            // The end of the central directory (APPNOTE.TXT, section 4.3.16).
            ContentType::Docx | ContentType::Odt => holds(b"PK\x05\x06"),
            ContentType::Jpeg => self.jpeg.is_whole(),
            // The chunk IEND is always the same (PNG, third edition, section 11.2.5).
            ContentType::Png => holds(b"\0\0\0\0IEND\xae\x42\x60\x82"),
            // The length stands at the beginning, of what follows it, and is made even.
            ContentType::WebP => {
                let told = self.head.get(4..8).and_then(|bytes| bytes.try_into().ok());
                let told = told.map_or(u64::MAX, |bytes| u64::from(u32::from_le_bytes(bytes)));
                self.size >= told.saturating_add(8)
            }
            // Made by the platform alone, which knows their length from elsewhere.
            ContentType::Mp4 | ContentType::Txt => true,
        }
    }
}

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

/// A walk from marker to marker (ITU-T T.81, annex B) up to the end of the image: cameras append what
/// they like after it, and put whole small pictures into segments before it.
#[derive(Default)]
enum Jpeg {
    /// Between segments: a marker's first byte, 0xff, is due.
    #[default]
    Prefix,
    /// The marker's code is due; more 0xff may precede it.
    Code,
    /// The first byte of a segment's length.
    High(u8),
    /// The second one.
    Low(u8, u8),
    /// This much of a segment, after which come compressed data or not.
    Segment(u16, bool),
    /// Compressed data.
    Scan,
    /// Compressed data, after 0xff.
    ScanCode,
    /// The end of the image has come.
    End,
    /// Something that is no JPEG.
    Broken,
}

impl Jpeg {
    const SCAN: u8 = 0xda;

    fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if matches!(self, Self::End | Self::Broken) {
                return;
            }
            rest = match self {
                Self::Segment(left, scans) => {
                    let taken = usize::from(*left).min(rest.len());
                    *left = left.saturating_sub(u16::try_from(taken).unwrap_or(u16::MAX));
                    if *left == 0 {
                        *self = if *scans { Self::Scan } else { Self::Prefix };
                    }
                    rest.get(taken..).unwrap_or_default()
                }
                Self::Scan => match memchr::memchr(0xff, rest) {
                    None => return,
                    Some(at) => {
                        *self = Self::ScanCode;
                        rest.get(at.saturating_add(1)..).unwrap_or_default()
                    }
                },
                _ => {
                    *self = self.after(byte);
                    after
                }
            };
        }
    }

    fn after(&self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Prefix | Self::Code, 0xff) => Self::Code,
            (Self::Code, code) => Self::marker(code),
            (Self::High(code), high) => Self::Low(*code, high),
            (Self::Low(code, high), low) => {
                // The length counts itself.
                let scans = *code == Self::SCAN;
                match u16::from_be_bytes([*high, low]).checked_sub(2) {
                    None => Self::Broken,
                    Some(0) if scans => Self::Scan,
                    Some(0) => Self::Prefix,
                    Some(left) => Self::Segment(left, scans),
                }
            }
            (Self::ScanCode, 0xff) => Self::ScanCode,
            // A stuffed 0xff, or the mark of a restart.
            (Self::ScanCode, 0x00 | 0xd0..=0xd7) => Self::Scan,
            (Self::ScanCode, code) => Self::marker(code),
            _ => Self::Broken,
        }
    }

    const fn marker(code: u8) -> Self {
        match code {
            0xd9 => Self::End,
            // The beginning of the image, and what stands alone.
            0xd8 | 0x01 | 0xd0..=0xd7 => Self::Prefix,
            0x00 => Self::Broken,
            code => Self::High(code),
        }
    }

    const fn is_whole(&self) -> bool {
        matches!(self, Self::End)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(content_type: ContentType, bytes: &[u8]) -> Fit {
        let fits: Vec<_> = [1, 3, 4096]
            .map(|length| {
                let mut shape = Shape::new(content_type);
                bytes.chunks(length).for_each(|part| shape.feed(part));
                shape.fit()
            })
            .into();
        assert!(fits.windows(2).all(|two| two[0] == two[1]), "the parts matter: {fits:?}");
        fits[0]
    }

    /// A JPEG with a thumbnail in a segment, stuffed and restarted data in two scans, and a tail that
    /// some camera added.
    fn jpeg() -> Vec<u8> {
        [
            &b"\xff\xd8\xff\xe1\x00\x0aexif\xff\xd8\xff\xd9\xff\xff\xdb\x00\x03q"[..],
            b"\xff\xda\x00\x04ssdata\xff\x00data\xff\xd0data\xff\xc4\x00\x02",
            b"\xff\xda\x00\x02more\xff\xd9",
        ]
        .concat()
    }

    #[test]
    fn a_file_that_breaks_off_is_told_from_a_whole_one_and_from_another_type() {
        use ContentType::{Docx, Jpeg, Odt, Pdf, Png, Txt, WebP};
        let png = include_bytes!("../../../../fixtures/files/knee.png");
        let pdf = include_bytes!("../../../../fixtures/files/consultation.pdf");
        let odt =
            b"PK\x03\x04..........................mimetypeapplication/vnd.oasis.opendocument.text";
        let docx = b"PK\x03\x04..........................[Content_Types].xml";
        let end = b"PK\x05\x06..................";
        let cases: [(ContentType, Vec<u8>); 6] = [
            (Png, png.to_vec()),
            (Pdf, pdf.to_vec()),
            (Jpeg, jpeg()),
            (WebP, b"RIFF\x18\0\0\0WEBPVP8 and so on, okay!".to_vec()),
            (Odt, [&odt[..], end].concat()),
            (Docx, [&docx[..], end].concat()),
        ];
        for (content_type, bytes) in cases {
            assert_eq!(fit(content_type, &bytes), Fit::Whole, "{content_type}");
            let cut = bytes.len() - (bytes.len() / 3).max(1);
            // An archive is whole once its directory's end begins.
            let within = bytes.len() - end.len() + 2;
            let cut = &bytes[..if matches!(content_type, Odt | Docx) { within } else { cut }];
            assert_eq!(fit(content_type, cut), Fit::Truncated, "{content_type}");
            assert_eq!(fit(content_type, b"<html>"), Fit::Other, "{content_type}");
            assert_eq!(fit(content_type, b"MZ\x90\0\x03"), Fit::Other, "{content_type}");
        }
        assert_eq!(fit(Txt, "ce mai faceți?".as_bytes()), Fit::Whole);
        assert_eq!(fit(Txt, b"MZ\x90\0"), Fit::Other);
    }

    #[test]
    fn a_jpeg_ends_where_its_image_ends_whatever_follows_or_is_inside() {
        let whole = jpeg();
        for length in 4..whole.len() {
            assert_eq!(fit(ContentType::Jpeg, &whole[..length]), Fit::Truncated, "{length}");
        }
        let longer = [whole.as_slice(), b"SEFT of a camera \xff\xd8\xff"].concat();
        assert_eq!(fit(ContentType::Jpeg, &longer), Fit::Whole);
    }
}
