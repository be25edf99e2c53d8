//! Problems with the settings.

use std::fmt;

use figment::{Figment, error::Kind};

/// One problem with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, for example `bus.kind`. Empty if the problem is with a whole
    /// file.
    pub key: String,
    /// Where the value came from.
    pub origin: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// All problems with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl ConfigError {
    pub(crate) fn one(key: &str, origin: impl Into<String>, message: impl Into<String>) -> Self {
        Self(vec![Problem { key: key.to_owned(), origin: origin.into(), message: message.into() }])
    }

    /// Converts figment's errors.
    pub(crate) fn of(figment: &Figment, error: figment::Error) -> Self {
        Self(error.into_iter().map(|e| problem(figment, e)).collect())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            match problem.key.as_str() {
                "" => write!(f, "{}: {}", problem.origin, problem.message)?,
                key => write!(f, "`{key}` ({}): {}", problem.origin, problem.message)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

fn problem(figment: &Figment, error: figment::Error) -> Problem {
    let mut path = error.path.clone();
    let message = match &error.kind {
        Kind::UnknownField(name, known) => {
            if path.last() != Some(name) {
                path.push(name.clone());
            }
            format!("is not a setting. Choose from {}.", known.join(", "))
        }
        Kind::UnknownVariant(is, known) => format!("must be one of {}, is `{is}`", known.join(", ")),
        Kind::MissingField(name) => {
            path.push(name.to_string());
            "must be set".to_owned()
        }
        // The value itself is not repeated: it may be a misplaced secret.
        Kind::InvalidType(_, expected) => format!("has the wrong type: expected {expected}"),
        Kind::InvalidValue(_, expected) => format!("has an invalid value: expected {expected}"),
        other => other.to_string(),
    };
    let key = path.join(".");
    let origin = error.metadata.as_ref().map_or_else(|| origin(figment, &key), |m| m.name.to_string());
    Problem { key, origin, message }
}

/// Where the value of a key came from.
pub(crate) fn origin(figment: &Figment, key: &str) -> String {
    figment.find_metadata(key).map_or_else(|| "not set".to_owned(), |m| m.name.to_string())
}
