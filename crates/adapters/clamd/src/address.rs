use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where clamd listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host and a port.
    Tcp(String),
    /// A socket in the file system.
    Socket(PathBuf),
}

/// The text is no address of clamd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be tcp://HOST:PORT or unix:/PATH")]
pub struct AddressError;

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            // `unix:/run/clamav/clamd.ctl`, and the same with an empty host.
            let path = path.strip_prefix("//").unwrap_or(path);
            let absolute = path.starts_with('/') && path.len() > 1;
            return if absolute { Ok(Self::Socket(path.into())) } else { Err(AddressError) };
        }
        let place = text.strip_prefix("tcp://").ok_or(AddressError)?;
        let (host, port) = place.rsplit_once(':').ok_or(AddressError)?;
        let known = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
        let sound = !host.is_empty() && host.bytes().all(known);
        let port = port.parse::<u16>().is_ok_and(|port| port > 0);
        if sound && port { Ok(Self::Tcp(place.to_owned())) } else { Err(AddressError) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(place) => write!(f, "tcp://{place}"),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_place_or_a_path() {
        for good in ["tcp://127.0.0.1:3310", "tcp://clamd:3310", "tcp://[::1]:3310", "unix:/run/c"]
        {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        assert_eq!("unix:///run/c".parse(), Ok(Address::Socket("/run/c".into())));
        for bad in ["", "clamd:3310", "tcp://clamd", "tcp://:1", "tcp://c:0", "unix:run", "unix:/"]
        {
            assert_eq!(bad.parse::<Address>(), Err(AddressError), "{bad}");
        }
    }
}
