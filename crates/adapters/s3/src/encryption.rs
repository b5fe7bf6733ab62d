use crate::Config;
use crate::sigv4::Unsigned;

/// How objects are encrypted at rest: by S3's own keys, or by one of KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    Aes256,
    Kms(String),
}

impl Encryption {
    pub(crate) fn of(config: &Config) -> Self {
        config.kms_key_id.clone().map_or(Self::Aes256, Self::Kms)
    }

    /// S3's name of the algorithm.
    pub(crate) const fn algorithm(&self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms(_) => "aws:kms",
        }
    }

    /// The key, where it is one of KMS.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::Aes256 => None,
            Self::Kms(key) => Some(key),
        }
    }

    /// Makes a request ask for it.
    pub(crate) fn demand(&self, request: &mut Unsigned) {
        request.set_header("x-amz-server-side-encryption", self.algorithm());
        if let Some(key) = self.key() {
            request.set_header("x-amz-server-side-encryption-aws-kms-key-id", key);
        }
    }
}
