use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use figment::value::Value;
use restartix_kernel::{ExposeSecret, Secret};

use super::source::Agent;
use super::{Faults, Settings};

/// What kind of surroundings the program runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Real patients: nothing that is fit for development only.
    Production,
    /// A developer's machine or a test.
    Development,
}

impl FromStr for Profile {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "production" => Ok(Self::Production),
            "development" => Ok(Self::Development),
            _ => Err(()),
        }
    }
}

/// The largest file that a secret is read from, in bytes.
const SECRET_FILE_LIMIT: u64 = 64 * 1024;

/// Reads keys and notes what is wrong with them, so that every fault is told at once.
///
/// After a fault it answers as if the key were absent: [`Faults::or`] refuses the whole.
pub(super) struct Reader<'a> {
    settings: &'a Settings,
    pub(super) profile: Profile,
    pub(super) faults: Faults,
}

impl<'a> Reader<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        let faults = settings.faults();
        // Who says nothing gets the strict profile.
        let mut reader = Self { settings, profile: Profile::Production, faults };
        reader.profile =
            reader.or("profile", Profile::Production, parsed("must be production or development"));
        reader
    }

    pub(super) fn is_production(&self) -> bool {
        self.profile == Profile::Production
    }

    pub(super) fn fault(&mut self, key: &str, rule: impl Into<Cow<'static, str>>) {
        self.faults.add(key, rule);
    }

    /// The URL in `DATABASE_URL`, in development only.
    pub(super) fn database_url(&self) -> Option<Secret> {
        let url = self.settings.database_url()?;
        (!self.is_production()).then(|| Secret::from(url))
    }

    /// What the container's agent says.
    pub(super) const fn agent(&self) -> &'a Agent {
        self.settings.agent()
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let text = match self.settings.find(key)? {
            Value::String(_, text) => text.clone(),
            Value::Char(_, letter) => letter.to_string(),
            Value::Bool(_, truth) => truth.to_string(),
            Value::Num(_, number) => {
                let whole = number.to_i128().map(|number| number.to_string());
                whole.or_else(|| number.to_u128().map(|number| number.to_string()))?
            }
            Value::Array(..) | Value::Dict(..) | Value::Empty(..) => {
                self.fault(key, "must be a text or a number");
                return None;
            }
        };
        (!text.is_empty()).then_some(text)
    }

    /// The value of `key`, where there is one.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let text = self.text(key)?;
        parse(&text).map_err(|rule| self.fault(key, rule)).ok()
    }

    /// The value of `key`, else `default`.
    pub(super) fn or<T>(
        &mut self,
        key: &str,
        default: T,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> T {
        self.optional(key, parse).unwrap_or(default)
    }

    /// The values of `key`: an array, or a text with commas.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Vec<T> {
        let items: Vec<String> = match self.settings.find(key) {
            Some(Value::Array(_, items)) => {
                let text = |item: &Value| item.as_str().map(str::to_owned).unwrap_or_default();
                items.iter().map(text).collect()
            }
            _ => {
                let text = self.text(key).unwrap_or_default();
                text.split(',').map(|item| item.trim().to_owned()).collect()
            }
        };
        let items = items.iter().filter(|item| !item.is_empty());
        let parsed: Vec<_> = items.map(|item| parse(item)).collect();
        parsed
            .into_iter()
            .filter_map(|item| item.map_err(|rule| self.fault(key, rule)).ok())
            .collect()
    }

    /// The secret `key`, or the content of the file that `<key>_file` names, without the end of
    /// line that editors add.
    pub(super) fn secret(&mut self, key: &str) -> Option<Secret> {
        match self.find_secret(key) {
            Found::Value(secret) => Some(secret),
            Found::Nothing | Found::Faulty => None,
        }
    }

    /// The file that a secret is read from, where it is.
    pub(super) fn secret_file(&mut self, key: &str) -> Option<PathBuf> {
        self.text(&format!("{key}_file")).map(PathBuf::from)
    }

    /// As [`Reader::secret`]; its absence is a fault.
    pub(super) fn required_secret(&mut self, key: &str) -> Option<Secret> {
        match self.find_secret(key) {
            Found::Value(secret) => Some(secret),
            Found::Faulty => None,
            Found::Nothing => {
                self.fault(key, "is required");
                None
            }
        }
    }

    fn find_secret(&mut self, key: &str) -> Found<Secret> {
        let file_key = format!("{key}_file");
        let secret = match (self.text(key), self.text(&file_key)) {
            (None, None) => return Found::Nothing,
            (Some(text), None) => Ok(Secret::from(text)),
            (None, Some(path)) => read_secret(Path::new(&path)).map_err(|rule| (file_key, rule)),
            (Some(_), Some(_)) => {
                Err((key.to_owned(), format!("and {file_key} are both given: give one")))
            }
        };
        match secret {
            Err((place, rule)) => {
                self.fault(&place, rule);
                Found::Faulty
            }
            Ok(secret) => {
                let text = secret.expose_secret().to_lowercase();
                if self.is_production()
                    && ["development", "sandbox"].iter().any(|word| text.contains(word))
                {
                    self.fault(key, "is for development: the production profile refuses it");
                }
                Found::Value(secret)
            }
        }
    }
}

/// What became of a look-up.
enum Found<T> {
    Value(T),
    Nothing,
    /// There is something, and what is wrong with it has been told.
    Faulty,
}

fn read_secret(path: &Path) -> Result<Secret, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > SECRET_FILE_LIMIT {
        return Err("is larger than 64 KiB".to_owned());
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let text = text
        .strip_suffix('\n')
        .map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(Secret::from(text))
}

/// Parses by [`FromStr`], and says `rule` where that does not work.
pub(super) fn parsed<T: FromStr>(rule: &'static str) -> impl Fn(&str) -> Result<T, &'static str> {
    move |text| text.parse().map_err(|_| rule)
}

/// A whole number from `least` to `most`.
pub(super) fn between(
    least: usize,
    most: usize,
    rule: &'static str,
) -> impl Fn(&str) -> Result<usize, &'static str> {
    move |text| {
        let number: Option<usize> = text.parse().ok();
        number.filter(|number| (least..=most).contains(number)).ok_or(rule)
    }
}
