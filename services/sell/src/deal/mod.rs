//! Deal: a sale on its way, with or without a registration. Registration,
//! pipeline and protection are independent of each other; each has its file.

mod api;
mod claim;
mod close;
pub(crate) mod conflict;
pub(crate) mod credit;
mod decide;
pub(crate) mod facts;
pub(crate) mod pipeline;
mod protection;
pub(crate) mod registration;
#[cfg(test)]
mod service_tests;
pub(crate) mod store;
mod submit;
mod sweep;
#[cfg(test)]
mod tests;

use prost_types::FieldMask;
use stoa_kernel::{Cx, Error, Money, Reach, Result, Timestamp, etag, ids, mask, names};
use stoa_proto::sell::v1::{
    CreateDealRequest, Credit, Customer, Deal, ErrorReason, PipelineStage as Stage, RegistrationState as State, UpdateDealRequest,
};
use stoa_store::Tx;

use crate::product_line;
use facts::{Happened, Step};

pub(crate) use claim::{index as index_claim, overlaps};
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
        customer: input.customer.clone(),
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

/// The deal after a change, and the paths that changed. What a registration
/// claims stays as it is while it is claimed.
fn changed(current: &Deal, input: &Deal, mask: Option<&FieldMask>, cx: &Cx) -> Result<(Deal, Vec<String>)> {
    etag::check(&current.name, &input.etag, registration::version(current))?;
    pipeline::require_open(current)?;
    let input = Deal { credits: credit::given_or_whole(&current.partner, &input.credits), ..input.clone() };
    let mut next = current.clone();
    let paths = mask::apply(mask, &CHANGEABLE, &input, &mut next)?;
    check(&next)?;
    let state = registration::state_at(current, cx.now);
    let free = matches!(state, State::Unspecified | State::Draft | State::ActionRequired | State::Conflicted);
    if !free && claims_differ(current, &next) {
        let needs = "a registration that is not submitted; customer identifiers and product line are fixed meanwhile";
        return Err(Error::state(&current.name, state.as_str_name(), needs));
    }
    Ok(if paths.is_empty() { (next, paths) } else { (revised(next, cx), paths) })
}

/// Whether two versions claim different customers or product lines.
pub(crate) fn claims_differ(a: &Deal, b: &Deal) -> bool {
    let keys = |deal: &Deal| deal.customer.as_ref().map(conflict::keys).unwrap_or_default();
    a.product_line != b.product_line || keys(a) != keys(b)
}

/// The name of the partner that a new deal is for: the caller's own, or the one
/// that the vendor's people name; empty for a direct deal.
fn partner_of(cx: &Cx, named: &str) -> Result<String> {
    let id = names::optional_id("deal.partner", "partners", named)?;
    if id.is_empty() && cx.caller.reach == Reach::Tenant {
        return Ok(String::new());
    }
    Ok(names::name("partners", &cx.partner_for_write("deal.partner", id)?))
}

async fn create(tx: &Tx, cx: &Cx, request: &CreateDealRequest) -> Result<Deal> {
    let input = request.deal.clone().unwrap_or_default();
    let id = ids::chosen_or_new("deal_id", &request.deal_id)?;
    let partner = partner_of(cx, &input.partner)?;
    credit::check_reach(cx, "deal.credits", &input.credits)?;
    let deal = new(&id, &partner, &input, cx)?;
    if !deal.product_line.is_empty() {
        product_line::require(tx, cx, "deal.product_line", &deal.product_line).await?;
    }
    facts::write(tx, cx, None, vec![Step::now(cx, deal, Happened::Created)]).await
}

async fn update(tx: &Tx, cx: &Cx, request: &UpdateDealRequest) -> Result<Deal> {
    let input = request.deal.clone().unwrap_or_default();
    let current = load(tx, cx, "deal.name", &input.name, "").await?;
    let (deal, paths) = changed(&current, &input, request.update_mask.as_ref(), cx)?;
    if paths.iter().any(|path| path == "credits") {
        credit::check_reach(cx, "deal.credits", &deal.credits)?;
    }
    if paths.iter().any(|path| path == "product_line") && !deal.product_line.is_empty() {
        product_line::require(tx, cx, "deal.product_line", &deal.product_line).await?;
    }
    let steps = if paths.is_empty() { Vec::new() } else { vec![Step::now(cx, deal, Happened::Updated(paths))] };
    facts::write(tx, cx, Some(&current), steps).await
}

/// The deal that a write is about, locked. Who may only see it, as a
/// distributor its dealer's, does not write it.
async fn load(tx: &Tx, cx: &Cx, field: &str, name: &str, sent: &str) -> Result<Deal> {
    let id = names::id(field, "deals", name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    cx.partner_for_write(field, names::last(&current.partner)).or_else(|error| match cx.caller.reach {
        Reach::Tenant => Ok(String::new()),
        Reach::Partner(_) => Err(error),
    })?;
    etag::check(name, sent, registration::version(&current))?;
    Ok(current)
}

/// The customer's domain in the spelling that is compared.
fn customer_domain(deal: &Deal) -> String {
    deal.customer.as_ref().map(|customer: &Customer| conflict::domain(customer)).unwrap_or_default()
}

/// The partners that the credits of a request name.
fn credited(credits: &[Credit]) -> impl Iterator<Item = &str> {
    credits.iter().map(|credit| credit.partner.as_str())
}
