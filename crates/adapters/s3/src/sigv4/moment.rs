use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

/// An instant as AWS writes it, `20130524T000000Z`: written digit by digit, because a general formatter
/// takes longer than the hashing of a whole request.
#[derive(Clone, Copy)]
pub(crate) struct Moment([u8; 16]);

impl Moment {
    pub(crate) fn of(now: DateTime<Utc>) -> Self {
        let mut text = *b"00000000T000000Z";
        write_date(&mut text, now.date_naive());
        for (place, value) in [(9, now.hour()), (11, now.minute()), (13, now.second())] {
            write(&mut text, place, 2, value);
        }
        Self(text)
    }

    /// The whole of it.
    pub(crate) fn as_str(&self) -> &str {
        // Digits and two letters.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Its day, as scopes name it: `20130524`.
    pub(crate) fn day(&self) -> &str {
        self.as_str().get(..8).unwrap_or_default()
    }
}

/// A day as scopes name it.
pub(crate) fn day(date: NaiveDate) -> String {
    let mut text = *b"00000000";
    write_date(&mut text, date);
    String::from_utf8_lossy(&text).into_owned()
}

fn write_date(text: &mut [u8], date: NaiveDate) {
    write(text, 0, 4, date.year().unsigned_abs());
    write(text, 4, 2, date.month());
    write(text, 6, 2, date.day());
}

/// So many digits of a number, from `place` on.
fn write(text: &mut [u8], place: usize, digits: usize, mut value: u32) {
    let digits = text.get_mut(place..place + digits).into_iter().flatten();
    for digit in digits.rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or_default();
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn instants_are_written_as_a_general_formatter_does() {
        let mut now = DateTime::UNIX_EPOCH;
        for number in 0..20_000 {
            let moment = Moment::of(now);
            assert_eq!(moment.as_str(), now.format("%Y%m%dT%H%M%SZ").to_string());
            assert_eq!(moment.day(), now.format("%Y%m%d").to_string());
            assert_eq!(moment.day(), day(now.date_naive()));
            now += TimeDelta::seconds(123_457 + number);
        }
    }
}
