//! The section `auth`: who may vouch for callers, and what roles may do.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::source;

/// Tokens and roles.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Issuers whose tokens are accepted.
    pub issuers: Vec<Issuer>,
    /// The development key.
    pub local_key: LocalKeySetting,
    /// Roles that differ from the built-in table.
    pub roles: BTreeMap<String, Vec<String>>,
    /// File of the key that services sign with. If empty, a file in `data_dir`.
    pub service_key: PathBuf,
}

/// An issuer and what it may vouch for. A token that claims more is refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Value of `iss`.
    pub issuer: String,
    /// Values of `aud`, one of which a token must name.
    #[serde(deserialize_with = "source::list")]
    pub audiences: Vec<String>,
    /// Tenants that it may speak for. `*` means all.
    #[serde(deserialize_with = "source::list")]
    pub tenants: Vec<String>,
    /// Its public keys, as a JSON Web Key Set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<String>,
    /// File of its public keys. Read again if a token names an unknown key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_file: Option<PathBuf>,
    /// URL of its public keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// Names of the claims in its tokens.
    #[serde(default)]
    pub claims: ClaimNames,
    /// Roles that it may grant. If empty, all but `admin` and `platform`.
    #[serde(default, deserialize_with = "source::list")]
    pub roles: Vec<String>,
    /// How its subjects become persons.
    #[serde(default)]
    pub subjects: Subjects,
}

impl Issuer {
    /// Whether there is a tenant that both may speak for.
    pub(crate) fn shares_a_tenant_with(&self, other: &Self) -> bool {
        let all = |issuer: &Self| issuer.tenants.iter().any(|tenant| tenant == "*");
        all(self) || all(other) || self.tenants.iter().any(|tenant| other.tenants.contains(tenant))
    }
}

/// How an issuer's subjects become the persons and services that objects and
/// events name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subjects {
    /// A subject that is an ID is the ID of a person, as is what follows
    /// `persons/` or `services/`. Others are derived.
    #[default]
    Given,
    /// Every subject is derived from itself and the issuer, so that no subject
    /// of another issuer becomes the same person.
    Derived,
}

/// Names of claims.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClaimNames {
    /// Subject.
    pub subject: String,
    /// Tenant.
    pub tenant: String,
    /// Roles: a list, or one string separated by spaces.
    pub roles: String,
    /// Partner that the caller belongs to: `partners/{partner}` or its ID.
    pub partner: String,
    /// Connector registration: `crmConnectors/{crm_connector}` or its ID.
    pub connector: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            subject: "sub".to_owned(),
            tenant: "tenant".to_owned(),
            roles: "roles".to_owned(),
            partner: "partner".to_owned(),
            connector: "connector".to_owned(),
        }
    }
}

/// Whether the development key is kept, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalKeySetting {
    /// In the data folder.
    On,
    /// Not at all.
    Off,
    /// In this file.
    Path(PathBuf),
}

impl<'de> Deserialize<'de> for LocalKeySetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "must be \"on\", \"off\" or a path")]
        enum Raw {
            Switch(bool),
            Text(String),
        }
        Ok(match Raw::deserialize(deserializer)? {
            Raw::Switch(true) => Self::On,
            Raw::Switch(false) => Self::Off,
            Raw::Text(text) => match text.as_str() {
                "on" => Self::On,
                "" | "off" => Self::Off,
                path => Self::Path(path.into()),
            },
        })
    }
}

impl Serialize for LocalKeySetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::On => serializer.serialize_str("on"),
            Self::Off => serializer.serialize_str("off"),
            Self::Path(path) => serializer.collect_str(&path.display()),
        }
    }
}
