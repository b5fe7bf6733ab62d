use std::path::Path;

use restartix_kernel::Secret;
use tokio::io::AsyncReadExt as _;

use super::{Credentials, CredentialsError};

/// The largest file that is read, in bytes.
const LIMIT: u64 = 256 * 1024;

/// The keys of a profile.
pub(super) async fn read(file: &Path, name: &str) -> Result<Credentials, CredentialsError> {
    parse(&content(file).await?, name)
}

/// A small text file.
pub(super) async fn content(file: &Path) -> Result<String, CredentialsError> {
    let file = tokio::fs::File::open(file).await.map_err(CredentialsError::File)?;
    let mut text = String::new();
    let read = file.take(LIMIT).read_to_string(&mut text).await;
    read.map_err(CredentialsError::File)?;
    Ok(text)
}

/// Reads `[name]` (or `[profile name]`, as in `~/.aws/config`) and its keys. What AWS's own tools
/// know besides (other profiles, processes, single sign-on) is refused rather than ignored.
fn parse(text: &str, name: &str) -> Result<Credentials, CredentialsError> {
    let mut found = false;
    let mut inside = false;
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            let section = section.split(']').next().unwrap_or_default().trim();
            let plain = section.strip_prefix("profile ").map_or(section, str::trim);
            inside = plain == name;
            found |= inside;
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| inside) else { continue };
        let value = value.trim();
        match key.trim() {
            "aws_access_key_id" => id = Some(value),
            "aws_secret_access_key" => secret = Some(value),
            "aws_session_token" => token = Some(value),
            "role_arn"
            | "source_profile"
            | "credential_process"
            | "sso_session"
            | "sso_start_url"
            | "web_identity_token_file" => {
                let refusal = "has a profile that leads elsewhere: only keys are read";
                return Err(CredentialsError::Profile(refusal));
            }
            _ => {}
        }
    }
    if !found {
        return Err(CredentialsError::Profile("has no such profile"));
    }
    let (Some(id), Some(secret)) = (id, secret) else {
        return Err(CredentialsError::Profile("has a profile without both keys"));
    };
    let session_token = token.map(Secret::from);
    let credentials = Credentials { session_token, ..Credentials::new(id, Secret::from(secret)) };
    if credentials.is_sendable() {
        Ok(credentials)
    } else {
        Err(CredentialsError::Profile("has a key that cannot be sent"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_kernel::ExposeSecret;

    const FILE: &str = "# keys\n[default]\naws_access_key_id = AKIDDEFAULT\n\
        aws_secret_access_key=abc/def+1=\nregion = eu-central-1\n\n[profile clinic]\n\
        aws_access_key_id=ASIACLINIC\naws_secret_access_key = two\naws_session_token = three\n\
        [half]\naws_access_key_id = AKID\n[role]\nrole_arn = arn:aws:iam::1:role/x\n";

    #[test]
    fn profiles_are_read_by_name() {
        let default = parse(FILE, "default").unwrap();
        assert_eq!(default.access_key_id, "AKIDDEFAULT");
        assert_eq!(default.secret_access_key.expose_secret(), "abc/def+1=");
        assert!(default.session_token.is_none());
        let clinic = parse(FILE, "clinic").unwrap();
        assert_eq!(clinic.session_token.unwrap().expose_secret(), "three");
    }

    #[test]
    fn what_is_missing_or_leads_elsewhere_is_refused() {
        for (name, told) in [
            ("nobody", "has no such profile"),
            ("half", "without both keys"),
            ("role", "leads elsewhere"),
        ] {
            let refused = parse(FILE, name).unwrap_err().to_string();
            assert!(refused.contains(told), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_named_as_such() {
        let read = read(Path::new("/nonexistent/credentials"), "default").await;
        assert!(matches!(read, Err(CredentialsError::File(_))));
    }
}
