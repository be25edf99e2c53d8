//! Deal: a sale on its way, with or without a registration. Registration,
//! pipeline and protection are independent of each other; each has its file.

mod api;
mod conflict;
pub(crate) mod credit;
mod lookup;
mod operations;
pub(crate) mod pipeline;
mod protection;
pub(crate) mod registration;
pub(crate) mod screening;
pub(crate) mod store;
mod sweep;

#[cfg(test)]
mod guard_tests;
#[cfg(test)]
mod service_tests;
#[cfg(test)]
mod state_tests;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;

use prost_types::FieldMask;
use stoa_kernel::{Cx, Error, Kind, Money, Reach, Result, Timestamp, mask, names};
use stoa_proto::common::v1::ErrorReason as Common;
use stoa_proto::sell::v1::{Customer, Deal, ErrorReason, PipelineStage as Stage, RegistrationState as State};

use crate::claim;

pub(crate) use sweep::{expiry_job, reminder_job};

/// A new deal from what the caller sent.
fn new(id: &str, partner: &str, input: &Deal, cx: &Cx) -> Result<Deal> {
    let stage = match input.pipeline_stage() {
        Stage::Unspecified => Stage::Prospecting,
        stage if pipeline::is_open_stage(stage) => stage,
        _ => return Err(Error::invalid("deal.pipeline_stage", "must be an open stage; win or lose the deal afterwards")),
    };
    let state = if partner.is_empty() { State::Unspecified } else { State::Draft };
    let deal = Deal {
        name: names::name("deals", id),
        partner: partner.to_owned(),
        credits: credit::given_or_whole(partner, &input.credits),
        customer: said_by(cx, input.customer.clone(), None),
        registration_state: state.into(),
        pipeline_stage: stage.into(),
        ..input.clone()
    };
    check(&deal)?;
    Ok(deal)
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
    Err(Error::invalid(field, format!("must be a date of the calendar as YYYY-MM-DD, is `{date}`")).with_reason(ErrorReason::DateInvalid))
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

/// The deal after an update, and the paths that changed. What a registration
/// claims stays as it is while it is claimed.
fn updated(current: &Deal, input: &Deal, mask: Option<&FieldMask>, cx: &Cx) -> Result<(Deal, Vec<String>)> {
    pipeline::require_open(current)?;
    let mut input = input.clone();
    input.customer = said_by(cx, input.customer, current.customer.as_ref());
    // Only who names the credits and gives none asks for the default.
    if credit::are_named(mask) {
        input.credits = credit::given_or_whole(&current.partner, &input.credits);
    }
    let mut next = current.clone();
    let paths = mask::apply(mask, &input, &mut next)?;
    check(&next)?;
    check_fixed(current, &next, &paths, cx)?;
    Ok((next, paths))
}

/// What may not change in the state that the registration is in, or not by this
/// caller. A partner's people change neither what a decision was made on nor
/// what another partner gets.
fn check_fixed(current: &Deal, next: &Deal, paths: &[String], cx: &Cx) -> Result<()> {
    let state = registration::state_at(current, cx.now);
    let free = matches!(state, State::Unspecified | State::Draft | State::ActionRequired | State::Conflicted);
    // History claims nobody.
    if !free && !current.imported && claim::differ(current, next) {
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
        return Err(
            Error::new(Kind::PermissionDenied, Common::ScopeExceeded, message).with_field("deal.credits", "is the vendor's to change")
        );
    }
    Ok(())
}
