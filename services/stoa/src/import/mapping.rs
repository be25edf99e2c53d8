//! The mapping rules of an import, as a user can see and change them.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, bail};
use figment::{
    Figment,
    providers::{Format, Toml},
};
use serde::Deserialize;
use stoa_kernel::Timestamp;
use stoa_proto::sell::v1::PipelineStage;

/// The rules that an import uses unless others are given.
pub const DEFAULT_MAPPING: &str = include_str!("crm-mapping.toml");

/// How a CRM export is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// ID of the connector registration.
    pub connector: String,
    /// Name of the CRM.
    pub system: String,
    /// ISO 4217 code of the amounts. The files do not contain it.
    pub currency: String,
    /// Business date from which all organizations count as enrolled.
    pub enrollment_effective: String,
    /// Program in which they are enrolled.
    pub program: String,
    /// Display name of the program.
    pub program_name: String,
    /// Tiers of the program, the entry tier first.
    pub tiers: Vec<TierRule>,
    /// Format of dates, in the notation of `strptime`.
    pub date_format: String,
    /// Pipeline stages, by the stages of the export.
    pub stages: BTreeMap<String, String>,
    /// Spellings of products that differ from the product list.
    pub product_spellings: BTreeMap<String, String>,
    /// Spellings of sectors.
    pub sector_spellings: BTreeMap<String, String>,
}

/// A tier to create.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierRule {
    /// ID.
    pub id: String,
    /// Name.
    pub name: String,
    /// Rank, 1 for the entry tier.
    pub rank: i32,
    /// Required revenue over 365 days, in whole units of the currency.
    pub revenue_threshold: i64,
}

impl Mapping {
    /// Reads the rules from a file, or the default ones.
    ///
    /// # Errors
    /// If the file cannot be read, or a key or value in it is invalid.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let text = match file {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read the mapping {}", path.display()))?,
            None => DEFAULT_MAPPING.to_owned(),
        };
        let mapping: Self = Figment::from(Toml::string(&text))
            .extract()
            .context("the mapping is invalid (compare it with `stoa import crm --print-mapping`)")?;
        mapping.effective("UTC")?;
        for (theirs, ours) in &mapping.stages {
            if Self::pipeline_stage(ours).is_none() {
                bail!("stages.{theirs}: `{ours}` is not a pipeline stage. Use PROSPECTING, ENGAGING, PROPOSING, NEGOTIATING, WON or LOST.");
            }
        }
        Ok(mapping)
    }

    /// Returns the instant from which organizations are enrolled: 00:00 on the date in
    /// the tenant's time zone.
    ///
    /// # Errors
    /// If the date is not `YYYY-MM-DD`.
    pub fn effective(&self, zone: &str) -> Result<Timestamp> {
        let date: jiff::civil::Date = self.enrollment_effective.parse().context("enrollment_effective must be a date YYYY-MM-DD")?;
        Ok(Timestamp::start_of(date, zone)?)
    }

    /// Returns a pipeline stage by its short name.
    #[must_use]
    pub fn pipeline_stage(name: &str) -> Option<PipelineStage> {
        PipelineStage::from_str_name(&format!("PIPELINE_STAGE_{name}")).filter(|s| *s != PipelineStage::Unspecified)
    }

    /// Parses a date of the export as 00:00 on that date in the tenant's time zone.
    /// `None` if the text is empty.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn date(&self, text: &str, zone: &str) -> Result<Option<Timestamp>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = |e: jiff::Error| format!("`{text}` is not a date in the format {}: {e}", self.date_format);
        let date = jiff::civil::Date::strptime(&self.date_format, text).map_err(wrong)?;
        Timestamp::start_of(date, zone).map(Some).map_err(|e| e.message().to_owned())
    }
}

/// Derives an ID from a name: lowercase letters and digits, with hyphens for the
/// rest.
#[must_use]
pub fn slug(name: &str) -> String {
    let mut id = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            id.push(c);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    id.trim_end_matches('-').chars().take(63).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_mapping_is_valid() {
        let mapping = Mapping::load(None).unwrap();
        assert_eq!(mapping.effective("UTC").unwrap().to_string(), "2016-10-20T00:00:00Z");
        assert_eq!(mapping.effective("America/New_York").unwrap().to_string(), "2016-10-20T04:00:00Z");
        assert_eq!(mapping.date("20-10-16", "UTC").unwrap().unwrap().to_string(), "2016-10-20T00:00:00Z");
        assert_eq!(mapping.date("20-12-16", "America/New_York").unwrap().unwrap().to_string(), "2016-12-20T05:00:00Z");
        assert_eq!(mapping.date("", "UTC").unwrap(), None);
        assert!(mapping.date("2016-10-20", "UTC").is_err());
    }

    #[test]
    fn slugs_are_valid_ids() {
        assert_eq!(slug("Mei-Mei Johns"), "mei-mei-johns");
        assert_eq!(slug("  GTX Plus (Pro) "), "gtx-plus-pro");
    }
}
