//! Sources of settings, lowest precedence first.

use std::{fmt, path::PathBuf};

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Format, Toml},
    util::nest,
    value::{Dict, Map, Value},
};
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor, value::SeqAccessDeserializer},
};

use crate::{Config, ConfigError, DEFAULTS, check, error};

const PREFIX: &str = "STOA_";

/// Variables that the command line reads itself. They are not settings.
const COMMAND_LINE_VARIABLES: [&str; 1] = ["STOA_TOKEN"];

/// The sources that settings are read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    environment: Vec<(String, String)>,
    options: Vec<(String, Value)>,
}

impl Sources {
    /// Only the defaults.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The defaults, the environment of the process, and the file that
    /// `STOA_CONFIG` names.
    #[must_use]
    pub fn process() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::none().environment(variables)
    }

    /// Adds environment variables.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, value) in variables.into_iter().filter(|(name, _)| !COMMAND_LINE_VARIABLES.contains(&name.as_str())) {
            match name.strip_prefix(PREFIX) {
                Some("CONFIG") => self.file = Some(value.into()),
                Some(key) if !is_service_link(key, &value) => self.environment.push((name, value)),
                _ => {}
            }
        }
        self.environment.sort();
        self
    }

    /// Sets the file, in place of the one that `STOA_CONFIG` names.
    #[must_use]
    pub fn file(mut self, path: Option<PathBuf>) -> Self {
        self.file = path.or(self.file);
        self
    }

    /// Adds a command-line option, read like an environment variable.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.options.push((key.to_owned(), parse(value)));
        self
    }

    /// Adds a command-line option that is always a string: a path may be called
    /// `1`.
    #[must_use]
    pub fn set_text(mut self, key: &str, value: &str) -> Self {
        self.options.push((key.to_owned(), Value::from(value)));
        self
    }

    /// Reads and checks everything.
    ///
    /// # Errors
    /// Every problem, each with its key and origin.
    pub fn load(self) -> Result<Config, ConfigError> {
        let mut figment = Figment::from(Layer::toml("compiled-in defaults".to_owned(), DEFAULTS)?);
        if let Some(path) = &self.file {
            let origin = format!("file {}", path.display());
            let text = std::fs::read_to_string(path)
                .map_err(|e| ConfigError::one("", &origin, format!("cannot be read ({e}). Correct --config or STOA_CONFIG.")))?;
            figment = figment.merge(Layer::toml(origin, &text)?);
        }
        for (name, value) in &self.environment {
            let key = name.trim_start_matches(PREFIX).to_lowercase().replace("__", ".");
            figment = figment.merge(Layer::key(format!("environment variable {name}"), &key, parse(value)));
        }
        for (key, value) in self.options {
            figment = figment.merge(Layer::key("command line".to_owned(), &key, value));
        }
        let config: Config = figment.extract().map_err(|e| ConfigError::of(&figment, e))?;
        let problems = check::problems(&config, |key| error::origin(&figment, key));
        if problems.is_empty() { Ok(config) } else { Err(ConfigError(problems)) }
    }
}

/// Kubernetes sets variables such as `STOA_SELL_SERVICE_HOST` for services
/// whose names start with `stoa`. They are not settings of ours.
fn is_service_link(key: &str, value: &str) -> bool {
    let names_port = key.split('_').any(|part| part == "PORT");
    let describes_port = value.contains("://") || key.contains("_TCP") || key.contains("_UDP");
    key.ends_with("SERVICE_HOST") || key.contains("SERVICE_PORT") || (names_port && describes_port)
}

fn parse(value: &str) -> Value {
    // Infallible: what is not a TOML value is a string.
    value.parse().unwrap_or_else(|_: std::convert::Infallible| Value::from(value))
}

/// A TOML error without the line that it quotes from the file: the line may
/// hold a secret.
fn without_excerpt(complaint: &str) -> String {
    let lines = complaint.lines().filter(|line| !line.contains('|') && !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

struct Layer {
    origin: String,
    values: Dict,
}

impl Layer {
    fn toml(origin: String, text: &str) -> Result<Self, ConfigError> {
        match Toml::string(text).data() {
            Ok(mut profiles) => Ok(Self { origin, values: profiles.remove(&Profile::Default).unwrap_or_default() }),
            Err(e) => Err(ConfigError::one("", origin, format!("is not valid TOML: {}", without_excerpt(&e.kind.to_string())))),
        }
    }

    fn key(origin: String, key: &str, value: Value) -> Self {
        Self { origin, values: nest(key, value).into_dict().unwrap_or_default() }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// A list of strings, or one comma-separated string, as in an environment
/// variable.
pub(crate) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct List;
    impl<'de> Visitor<'de> for List {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of strings, or one comma-separated string")
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(items))
        }
    }
    deserializer.deserialize_any(List)
}
