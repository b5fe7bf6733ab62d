use super::EngineError;
use chrono_tz::Tz;
use std::{fmt, str::FromStr};

/// A wall time to the minute, from `00:00` to `24:00`; `24:00` is the next local midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime(u16);

impl LocalTime {
    /// `00:00`.
    pub const MIDNIGHT: Self = Self(0);
    /// `24:00`, the end of a date.
    pub const END_OF_DAY: Self = Self(24 * 60);

    /// The time so many minutes after `00:00` on the wall, at most 1,440.
    ///
    /// # Errors
    /// [`EngineError::BadLocalTime`] above 1,440.
    pub const fn from_minutes(minutes: u16) -> Result<Self, EngineError> {
        if minutes > Self::END_OF_DAY.0 {
            return Err(EngineError::BadLocalTime);
        }
        Ok(Self(minutes))
    }

    /// Minutes on the wall since `00:00`, from 0 to 1,440.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }

    pub(crate) fn seconds(self) -> i64 {
        i64::from(self.0) * 60
    }
}

impl FromStr for LocalTime {
    type Err = EngineError;

    /// Reads `HH:MM`: two digits each, nothing else.
    fn from_str(text: &str) -> Result<Self, EngineError> {
        let digit = |byte: u8| {
            byte.is_ascii_digit()
                .then(|| u16::from(byte.wrapping_sub(b'0')))
                .ok_or(EngineError::BadLocalTime)
        };
        let &[h1, h2, b':', m1, m2] = text.as_bytes() else {
            return Err(EngineError::BadLocalTime);
        };
        let minute = digit(m1)? * 10 + digit(m2)?;
        if minute > 59 {
            return Err(EngineError::BadLocalTime);
        }
        Self::from_minutes((digit(h1)? * 10 + digit(h2)?) * 60 + minute)
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// The zone of an IANA name such as `Europe/Bucharest`, in the spelling of the database.
///
/// # Errors
/// [`EngineError::UnknownZone`].
pub fn parse_zone(name: &str) -> Result<Tz, EngineError> {
    name.parse().map_err(|_| EngineError::UnknownZone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn anything_but_two_digits_colon_two_digits_is_refused() {
        for text in [
            "",
            "9:00",
            "09:0",
            "09:60",
            "24:01",
            "25:00",
            "-1:00",
            "09.00",
            "09:00:00",
            " 9:00",
            "٠٩:٠٠",
        ] {
            assert_eq!(text.parse::<LocalTime>(), Err(EngineError::BadLocalTime), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_minute_of_the_day_is_read_back_as_written(minutes in 0u16..=1440) {
            let time = LocalTime::from_minutes(minutes).unwrap();
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }

        #[test]
        fn reading_never_panics(text in ".{0,8}") {
            let _ = text.parse::<LocalTime>();
        }
    }

    #[test]
    fn a_zone_must_be_in_the_database() {
        assert_eq!(parse_zone("Europe/Bucharest"), Ok(Tz::Europe__Bucharest));
        assert_eq!(parse_zone("Europe/Atlantis"), Err(EngineError::UnknownZone));
    }
}
