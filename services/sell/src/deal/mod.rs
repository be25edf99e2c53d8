//! Deal: a sale in progress, with or without a registration. Registration,
//! pipeline and protection are independent of each other; each has its own
//! file.

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

/// Creates a deal from the caller's input.
fn new(id: &str, partner: &str, input: &Deal, cx: &Cx) -> Result<Deal> {
    let stage = match input.pipeline_stage() {
        Stage::Unspecified => Stage::Prospecting,
        stage if pipeline::is_open_stage(stage) => stage,
        _ => return Err(Error::invalid("deal.pipeline_stage", "must be an open stage. Win or lose the deal after it is created.")),
    };
    let state = if partner.is_empty() { State::Unspecified } else { State::Draft };
    let deal = Deal {
        name: names::name("deals", id),
        partner: partner.to_owned(),
        credits: credit::given_or_whole(partner, &input.credits),
        customer: permitted_customer(cx, input.customer.clone(), None),
        registration_state: state.into(),
        pipeline_stage: stage.into(),
        ..input.clone()
    };
    check(&deal)?;
    Ok(deal)
}

/// Checks what must hold for every deal, in any state.
fn check(deal: &Deal) -> Result<()> {
    if let Some(amount) = &deal.amount {
        Money::not_negative("deal.amount", amount)?;
    }
    check_close_date("deal.close_date", &deal.close_date)?;
    credit::check("deal.credits", &deal.credits)
}

/// Refuses a date that does not exist. Empty is allowed.
pub(crate) fn check_close_date(field: &str, date: &str) -> Result<()> {
    if date.is_empty() || date.parse::<Timestamp>().is_ok() {
        return Ok(());
    }
    Err(Error::invalid(field, format!("must be a calendar date in the form YYYY-MM-DD, but is `{date}`"))
        .with_reason(ErrorReason::DateInvalid))
}

/// Returns the customer that a caller may set. Only the vendor says whether the
/// customer is a direct account; from a partner's caller, that stays as it was.
fn permitted_customer(cx: &Cx, customer: Option<Customer>, before: Option<&Customer>) -> Option<Customer> {
    let customer = customer?;
    if cx.caller.reach == Reach::Tenant {
        return Some(customer);
    }
    Some(Customer { direct_account: before.is_some_and(|c| c.direct_account), ..customer })
}

/// Returns the deal after an update, and the paths that changed. What a
/// registration claims cannot change while it is claimed.
fn updated(current: &Deal, input: &Deal, mask: Option<&FieldMask>, cx: &Cx) -> Result<(Deal, Vec<String>)> {
    pipeline::require_open(current)?;
    let mut input = input.clone();
    input.customer = permitted_customer(cx, input.customer, current.customer.as_ref());
    // Only an update that names the credits and gives none asks for the default.
    if credit::are_named(mask) {
        input.credits = credit::given_or_whole(&current.partner, &input.credits);
    }
    let mut next = current.clone();
    let paths = mask::apply(mask, &input, &mut next)?;
    check(&next)?;
    check_fixed(current, &next, &paths, cx)?;
    Ok((next, paths))
}

/// Refuses changes that the state of the registration or the caller does not
/// allow. A partner's people change neither what a decision was based on nor
/// what another partner gets.
fn check_fixed(current: &Deal, next: &Deal, paths: &[String], cx: &Cx) -> Result<()> {
    let state = registration::state_at(current, cx.now);
    let free = matches!(state, State::Unspecified | State::Draft | State::ActionRequired | State::Conflicted);
    // History claims no customer.
    if !free && !current.imported && claim::differ(current, next) {
        let needs = "a registration in DRAFT, ACTION_REQUIRED or CONFLICTED. Otherwise customer identifiers and product line are fixed.";
        return Err(Error::state(&current.name, state.as_str_name(), needs));
    }
    let own = match &cx.caller.reach {
        Reach::Tenant => return Ok(()),
        Reach::Partner(own) => own.as_str(),
        Reach::Object(_) => "",
    };
    let fixed = paths.iter().find(|path| ["credits", "amount", "customer"].contains(&path.as_str()));
    if let Some(path) = fixed.filter(|_| !free) {
        let needs =
            format!("a registration in DRAFT, ACTION_REQUIRED or CONFLICTED. Otherwise {path} is fixed. Ask the vendor to change it.");
        return Err(Error::state(&current.name, state.as_str_name(), &needs));
    }
    let shared = current.credits.iter().any(|credit| names::last(&credit.partner) != own);
    if shared && paths.iter().any(|path| path == "credits") {
        let message = format!("the credits of {} also name other partners. Ask the vendor to change them.", current.name);
        return Err(Error::new(Kind::PermissionDenied, Common::ScopeExceeded, message)
            .with_field("deal.credits", "can be changed only by the vendor"));
    }
    Ok(())
}
