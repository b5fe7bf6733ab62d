use super::EngineError;

/// A length of time in whole minutes, from 0 to [`Minutes::MAX`]: buffers, notice, horizon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minutes(u32);

impl Minutes {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest length: 3,660 days, a little over ten years.
    pub const MAX: u32 = 3_660 * 24 * 60;

    /// # Errors
    /// [`EngineError::MinutesOutOfRange`] above [`Minutes::MAX`].
    pub const fn new(minutes: u32) -> Result<Self, EngineError> {
        if minutes > Self::MAX {
            return Err(EngineError::MinutesOutOfRange { min: 0, max: Self::MAX });
        }
        Ok(Self(minutes))
    }

    /// The number of minutes.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    pub(crate) fn seconds(self) -> i64 {
        i64::from(self.0) * 60
    }
}

/// A length of time in whole minutes, from 1 to [`PositiveMinutes::MAX`]: duration, interval, step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PositiveMinutes(u32);

impl PositiveMinutes {
    /// The longest length: the longest query, 62 days.
    pub const MAX: u32 = 62 * 24 * 60;

    /// # Errors
    /// [`EngineError::MinutesOutOfRange`] for 0 and above [`PositiveMinutes::MAX`].
    pub const fn new(minutes: u32) -> Result<Self, EngineError> {
        if minutes == 0 || minutes > Self::MAX {
            return Err(EngineError::MinutesOutOfRange { min: 1, max: Self::MAX });
        }
        Ok(Self(minutes))
    }

    /// The number of minutes.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    pub(crate) fn seconds(self) -> i64 {
        i64::from(self.0) * 60
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_of_nothing_is_refused_and_a_buffer_of_nothing_is_not() {
        assert!(PositiveMinutes::new(0).is_err());
        assert_eq!(Minutes::new(0), Ok(Minutes::ZERO));
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(Minutes::new(Minutes::MAX).is_ok());
        assert!(Minutes::new(Minutes::MAX + 1).is_err());
        assert!(PositiveMinutes::new(PositiveMinutes::MAX).is_ok());
        assert!(PositiveMinutes::new(PositiveMinutes::MAX + 1).is_err());
    }
}
