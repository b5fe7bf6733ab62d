use std::collections::BTreeMap;
use std::path::Path;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile as FigmentProfile, Provider};

use super::Faults;
use super::keys;

/// The environment as a source of configuration: `CORE_<SECTION>__<KEY>`.
///
/// figment's own provider would read a secret of digits as a number and lose its zeros, and names
/// what it cannot parse together with its value; here every value is the text that it is.
#[derive(Clone)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Of these variables; those that are not ours are passed over.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// Of this process. A variable that is no UTF-8 is none of ours.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// The value of one variable; an empty one is absent.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Keys and values, empty ones aside: a compose file cannot leave a variable out.
    fn ours(&self) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().filter_map(|(name, value)| {
            let key = name.strip_prefix("CORE_")?.to_lowercase();
            // Kubernetes announces a service called `core-api` as CORE_API_PORT_8080_TCP and the
            // like; ours are the profile and what has a section.
            let ours = key == "profile" || key.contains("__");
            (ours && !value.is_empty()).then(|| (key.replace("__", "."), value.as_str()))
        })
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
    }

    fn data(&self) -> Result<Map<FigmentProfile, Dict>, figment::Error> {
        let mut sections = Dict::new();
        for (key, value) in self.ours() {
            let value = Value::from(value);
            match key.split_once('.') {
                None => {
                    sections.insert(key, value);
                }
                Some((section, key)) => {
                    let section =
                        sections.entry(section.to_owned()).or_insert_with(|| Dict::new().into());
                    if let Value::Dict(_, section) = section {
                        section.insert(key.to_owned(), value);
                    }
                }
            }
        }
        Ok(FigmentProfile::Default.collect(sections))
    }
}

/// File and environment, merged, before anything is believed of them.
#[derive(Clone)]
pub struct Settings {
    values: Dict,
    faults: Faults,
    database_url: Option<String>,
    agent: Agent,
}

/// What the agent of ECS or EKS puts into a container's environment (AWS SDKs and Tools Reference
/// Guide, "Container credential provider"): it decides the values, and nobody can rename them.
#[derive(Clone, Default)]
pub(super) struct Agent {
    pub(super) relative_uri: Option<String>,
    pub(super) full_uri: Option<String>,
    pub(super) token: Option<String>,
    pub(super) token_file: Option<String>,
}

impl Agent {
    fn of(environment: &Environment) -> Self {
        let variable = |name| environment.variable(name).map(str::to_owned);
        Self {
            relative_uri: variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
            full_uri: variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
            token: variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
            token_file: variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
        }
    }
}

impl Settings {
    /// The TOML `file`, where there is one, and over it the `environment`.
    ///
    /// What is wrong already is told with everything else, when a configuration is made of it.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Self {
        let mut faults = Faults::default();
        let file = file.map(|path| dict_of_file(path, &mut faults)).unwrap_or_default();
        let merged = Figment::from(figment::providers::Serialized::defaults(file))
            .merge(environment)
            .extract::<Dict>();
        let values = merged.unwrap_or_else(|_| {
            faults.add("configuration", "cannot be merged");
            Dict::new()
        });
        refuse_strangers(&values, &mut faults);
        let database_url = environment.variable("DATABASE_URL").map(str::to_owned);
        Self { values, faults, database_url, agent: Agent::of(environment) }
    }

    /// What is wrong so far.
    pub(super) fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// The variable by which tools in development name a database.
    pub(super) fn database_url(&self) -> Option<&str> {
        self.database_url.as_deref()
    }

    /// What the container's agent says.
    pub(super) const fn agent(&self) -> &Agent {
        &self.agent
    }

    pub(super) fn find(&self, key: &str) -> Option<&Value> {
        match key.split_once('.') {
            None => self.values.get(key),
            Some((section, key)) => self.values.get(section)?.as_dict()?.get(key),
        }
    }
}

fn dict_of_file(path: &Path, faults: &mut Faults) -> Dict {
    let place = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            faults.add(&place, format!("cannot be read: {error}"));
            return Dict::new();
        }
    };
    Figment::from(Toml::string(&text)).extract().unwrap_or_else(|error| {
        // The first line says where; the lines after it quote the file, and so perhaps a secret.
        let error = error.to_string();
        let place_in_file = error.lines().next().unwrap_or("is not TOML").to_owned();
        faults.add(&place, format!("cannot be parsed: {place_in_file}"));
        Dict::new()
    })
}

/// A name that nobody reads is a mistake that would otherwise be found out in production.
fn refuse_strangers(values: &Dict, faults: &mut Faults) {
    for (section, value) in values {
        let keys = match value {
            Value::Dict(_, keys) if keys::is_section(section) => keys,
            _ if keys::is_key(section) => continue,
            _ => {
                faults.add(section, "is not a key or section of this configuration");
                continue;
            }
        };
        for key in keys.keys() {
            let name = format!("{section}.{key}");
            if !keys::is_key(&name) {
                faults.add(&name, "is not a key of this configuration");
            }
        }
    }
}
