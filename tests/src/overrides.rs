//! What requests need beyond what their descriptors say.

use anyhow::{Context, Result};
use prost_reflect::MethodDescriptor;
use serde_json::Value;
use stoa_proto::describe;

/// Method, fields in the JSON of the API (`{deals}` is a known deal), reason.
pub const OVERRIDES: &[(&str, &str, &str)] = &[
    ("CreateCommissionRule", r#"{"commissionRule": {"rateBasisPoints": 100}}"#, "a rule has one of two rewards"),
    (
        "CreateExchangeRate",
        r#"{"exchangeRate": {"baseCurrency": "EUR", "quoteCurrency": "USD", "date": "2026-01-01"}}"#,
        "a correction may leave out what a new rate must have",
    ),
    (
        "BatchCreateExchangeRates",
        r#"{"exchangeRates": [{"baseCurrency": "CHF", "quoteCurrency": "USD", "date": "2026-01-01", "rateNanos": "1000000000"}]}"#,
        "a correction may leave out what a new rate must have",
    ),
    ("CreateAgreement", r#"{"agreement": {"partner": "", "prospect": "{prospects}"}}"#, "an agreement has one of two parties"),
    ("UpdateTier", r#"{"updateMask": "displayName"}"#, "a rank belongs to one tier of its program"),
    ("UpdateTenantSettings", r#"{"tenantSettings": {"timeZone": "UTC"}}"#, "a time zone must be an IANA name"),
    ("BulkEnroll", r#"{"row": {"program": "{programs}"}}"#, "a row without a program takes the tenant's default program"),
    (
        "BatchPushChanges",
        r#"{"rows": [{"object": "CRM_OBJECT_DEAL", "remoteId": "1", "remoteVersion": "1", "deal": {"product": "Edge", "stage": "Open"}}]}"#,
        "what a row holds depends on its object, and its values on the connector's maps",
    ),
    (
        "PushChanges",
        r#"{"connector": "{crmConnectors}", "row": {"deal": {"product": "Edge", "stage": "Open"}}}"#,
        "what a row holds depends on its object, and its values on the connector's maps",
    ),
    ("ListEvents", r#"{"service": "onboard"}"#, "a service is not a resource"),
    ("ReadEvents", r#"{"service": "onboard"}"#, "a service is not a resource"),
    ("ListParkedEvents", r#"{"service": "incentivize"}"#, "a service is not a resource"),
    ("ReplayParkedEvents", r#"{"service": "incentivize"}"#, "a service is not a resource"),
];

/// Returns the overrides of a method; null if it has none.
///
/// # Errors
/// If the entry of the method is not JSON.
pub(crate) fn for_method(method: &MethodDescriptor) -> Result<Value> {
    let found = OVERRIDES.iter().find(|(name, ..)| *name == method.name());
    found.map_or(Ok(Value::Null), |(name, json, _)| serde_json::from_str(json).with_context(|| format!("the override of {name}")))
}

/// Returns the entries that name no method of the API.
#[must_use]
pub fn idle() -> Vec<&'static str> {
    let known: Vec<String> = describe::methods().map(|m| m.name().to_owned()).collect();
    OVERRIDES.iter().map(|(name, ..)| *name).filter(|name| !known.iter().any(|k| k == name)).collect()
}
