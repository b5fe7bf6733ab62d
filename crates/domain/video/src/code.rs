use std::fmt;

use restartix_kernel::{Random, RandomExt};
use sha2::{Digest, Sha256};

/// The secret part of a `join_url`: 256 random bits, in hexadecimal. Shown once, kept hashed.
pub struct JoinCode(String);

/// What is kept of a [`JoinCode`]: its SHA-256.
///
/// A plain hash suffices: 256 random bits cannot be guessed from it, and looking it up by equality
/// of the hash tells nothing of the code by its timing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CodeHash([u8; 32]);

/// The text is not a join code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a join code")]
pub struct JoinCodeError;

impl JoinCode {
    /// A fresh code.
    pub fn fresh(random: &dyn Random) -> Self {
        let hex = random.bytes::<32>().iter().map(|byte| format!("{byte:02x}")).collect();
        Self(hex)
    }

    /// The code `text` of a `join_url`: 64 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Result<Self, JoinCodeError> {
        if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(JoinCodeError);
        }
        Ok(Self(text.to_owned()))
    }

    /// What is kept of the code.
    pub fn hash(&self) -> CodeHash {
        CodeHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The code itself: goes into the `join_url` and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl CodeHash {
    /// The hash's bytes, as a repository keeps them.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for JoinCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_kernel::SeededRandom;

    #[test]
    fn a_code_is_64_lower_case_digits_and_is_not_printed() {
        let code = JoinCode::fresh(&SeededRandom::new(3));
        assert_eq!(JoinCode::parse(code.expose()).unwrap().hash(), code.hash());
        assert_eq!(format!("{code:?}"), "JoinCode(..)");
        let upper = code.expose().to_uppercase();
        for bad in ["", "00", upper.as_str(), &"g".repeat(64)] {
            assert!(JoinCode::parse(bad).is_err(), "{bad}");
        }
    }
}
