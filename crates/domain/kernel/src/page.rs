//! Cursor pagination.

use serde::Serialize;

/// One page of a list, in the list's own order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// At most [`PageRequest::limit`] items.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last page.
    pub next_cursor: Option<Cursor>,
}

impl<T> Page<T> {
    /// The page of `rows`, of which a repository reads one more than the limit: the surplus row
    /// says that there is a next page, and `key` of the last item kept says where it starts.
    pub fn of_one_more(mut rows: Vec<T>, limit: Limit, key: impl Fn(&T) -> String) -> Self {
        let more = rows.len() > limit.get();
        rows.truncate(limit.get());
        let next_cursor = if more { rows.last().map(|row| Cursor(key(row))) } else { None };
        Self { items: rows, next_cursor }
    }

    /// The same page with each item converted.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), next_cursor: self.next_cursor }
    }
}

/// What a client asks of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Items at most.
    pub limit: Limit,
    /// The previous page's [`Page::next_cursor`]; `None` for the first page.
    pub cursor: Option<Cursor>,
}

/// Items on a page: 1 to 200, 50 unless asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u16);

impl Limit {
    /// The most items that a page may hold.
    pub const MAX: u16 = 200;

    /// The limit `value`, when it is in `1..=200`.
    pub const fn new(value: u16) -> Option<Self> {
        if value >= 1 && value <= Self::MAX { Some(Self(value)) } else { None }
    }

    /// The limit as a count.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }

    /// One more than the limit: what a repository reads to know whether a page follows.
    pub fn one_more(self) -> i64 {
        i64::from(self.0) + 1
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

/// Where a page starts: the sort key of the last item before it. Opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Cursor(String);

/// A cursor that no page of this list gave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct CursorError;

impl Cursor {
    /// Takes a client's cursor: at most 128 bytes of `[A-Za-z0-9_.:-]`.
    pub fn parse(text: &str) -> Result<Self, CursorError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.:-".contains(&b);
        if text.is_empty() || text.len() > 128 || !text.bytes().all(plain) {
            return Err(CursorError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The key inside, as the repository wrote it.
    pub fn key(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_whether_another_follows() {
        let limit = Limit::new(2).unwrap();
        let page = Page::of_one_more(vec![1, 2, 3], limit, ToString::to_string);
        assert_eq!((page.items, page.next_cursor), (vec![1, 2], Some(Cursor("2".into()))));
        assert_eq!(Page::of_one_more(vec![1, 2], limit, ToString::to_string).next_cursor, None);
    }

    #[test]
    fn a_cursor_is_bounded_and_plain() {
        assert!(Cursor::parse("2026-01-05T09:00:00Z:7").is_ok());
        for bad in ["", "a b", "a\0", "é", &"x".repeat(129)] {
            assert_eq!(Cursor::parse(bad), Err(CursorError));
        }
    }
}
