use restartix_kernel::words;

use crate::Folder;

words! {
    /// What a file is.
    FileKind {
        /// What people exchange.
        Document = "document",
        /// What a specialist prescribes.
        Prescription = "prescription",
        /// A picture.
        Image = "image",
        /// The picture of a signature.
        Signature = "signature",
        /// What was recorded of a video visit; made by the platform only.
        Recording = "recording",
    }
}

words! {
    /// The types of content that are kept. SVG and HTML are none of them: both can bear scripts.
    ContentType {
        /// PDF (ISO 32000).
        Pdf = "application/pdf",
        /// Word (ECMA-376).
        Docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        /// OpenDocument text (ISO 26300).
        Odt = "application/vnd.oasis.opendocument.text",
        /// Plain text in UTF-8.
        Txt = "text/plain",
        /// JPEG.
        Jpeg = "image/jpeg",
        /// PNG.
        Png = "image/png",
        /// WebP.
        WebP = "image/webp",
        /// MPEG-4.
        Mp4 = "video/mp4",
    }
}

impl FileKind {
    /// Where objects of this kind lie.
    pub const fn folder(self) -> Folder {
        match self {
            Self::Document => Folder::Documents,
            Self::Prescription => Folder::Prescriptions,
            Self::Image => Folder::Images,
            Self::Signature => Folder::Signatures,
            Self::Recording => Folder::Recordings,
        }
    }

    /// The types that a file of this kind may have.
    pub const fn types(self) -> &'static [ContentType] {
        use ContentType::{Docx, Jpeg, Mp4, Odt, Pdf, Png, Txt, WebP};
        match self {
            Self::Document => &[Pdf, Docx, Odt, Txt],
            Self::Prescription => &[Pdf],
            Self::Image => &[Jpeg, Png, WebP],
            Self::Signature => &[Png],
            Self::Recording => &[Mp4],
        }
    }

    /// The largest file of this kind, in bytes. Whichever way it goes, it is never held whole.
    pub const fn largest(self) -> u64 {
        const MIB: u64 = 1024 * 1024;
        match self {
            Self::Document => 512 * MIB,
            Self::Prescription => 256 * MIB,
            Self::Image => 25 * MIB,
            Self::Signature => MIB / 2,
            Self::Recording => 4096 * MIB,
        }
    }

    /// Whether its bytes go out through the API and not by a signed URL: what could be shown to
    /// somebody else as a proof is given to nobody who could pass on its address.
    pub const fn is_proxied(self) -> bool {
        matches!(self, Self::Prescription | Self::Signature)
    }

    /// How long a file of this kind is kept, in days, unless a legal hold keeps it longer.
    pub const fn kept_days(self) -> i64 {
        match self {
            Self::Recording => 365,
            Self::Document | Self::Prescription | Self::Image | Self::Signature => 3653,
        }
    }
}

impl ContentType {
    /// The extensions that a file of this type may have, in lower case.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Pdf => &["pdf"],
            Self::Docx => &["docx"],
            Self::Odt => &["odt"],
            Self::Txt => &["txt"],
            Self::Jpeg => &["jpg", "jpeg"],
            Self::Png => &["png"],
            Self::WebP => &["webp"],
            Self::Mp4 => &["mp4"],
        }
    }
}
