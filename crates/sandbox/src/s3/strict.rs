//! What the stand-in will not pretend to understand.

use std::collections::BTreeSet;

use http::request::Parts;
use s3s::S3Result;

use super::fault::refusal;
use super::sums;

/// The token of a session: the one access key has none.
const TOKEN: &str = "x-amz-security-token";
/// Conditions, which are not looked at; on a change that would do harm.
const CONDITIONS: [&str; 4] =
    ["if-match", "if-modified-since", "if-none-match", "if-unmodified-since"];
/// The beginnings of headers that ask for what is not there.
const ABSENT: [&str; 9] = [
    "x-amz-bypass-governance-retention",
    "x-amz-copy-source-if-",
    "x-amz-copy-source-server-side-encryption-customer",
    "x-amz-grant-",
    "x-amz-mfa",
    "x-amz-object-lock-",
    "x-amz-server-side-encryption-customer",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
];

/// Refuses what would be ignored, or could mean two things: a name that is there twice, conditions
/// on a change, and what the stand-in has none of.
pub(super) fn check(parts: &Parts) -> S3Result<()> {
    let names = parts.headers.keys().map(http::HeaderName::as_str);
    for name in names {
        let is_ours = name.starts_with("x-amz-") || sums::is_sum(name);
        if is_ours && parts.headers.get_all(name).iter().count() > 1 {
            return Err(refusal(400, "InvalidArgument", format!("{name} is there twice")));
        }
        let is_change = parts.method != http::Method::GET && parts.method != http::Method::HEAD;
        let condition = is_change && CONDITIONS.contains(&name);
        if condition || ABSENT.iter().any(|beginning| name.starts_with(beginning)) {
            let why = format!("The stand-in cannot do what {name} asks for");
            return Err(refusal(501, "NotImplemented", why));
        }
    }
    let mut seen = BTreeSet::new();
    let query = parts.uri.query().unwrap_or_default().split('&');
    let mut names = query.map(|pair| pair.split('=').next().unwrap_or_default());
    if names.any(|name| !name.is_empty() && !seen.insert(name)) {
        return Err(refusal(400, "InvalidArgument", "A name is in the query twice"));
    }
    let has_token = parts.headers.contains_key(TOKEN) || seen.contains("X-Amz-Security-Token");
    if has_token {
        let why = "The provided token is malformed or otherwise invalid.";
        return Err(refusal(400, "InvalidToken", why));
    }
    Ok(())
}
