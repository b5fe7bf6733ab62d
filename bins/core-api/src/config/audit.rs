use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use restartix_kernel::ExposeSecret;
use restartix_telemetry::SealKey;

use super::reader::Reader;

/// The seed of the key that a developer's machine signs with: everybody knows it.
const DEVELOPMENT: [u8; 32] = *b"development key of audit.signing";

/// What signs how far the audit is sealed.
pub(super) fn signing_key(reader: &mut Reader<'_>) -> Option<SealKey> {
    let text = if reader.is_production() {
        reader.required_secret("audit.signing_key")?
    } else {
        match reader.secret("audit.signing_key") {
            Some(text) => text,
            None => return Some(SealKey::from_seed(DEVELOPMENT)),
        }
    };
    let seed = STANDARD.decode(text.expose_secret()).ok();
    let seed = seed.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let seed = seed.filter(|seed| !reader.is_production() || *seed != DEVELOPMENT);
    if seed.is_none() {
        reader.fault("audit.signing_key", "must be base64 of 32 random bytes");
    }
    seed.map(SealKey::from_seed)
}
