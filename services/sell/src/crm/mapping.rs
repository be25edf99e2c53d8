//! Translates a row into our terms, or reports everything that is wrong with it.

use stoa_kernel::{Error, Money, Reason, Timestamp, money};
use stoa_proto::common::v1::ErrorReason as Common;
use stoa_proto::sell::v1::{
    CrmConnector, CrmFindingKind as Finding, CrmRow, CrmRowError, Customer, DealRow, ErrorReason, PipelineStage as Stage,
};
use stoa_proto::validate;

use crate::deal;

/// A deal as a row describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapped {
    /// Empty if the row gives none.
    pub(super) display_name: String,
    /// Name of a new deal if the row gives none.
    pub(super) default_name: String,
    pub(super) partner: String,
    pub(super) product_line: String,
    /// The account; `None` if the row names none.
    pub(super) customer: Option<Customer>,
    /// Whether the row says if direct sales own the account.
    pub(super) says_direct: bool,
    pub(super) amount: Option<Money>,
    pub(super) close_date: String,
    pub(super) stage: Stage,
    /// Since when the deal is registered; `None` if it is not.
    pub(super) registered: Option<Timestamp>,
    /// When it was won or lost; `None` if it is open.
    pub(super) closed: Option<Timestamp>,
    pub(super) findings: Vec<Finding>,
}

/// Returns what makes a row malformed: violated limits of the proto, a missing
/// deal, an invalid time.
pub(super) fn violations(row: &CrmRow) -> Vec<CrmRowError> {
    let mut errors: Vec<CrmRowError> =
        validate::violations(row).into_iter().map(|v| error(&v.field, Common::InvalidField, v.message)).collect();
    if row.deal.is_none() && !row.deleted {
        errors.push(error("deal", Common::InvalidField, "is required. Set it.".to_owned()));
    }
    if let Some(time) = &row.remote_time
        && let Err(e) = Timestamp::from_proto("remote_time", time)
    {
        errors.extend(row_errors(&e));
    }
    errors
}

/// Returns the errors of a failure in the form that the result of a row carries.
pub(super) fn row_errors(failure: &Error) -> Vec<CrmRowError> {
    if failure.fields().is_empty() {
        return vec![error("", failure.reason(), failure.message().to_owned())];
    }
    failure.fields().iter().map(|f| error(&f.field, failure.reason(), f.message.clone())).collect()
}

pub(super) fn error(field: &str, reason: impl Into<Reason>, message: String) -> CrmRowError {
    let reason = reason.into().as_str();
    CrmRowError { field: field.to_owned(), reason: reason.to_owned(), message }
}

/// Collects errors instead of stopping at the first, so that one answer names them all.
struct Errors(Vec<CrmRowError>);

impl Errors {
    fn take<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|e| self.0.extend(row_errors(&e))).ok()
    }

    fn add(&mut self, field: &str, reason: ErrorReason, message: String) {
        self.0.push(error(field, reason, message));
    }
}

/// Returns the deal that a row describes, or everything that is wrong with it.
pub(super) fn map(connector: &CrmConnector, row: &DealRow, now: Timestamp) -> Result<Mapped, Vec<CrmRowError>> {
    let mut errors = Errors(Vec::new());
    let product_line = product_line(connector, row, &mut errors);
    let stage = stage(connector, row, &mut errors);
    let amount = amount(connector, row, &mut errors);
    errors.take(deal::check_close_date("deal.close_date", &row.close_date));
    errors.take(stoa_kernel::names::optional_id("deal.partner", "partners", &row.partner));
    let engaged = instant("deal.registered_time", row.registered_time.as_ref(), now, &mut errors);
    let closed = closed(row, stage, engaged, now, &mut errors);
    if !errors.0.is_empty() {
        return Err(errors.0);
    }
    let customer = customer(row);
    let findings = findings(row, customer.as_ref(), stage, amount);
    let known = customer.is_some() && !row.partner.is_empty();
    Ok(Mapped {
        display_name: row.display_name.clone(),
        default_name: default_name(row),
        partner: row.partner.clone(),
        product_line,
        registered: engaged.filter(|_| known),
        customer,
        says_direct: row.direct_account.is_some(),
        amount,
        close_date: row.close_date.clone(),
        stage,
        closed,
        findings,
    })
}

fn product_line(connector: &CrmConnector, row: &DealRow, errors: &mut Errors) -> String {
    if let Some(rule) = connector.product_map.iter().find(|rule| rule.remote_product == row.product) {
        return rule.product_line.clone();
    }
    let message = format!("`{}` is not in the product map of {}. Add it.", row.product, connector.name);
    errors.add("deal.product", ErrorReason::ProductUnmapped, message);
    String::new()
}

fn stage(connector: &CrmConnector, row: &DealRow, errors: &mut Errors) -> Stage {
    if let Some(rule) = connector.stage_map.iter().find(|rule| rule.remote_stage == row.stage) {
        return rule.pipeline_stage();
    }
    let message = format!("`{}` is not in the stage map of {}. Add it.", row.stage, connector.name);
    errors.add("deal.stage", ErrorReason::StageUnmapped, message);
    Stage::Unspecified
}

fn amount(connector: &CrmConnector, row: &DealRow, errors: &mut Errors) -> Option<Money> {
    let code = if row.currency_code.is_empty() { &connector.currency_code } else { &row.currency_code };
    let currency = errors.take(money::currency("deal.currency_code", code))?;
    row.amount_minor_units.map(|minor| Money { minor, currency })
}

fn instant(field: &str, time: Option<&prost_types::Timestamp>, now: Timestamp, errors: &mut Errors) -> Option<Timestamp> {
    let at = errors.take(Timestamp::from_proto(field, time?))?;
    if at > now {
        errors.add(field, ErrorReason::DateInvalid, format!("must not be in the future, but is {at}"));
    }
    Some(at)
}

/// Returns when the deal was closed. A deal that is won or lost must have this
/// time; for an open deal it is ignored.
fn closed(row: &DealRow, stage: Stage, engaged: Option<Timestamp>, now: Timestamp, errors: &mut Errors) -> Option<Timestamp> {
    if !matches!(stage, Stage::Won | Stage::Lost) {
        return None;
    }
    let at = instant("deal.close_time", row.close_time.as_ref(), now, errors);
    match (at, engaged) {
        (None, _) if row.close_time.is_none() => {
            errors.add("deal.close_time", ErrorReason::DateInvalid, "is required for a deal that is won or lost. Set it.".to_owned());
        }
        (Some(at), Some(engaged)) if at < engaged => {
            errors.add("deal.close_time", ErrorReason::DateInvalid, "must not be before registered_time".to_owned());
        }
        _ => {}
    }
    at
}

/// Returns the account; `None` if the row names none.
fn customer(row: &DealRow) -> Option<Customer> {
    if row.account_name.is_empty() && row.account_reference.is_empty() && row.account_domain.is_empty() {
        return None;
    }
    Some(Customer {
        display_name: row.account_name.clone(),
        domain: row.account_domain.clone(),
        country_code: row.country_code.clone(),
        territory: row.territory.clone(),
        vertical: row.vertical.clone(),
        size_segment: row.size_segment.clone(),
        direct_account: row.direct_account.unwrap_or_default(),
        account_reference: row.account_reference.clone(),
        tax_id: String::new(),
    })
}

fn default_name(row: &DealRow) -> String {
    let whole = if row.account_name.is_empty() { row.product.clone() } else { format!("{}: {}", row.account_name, row.product) };
    whole.chars().take(200).collect()
}

fn findings(row: &DealRow, customer: Option<&Customer>, stage: Stage, amount: Option<Money>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if customer.is_none() {
        findings.push(Finding::NoAccount);
    }
    if row.registered_time.is_none() {
        findings.push(Finding::NoEngageDate);
    }
    if stage == Stage::Won && amount.is_none() {
        findings.push(Finding::NoAmount);
    }
    findings
}

/// Returns the message of a finding.
pub(super) fn message(finding: Finding) -> &'static str {
    match finding {
        Finding::Unspecified => "",
        Finding::NoAccount => "the row names no account, so the deal is not registered. Set the account in the CRM.",
        Finding::NoEngageDate => "nobody has engaged yet, so the deal is not registered",
        Finding::NoAmount => "the deal was won without an amount and counts as no revenue. Set the amount in the CRM.",
        Finding::Overlap => "another partner was registered for this customer and product line at the same time",
        Finding::Superseded => "the row is older than the version applied before, so nothing changed",
        Finding::ClaimKept => {
            "the deal is registered here, so its customer, product line and partner stay. The rest of the row was applied."
        }
    }
}
