//! What a key may not be, each rule with the reader that would be led astray.

use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{
    DefaultIgnorableCodePoint, GeneralCategory, NoncharacterCodePoint, WhiteSpace,
};
use icu_properties::{CodePointMapData, CodePointSetData};

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $text:literal $meaning:literal;)+) => {
        /// A rule for keys; they are tried in this order, and the first that is broken is named.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[$doc])* $name,)+
        }

        impl Rule {
            /// Every rule, in their order.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its short name, as in `R07`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What it demands.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)+ }
            }
        }
    };
}

rules! {
    /// The empty key would be the organisation's prefix itself.
    Empty = "R01" "it must not be empty";
    /// S3's own limit, the prefix included.
    Long = "R02" "it must be at most 1024 bytes with its prefix";
    /// Overlong forms of `.` and `/` are invalid UTF-8.
    Utf8 = "R03" "it must be UTF-8";
    /// They end C strings and forge log lines.
    Control = "R04" "it must have no control character";
    /// What is not seen cannot be told apart.
    Invisible = "R05" "it must have no character that is invisible, private or unassigned";
    /// Separators and wildcards of other systems.
    Forbidden = "R06" "it must have none of \\ < > : \" | ? *";
    /// What looks like a slash is read as one by people.
    SlashLookalike = "R07" "it must have no look-alike of a slash";
    /// What normalises to syntax is syntax to whoever normalises.
    FoldsToSyntax = "R08" "no character's compatibility form may hold syntax";
    /// What is decoded once more is another key.
    PercentEscape = "R09" "it must have no percent escape";
    /// Two spellings of one name are two objects here and one elsewhere.
    NotComposed = "R10" "it must be in Unicode's form NFC";
    /// An absolute path.
    LeadingSlash = "R11" "it must not begin with a slash";
    /// `//` and a trailing `/`.
    EmptySegment = "R12" "no segment may be empty";
    /// Deeper than anything needs.
    Deep = "R13" "it must have at most 16 segments";
    /// File systems' limit of a name.
    LongSegment = "R14" "no segment may have more than 255 bytes";
    /// `.`, `..`, and what some read as them.
    DotSegment = "R15" "no segment may be dots and spaces only";
    /// Trimmed elsewhere.
    OuterSpace = "R16" "no segment may begin or end with white space";
    /// Dropped elsewhere.
    TrailingDot = "R17" "no segment may end with a dot";
    /// Hidden files and home directories.
    Hidden = "R18" "no segment may begin with a dot or a tilde";
    /// Devices, wherever they stand.
    DeviceName = "R19" "no segment may be the name of a DOS device";
    /// Marks piled up hide what is below them.
    PiledMarks = "R20" "no more than 4 combining marks may stand in a row";
}

/// S3's limit of a key.
const MAX_KEY: usize = 1024;
const MAX_SEGMENTS: usize = 16;
pub(crate) const MAX_SEGMENT: usize = 255;
pub(crate) const MAX_MARKS: usize = 4;

/// Symbols and punctuation that Unicode's `confusables.txt` (UTS #39) maps to `/` or `\`, or whose
/// glyph is one or several of them (their Unicode names say solidus, or slash); letters that look alike
/// belong to living scripts and stay. What folds to a slash is [`Rule::FoldsToSyntax`].
const SLASH_LOOKALIKES: &[char] = &[
    '\u{1735}',
    '\u{2041}',
    '\u{2044}',
    '\u{2215}',
    '\u{2216}',
    '\u{244A}',
    '\u{2571}',
    '\u{2572}',
    '\u{27CB}',
    '\u{27CD}',
    '\u{29F5}',
    '\u{29F6}',
    '\u{29F7}',
    '\u{29F8}',
    '\u{29F9}',
    '\u{2AFB}',
    '\u{2AFD}',
    '\u{2E4A}',
    '\u{2F02}',
    '\u{2F03}',
    '\u{3033}',
    '\u{3035}',
    '\u{31D3}',
    '\u{31D4}',
    '\u{1D20F}',
    '\u{1D23A}',
    '\u{1D23B}',
    '\u{1F67C}',
    '\u{1F67D}',
];

/// The text of `relative` when it breaks no rule behind a prefix of `prefix` bytes; else the first
/// rule that it breaks.
pub(crate) fn broken(prefix: usize, relative: &[u8]) -> Result<&str, Rule> {
    let unless = |rule, holds: bool| if holds { Ok(()) } else { Err(rule) };
    unless(Rule::Empty, !relative.is_empty())?;
    unless(Rule::Long, prefix.saturating_add(relative.len()) <= MAX_KEY)?;
    let text = std::str::from_utf8(relative).map_err(|_| Rule::Utf8)?;
    for (rule, bad) in CHARACTERS {
        unless(*rule, !text.chars().any(bad))?;
    }
    unless(Rule::PercentEscape, !has_percent_escape(relative))?;
    unless(Rule::NotComposed, ComposingNormalizerBorrowed::new_nfc().is_normalized(text))?;
    unless(Rule::LeadingSlash, !text.starts_with('/'))?;
    let segments = || text.split('/');
    unless(Rule::EmptySegment, segments().all(|segment| !segment.is_empty()))?;
    unless(Rule::Deep, segments().count() <= MAX_SEGMENTS)?;
    for (rule, bad) in SEGMENTS {
        unless(*rule, !segments().any(bad))?;
    }
    Ok(text)
}

/// Whether a part of a key breaks a rule.
type OfCharacter = fn(char) -> bool;
type OfSegment = fn(&str) -> bool;

pub(crate) const CHARACTERS: &[(Rule, OfCharacter)] = &[
    (Rule::Control, char::is_control),
    (Rule::Invisible, is_invisible),
    (Rule::Forbidden, |c| matches!(c, '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*')),
    (Rule::SlashLookalike, |c| SLASH_LOOKALIKES.contains(&c)),
    (Rule::FoldsToSyntax, folds_to_syntax),
];

const SEGMENTS: &[(Rule, OfSegment)] = &[
    (Rule::LongSegment, |segment| segment.len() > MAX_SEGMENT),
    (Rule::DotSegment, |segment| segment.chars().all(is_dot_or_space)),
    (Rule::OuterSpace, |segment| {
        segment.starts_with(is_white_space) || segment.ends_with(is_white_space)
    }),
    (Rule::TrailingDot, |segment| segment.ends_with('.')),
    (Rule::Hidden, |segment| segment.starts_with(['.', '~'])),
    (Rule::DeviceName, is_device),
    (Rule::PiledMarks, piles_marks),
];

pub(crate) fn is_invisible(c: char) -> bool {
    use GeneralCategory::{
        Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned,
    };
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let unseen = matches!(
        category,
        Format | LineSeparator | ParagraphSeparator | PrivateUse | Surrogate | Unassigned
    );
    // U+FE0F makes a symbol an emoji; U+2800 is a braille cell without a dot.
    unseen
        || matches!(c, '\u{FFFD}' | '\u{2800}')
        || CodePointSetData::new::<NoncharacterCodePoint>().contains(c)
        || (c != '\u{FE0F}' && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c))
}

pub(crate) fn is_white_space(c: char) -> bool {
    CodePointSetData::new::<WhiteSpace>().contains(c)
}

fn folds_to_syntax(c: char) -> bool {
    if c.is_ascii() {
        return false;
    }
    let mut bytes = [0_u8; 4];
    let folded = ComposingNormalizerBorrowed::new_nfkc().normalize(c.encode_utf8(&mut bytes));
    folded.contains(['.', '/', '\\', '%', ':', '*', '?', '"', '<', '>', '|'])
}

/// `%XX`, or JavaScript's old `%uXXXX`.
fn has_percent_escape(bytes: &[u8]) -> bool {
    let hex = |digits: Option<&[u8]>| digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit));
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%').any(|(at, _)| {
        let rest = bytes.get(at.saturating_add(1)..).unwrap_or_default();
        match rest.first() {
            Some(b'u' | b'U') => hex(rest.get(1..5)),
            _ => hex(rest.get(..2)),
        }
    })
}

fn is_dot_or_space(c: char) -> bool {
    matches!(c, '.' | '\u{B7}' | '\u{3002}' | '\u{FF61}') || is_white_space(c)
}

/// `CON`, `COM1` and the like, with or without an extension, in any case; Windows reads superscript
/// digits as digits (Microsoft, "Naming Files, Paths, and Namespaces").
pub(crate) fn is_device(segment: &str) -> bool {
    let stem = segment.split('.').next().unwrap_or_default().trim_end_matches(is_white_space);
    let stem: String = stem.chars().map(|c| plain_digit(c).to_ascii_uppercase()).collect();
    let numbered = |name: &str| {
        let number = stem.strip_prefix(name);
        number.is_some_and(|number| number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit()))
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CLOCK$" | "CONIN$" | "CONOUT$")
        || numbered("COM")
        || numbered("LPT")
}

const fn plain_digit(c: char) -> char {
    match c {
        '\u{2070}' => '0',
        '\u{B9}' => '1',
        '\u{B2}' => '2',
        '\u{B3}' => '3',
        '\u{2074}' => '4',
        '\u{2075}' => '5',
        '\u{2076}' => '6',
        '\u{2077}' => '7',
        '\u{2078}' => '8',
        '\u{2079}' => '9',
        other => other,
    }
}

fn piles_marks(segment: &str) -> bool {
    let mut row = 0_usize;
    segment.chars().any(|c| {
        row = if is_mark(c) { row.saturating_add(1) } else { 0 };
        row > MAX_MARKS
    })
}

/// Whether a character stands above, below or around the one before it (Mn, Me).
pub(crate) fn is_mark(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark};
    matches!(CodePointMapData::<GeneralCategory>::new().get(c), NonspacingMark | EnclosingMark)
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(relative: &str) -> &'static str {
        broken(2, relative.as_bytes()).map_or_else(Rule::as_str, |_| "ok")
    }

    #[test]
    fn each_rule_is_the_first_that_a_key_of_its_kind_breaks() {
        let long = "a/".repeat(600);
        let marks = format!("a{}", "\u{330}".repeat(5));
        let deep = "a/".repeat(16) + "a";
        let wide = "a".repeat(256);
        for (key, expected) in [
            ("", "R01"),
            (long.as_str(), "R02"),
            ("a\u{85}b", "R04"),
            ("a\u{200D}b", "R05"),
            ("a\u{E000}b", "R05"),
            ("a\u{FE0E}b", "R05"),
            ("a\u{378}b", "R05"),
            ("a\u{2800}b", "R05"),
            ("a\u{2028}b", "R05"),
            ("a:b", "R06"),
            ("a\u{29F8}b", "R07"),
            ("a\u{2571}b", "R07"),
            ("a\u{2F03}b", "R07"),
            ("a\u{2AFD}b", "R07"),
            ("a\u{2100}b", "R08"),
            ("a\u{FF0E}b", "R08"),
            ("a%2eb", "R09"),
            ("a%u002eb", "R09"),
            ("e\u{301}", "R10"),
            ("/a", "R11"),
            ("a//b", "R12"),
            ("a/", "R12"),
            (deep.as_str(), "R13"),
            (wide.as_str(), "R14"),
            ("../1/uploads/test.pdf", "R15"),
            ("a/\u{FF61}\u{B7} /b", "R15"),
            ("a/\u{3000}b", "R16"),
            ("a./b", "R17"),
            ("a/.b", "R18"),
            ("~root", "R18"),
            ("a/nul.txt", "R19"),
            ("Com\u{B9}", "R19"),
            ("lpt9 .log", "R19"),
            (marks.as_str(), "R20"),
        ] {
            assert_eq!(rule(key), expected, "{key:?}");
        }
        assert_eq!(broken(2, b"a\xC0\xAFb"), Err(Rule::Utf8));
    }

    #[test]
    fn what_people_call_their_files_passes() {
        for key in [
            "uploads/test.pdf",
            "100% sure.pdf",
            "%zz and %u12",
            "a..b/c~d",
            "console.log",
            "com10",
            "\u{BD} dozen.pdf",
            // Composed, it is no less-than sign.
            "a \u{226E} b.pdf",
            "\u{2764}\u{FE0F}.png",
            "レポート・最終.pdf",
            "गणित.pdf",
        ] {
            assert_eq!(rule(key), "ok", "{key:?}");
        }
    }

    #[test]
    fn the_prefix_counts() {
        let relative = ["a"; 16].join("/");
        assert_eq!(broken(1024 - relative.len(), relative.as_bytes()), Ok(relative.as_str()));
        assert_eq!(broken(1025 - relative.len(), relative.as_bytes()), Err(Rule::Long));
    }
}
