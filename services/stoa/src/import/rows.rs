//! Reads the files of an export into rows. Pure apart from reading the files.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;
use stoa_kernel::ids;
use stoa_proto::sell::v1::{CrmObject, CrmRow, DealRow};

use super::mapping::{Mapping, slug};

/// A sales agent with manager and office.
#[derive(Debug, Clone, Deserialize)]
pub struct Agent {
    /// Name of the agent.
    pub sales_agent: String,
    /// Name of the manager.
    pub manager: String,
    /// Regional office.
    pub regional_office: String,
}

/// A product of the list.
#[derive(Debug, Clone, Deserialize)]
pub struct Product {
    /// Name.
    pub product: String,
    /// Series, which is the product line.
    pub series: String,
}

/// An account.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// Name.
    pub account: String,
    /// Sector.
    pub sector: String,
    /// Number of employees.
    pub employees: String,
}

/// A line of the pipeline.
#[derive(Debug, Clone, Deserialize)]
struct Opportunity {
    opportunity_id: String,
    sales_agent: String,
    product: String,
    account: String,
    deal_stage: String,
    engage_date: String,
    close_date: String,
    close_value: String,
}

/// A line of the pipeline, with the row to push or the reason why it is invalid.
pub struct Line {
    /// Line number in the file. The header is line 1.
    pub number: u64,
    /// ID of the opportunity. Empty if it could not be read.
    pub id: String,
    /// Product line of its product. Empty if unknown.
    pub product_line: String,
    /// The row, or the reason.
    pub row: Result<CrmRow, String>,
}

/// The contents of an export.
pub struct Export {
    /// Sales agents.
    pub agents: Vec<Agent>,
    /// Products.
    pub products: Vec<Product>,
    accounts: BTreeMap<String, Account>,
}

fn read<T: for<'a> Deserialize<'a>>(dir: &Path, file: &str) -> Result<Vec<T>> {
    let path = dir.join(file);
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(&path).with_context(|| format!("cannot read {}", path.display()))?;
    reader.deserialize().collect::<Result<Vec<T>, _>>().with_context(|| format!("cannot parse {}", path.display()))
}

impl Export {
    /// Reads the files that the pipeline refers to.
    ///
    /// # Errors
    /// If a file is missing or malformed.
    pub fn load(dir: &Path) -> Result<Self> {
        let accounts: Vec<Account> = read(dir, "accounts.csv")?;
        Ok(Self {
            agents: read(dir, "sales_teams.csv")?,
            products: read(dir, "products.csv")?,
            accounts: accounts.into_iter().map(|a| (a.account.clone(), a)).collect(),
        })
    }

    /// Returns line numbers in `sales_teams.csv` by the ID of the agent or office. An
    /// office is on several lines and has the number of the first.
    #[must_use]
    pub fn agent_lines(&self) -> BTreeMap<String, u64> {
        let mut lines = BTreeMap::new();
        for (agent, line) in self.agents.iter().zip(2..) {
            lines.entry(slug(&agent.regional_office)).or_insert(line);
            lines.entry(slug(&agent.sales_agent)).or_insert(line);
        }
        lines
    }

    /// Returns the product line of a product, which is spelled as in the export.
    #[must_use]
    pub fn product_line(&self, product: &str, mapping: &Mapping) -> Option<&str> {
        let listed = mapping.product_spellings.get(product).map_or(product, String::as_str);
        self.products.iter().find(|p| p.product == listed).map(|p| p.series.as_str())
    }

    /// Reads every line of the pipeline, valid or not. Dates are days in a time zone.
    ///
    /// # Errors
    /// If the file cannot be read at all.
    pub fn lines(&self, dir: &Path, mapping: &Mapping, zone: &str) -> Result<Vec<Line>> {
        let path = dir.join("sales_pipeline.csv");
        let builder = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(&path);
        let mut reader = builder.with_context(|| format!("cannot read {}", path.display()))?;
        let headers = reader.headers().with_context(|| format!("cannot read the header of {}", path.display()))?.clone();
        let mut lines = Vec::new();
        for (index, record) in reader.records().enumerate() {
            let fallback = index as u64 + 2;
            lines.push(match record {
                Ok(record) => {
                    // A record's own position is the end of the previous line.
                    let number = record.position().map_or(fallback, |p| p.line().max(fallback));
                    let id = record.get(0).unwrap_or_default().to_owned();
                    let row = record.deserialize(Some(&headers)).map_err(|e| e.to_string());
                    let row = row.and_then(|o| self.row(&o, mapping, zone));
                    let product = row.as_ref().ok().and_then(|row| row.deal.as_ref()).map(|deal| deal.product.as_str());
                    let product_line = product.and_then(|product| self.product_line(product, mapping)).unwrap_or_default().to_owned();
                    Line { number, id, product_line, row }
                }
                Err(error) => Line { number: fallback, id: String::new(), product_line: String::new(), row: Err(error.to_string()) },
            });
        }
        Ok(lines)
    }

    fn row(&self, line: &Opportunity, mapping: &Mapping, zone: &str) -> Result<CrmRow, String> {
        let agent = self.agents.iter().find(|a| a.sales_agent == line.sales_agent);
        let agent = agent.ok_or_else(|| format!("sales_agent `{}` is not in sales_teams.csv", line.sales_agent))?;
        let stage = mapping.stages.get(&line.deal_stage);
        let stage = stage.ok_or_else(|| format!("deal_stage `{}` has no rule in the mapping", line.deal_stage))?;
        let account = match line.account.as_str() {
            "" => None,
            name => Some(self.accounts.get(name).ok_or_else(|| format!("account `{name}` is not in accounts.csv"))?),
        };
        let engaged = mapping.date(&line.engage_date, zone).map_err(|e| format!("engage_date {e}"))?;
        let closed = mapping.date(&line.close_date, zone).map_err(|e| format!("close_date {e}"))?;
        let closes = matches!(stage.as_str(), "WON" | "LOST");
        if closes && closed.is_none() {
            return Err(format!("close_date is empty, although the deal is {}", line.deal_stage));
        }
        let deal = DealRow {
            display_name: format!("{} {}", line.account, line.product).trim().to_owned(),
            partner: format!("partners/{}", slug(&agent.sales_agent)),
            product: line.product.clone(),
            stage: line.deal_stage.clone(),
            account_name: account.map(|a| a.account.clone()).unwrap_or_default(),
            account_reference: account.map(|a| slug(&a.account)).unwrap_or_default(),
            territory: slug(&agent.regional_office),
            vertical: account.map(|a| vertical(a, mapping)).unwrap_or_default(),
            size_segment: account.map(|a| size_segment(&a.employees).to_owned()).unwrap_or_default(),
            amount_minor_units: amount(&line.close_value, mapping)?,
            currency_code: mapping.currency.clone(),
            registered_time: engaged.map(|t| t.proto()),
            close_time: closed.filter(|_| closes).map(|t| t.proto()),
            ..Default::default()
        };
        let version = ids::derived(&[
            &line.sales_agent,
            &line.product,
            &line.account,
            &line.deal_stage,
            &line.engage_date,
            &line.close_date,
            &line.close_value,
        ]);
        Ok(CrmRow {
            object: CrmObject::Deal as i32,
            remote_object: "opportunity".to_owned(),
            remote_id: line.opportunity_id.clone(),
            remote_version: version,
            deal: Some(deal),
            ..Default::default()
        })
    }
}

fn vertical(account: &Account, mapping: &Mapping) -> String {
    slug(mapping.sector_spellings.get(&account.sector).unwrap_or(&account.sector))
}

fn size_segment(employees: &str) -> &'static str {
    match employees.parse::<u64>() {
        Ok(0..=999) => "small",
        Ok(1000..=4999) => "mid-market",
        Ok(_) => "enterprise",
        Err(_) => "",
    }
}

/// Parses the amount in minor units. `None` if the field is empty.
fn amount(text: &str, mapping: &Mapping) -> Result<Option<i64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let currency = stoa_kernel::money::currency("currency", &mapping.currency).map_err(|e| e.message().to_owned())?;
    let digits = stoa_kernel::money::exponent(currency) as usize;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let wrong = || format!("close_value `{text}` is not a non-negative amount with at most {digits} decimals");
    if part.len() > digits || !part.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let minor: i64 = format!("{whole}{part:0<digits$}").parse().map_err(|_| wrong())?;
    if minor < 0 { Err(wrong()) } else { Ok(Some(minor)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        let mapping = Mapping::load(None).unwrap();
        assert_eq!(amount("1054", &mapping).unwrap(), Some(105_400));
        assert_eq!(amount("10.5", &mapping).unwrap(), Some(1050));
        assert_eq!(amount("", &mapping).unwrap(), None);
        for bad in ["-1", "1.234", "1,000", "x", "1.2x"] {
            assert!(amount(bad, &mapping).is_err(), "{bad}");
        }
    }
}
