//! Deal: a sale on its way, with or without a registration. Registration,
//! pipeline and protection are independent of each other; each has its file.

mod api;
mod claim;
mod close;
pub(crate) mod conflict;
pub(crate) mod credit;
mod decide;
pub(crate) mod facts;
#[cfg(test)]
mod guard_tests;
mod operations;
pub(crate) mod pipeline;
mod protection;
pub(crate) mod registration;
#[cfg(test)]
mod service_tests;
pub(crate) mod store;
mod submit;
mod sweep;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;

use prost_types::FieldMask;
use stoa_kernel::{Cx, Error, Kind, Money, Reach, Result, Timestamp, etag, mask, names};
use stoa_proto::sell::v1::{Customer, Deal, ErrorReason, PipelineStage as Stage, RegistrationState as State};

pub(crate) use claim::{follow as follow_claim, index as index_claim, overlaps};
pub(crate) use sweep::{expiry_job, reminder_job};

/// Fields that a caller may change.
const CHANGEABLE: [&str; 7] = ["display_name", "credits", "product_line", "customer", "amount", "close_date", "kind"];

/// A new deal from what the caller sent; whatever it may not set is dropped.
fn new(id: &str, partner: &str, input: &Deal, cx: &Cx) -> Result<Deal> {
    let stage = match input.pipeline_stage() {
        Stage::Unspecified => Stage::Prospecting,
        stage if pipeline::is_open_stage(stage) => stage,
        _ => return Err(Error::invalid("deal.pipeline_stage", "must be an open stage; win or lose the deal afterwards")),
    };
    let state = if partner.is_empty() { State::Unspecified } else { State::Draft };
    let deal = Deal {
        name: names::name("deals", id),
        display_name: input.display_name.clone(),
        partner: partner.to_owned(),
        credits: credit::given_or_whole(partner, &input.credits),
        product_line: input.product_line.clone(),
        customer: said_by(cx, input.customer.clone(), None),
        amount: input.amount.clone(),
        close_date: input.close_date.clone(),
        kind: input.kind,
        registration_state: state.into(),
        pipeline_stage: stage.into(),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..Deal::default()
    };
    check(&deal)?;
    Ok(deal)
}

/// The next version of a deal.
pub(crate) fn revised(mut deal: Deal, cx: &Cx) -> Deal {
    deal.etag = etag::next(&deal.etag);
    deal.update_time = Some(cx.now.proto());
    deal
}

/// What must hold for every deal, whatever its states.
fn check(deal: &Deal) -> Result<()> {
    if let Some(amount) = &deal.amount {
        Money::not_negative("deal.amount", amount)?;
    }
    check_close_date("deal.close_date", &deal.close_date)?;
    credit::check("deal.credits", &deal.credits)
}

/// A date of the calendar, or none.
pub(crate) fn check_close_date(field: &str, date: &str) -> Result<()> {
    if date.is_empty() || date.parse::<Timestamp>().is_ok() {
        return Ok(());
    }
    Err(Error::invalid(field, format!("must be a date of the calendar as YYYY-MM-DD, is `{date}`"))
        .with_reason(ErrorReason::DateInvalid.as_str_name()))
}

/// Whether a direct account is meant is the vendor's to say: from a partner's
/// caller the customer comes with what it was before.
fn said_by(cx: &Cx, customer: Option<Customer>, before: Option<&Customer>) -> Option<Customer> {
    let customer = customer?;
    if cx.caller.reach == Reach::Tenant {
        return Some(customer);
    }
    Some(Customer { direct_account: before.is_some_and(|c| c.direct_account), ..customer })
}

/// The deal after a change, and the paths that changed. What a registration
/// claims stays as it is while it is claimed.
fn changed(current: &Deal, input: &Deal, mask: Option<&FieldMask>, cx: &Cx) -> Result<(Deal, Vec<String>)> {
    etag::check(&current.name, &input.etag, registration::version(current))?;
    pipeline::require_open(current)?;
    let mut input = input.clone();
    input.customer = said_by(cx, input.customer, current.customer.as_ref());
    // Only who names the credits and gives none asks for the default.
    if mask.is_some_and(|mask| mask.paths.iter().any(|path| path == "credits" || path == "*")) {
        input.credits = credit::given_or_whole(&current.partner, &input.credits);
    }
    let mut next = current.clone();
    let paths = mask::apply(mask, &CHANGEABLE, &input, &mut next)?;
    check(&next)?;
    check_fixed(current, &next, &paths, cx)?;
    Ok(if paths.is_empty() { (next, paths) } else { (revised(next, cx), paths) })
}

/// What may not change in the state that the registration is in, or not by this
/// caller. A partner's people change neither what a decision was made on nor
/// what another partner gets.
fn check_fixed(current: &Deal, next: &Deal, paths: &[String], cx: &Cx) -> Result<()> {
    let state = registration::state_at(current, cx.now);
    let free = matches!(state, State::Unspecified | State::Draft | State::ActionRequired | State::Conflicted);
    // History claims nobody.
    if !free && !current.imported && claims_differ(current, next) {
        let needs = "a registration that is not submitted; customer identifiers and product line are fixed meanwhile";
        return Err(Error::state(&current.name, state.as_str_name(), needs));
    }
    let Reach::Partner(own) = &cx.caller.reach else { return Ok(()) };
    let fixed = paths.iter().find(|path| ["credits", "amount", "customer"].contains(&path.as_str()));
    if let Some(path) = fixed.filter(|_| !free) {
        let needs = format!("a registration that is not submitted; {path} is fixed meanwhile, ask the vendor to change it");
        return Err(Error::state(&current.name, state.as_str_name(), &needs));
    }
    let shared = current.credits.iter().any(|credit| names::last(&credit.partner) != own);
    if shared && paths.iter().any(|path| path == "credits") {
        let message = format!("the credits of {} name other partners too; only the vendor can change them", current.name);
        return Err(Error::new(Kind::PermissionDenied, "SCOPE_EXCEEDED", message).with_field("deal.credits", "is the vendor's to change"));
    }
    Ok(())
}

/// Whether two versions claim different customers or product lines.
pub(crate) fn claims_differ(a: &Deal, b: &Deal) -> bool {
    let keys = |deal: &Deal| deal.customer.as_ref().map(conflict::keys).unwrap_or_default();
    a.product_line != b.product_line || keys(a) != keys(b)
}

/// The customer's domain in the spelling that is compared.
fn customer_domain(deal: &Deal) -> String {
    deal.customer.as_ref().map(conflict::domain).unwrap_or_default()
}
