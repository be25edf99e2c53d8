//! Prospect: an organization in recruitment.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | IDENTIFIED | CreateProspect |
//! | IDENTIFIED, CONTACTED, ENGAGED, QUALIFIED, INVITED, NURTURE | a later one, up to APPLIED | AdvanceProspect |
//! | IDENTIFIED … APPLIED, NURTURE | DISQUALIFIED, NURTURE, LOST | CloseProspect |
//! | IDENTIFIED … APPLIED | CONVERTED | CreateEnrollment |
//! | DISQUALIFIED, LOST | IDENTIFIED | ReopenProspect |
//!
//! There is one prospect for an organization (domain and country), whatever its
//! state: one that was closed is taken up again instead of created anew.

mod api;
mod operations;
pub(crate) mod store;

use prost_types::FieldMask;
use stoa_kernel::{Cx, Error, Result, etag, mask, names};
use stoa_proto::onboard::v1::{Prospect, ProspectState as State};

pub(crate) use operations::convert;

/// Fields that a caller may change.
const CHANGEABLE: [&str; 7] = ["display_name", "type", "domain", "country_code", "territory", "vertical", "owner"];

/// A new prospect from what the caller sent.
fn new(id: &str, input: &Prospect, cx: &Cx) -> Result<Prospect> {
    names::optional_id("prospect.owner", "persons", &input.owner)?;
    let mut prospect = Prospect {
        name: names::name("prospects", id),
        close_reason: String::new(),
        competitor: String::new(),
        partner: String::new(),
        qualify_time: None,
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input.clone()
    };
    prospect.set_state(State::Identified);
    Ok(prospect)
}

/// The prospect after a change, and the paths that changed. What became a
/// partner is changed there.
fn changed(current: &Prospect, input: &Prospect, mask: Option<&FieldMask>, cx: &Cx) -> Result<(Prospect, Vec<String>)> {
    etag::check(&current.name, &input.etag, etag::version(&current.etag))?;
    if current.state() == State::Converted {
        let needs = format!("a prospect that is not {} yet; update that", current.partner);
        return Err(Error::state(&current.name, current.state().as_str_name(), &needs));
    }
    let mut next = current.clone();
    let paths = mask::apply(mask, &CHANGEABLE, input, &mut next)?;
    names::optional_id("prospect.owner", "persons", &next.owner)?;
    Ok(if paths.is_empty() { (next, paths) } else { (revised(next, cx), paths) })
}

/// In recruitment: can be advanced, closed and converted.
fn is_open(state: State) -> bool {
    matches!(state, State::Identified | State::Contacted | State::Engaged | State::Qualified | State::Invited | State::Applied)
}

/// Moves a prospect forward. Steps may be left out; QUALIFIED is stamped when
/// it is reached or passed, first time.
fn advanced(current: &Prospect, target: State, cx: &Cx) -> Result<Prospect> {
    let state = current.state();
    let forward = (is_open(state) && (target as i32) > (state as i32)) || state == State::Nurture;
    if !forward {
        return Err(Error::state(&current.name, state.as_str_name(), "an earlier state of recruitment, or NURTURE"));
    }
    let mut next = current.clone();
    next.set_state(target);
    next.close_reason.clear();
    next.competitor.clear();
    if (target as i32) >= (State::Qualified as i32) && next.qualify_time.is_none() {
        next.qualify_time = Some(cx.now.proto());
    }
    Ok(revised(next, cx))
}

fn closed(current: &Prospect, target: State, reason: &str, competitor: &str, cx: &Cx) -> Result<Prospect> {
    let state = current.state();
    let closes = is_open(state) || (state == State::Nurture && target != State::Nurture);
    if !closes {
        return Err(Error::state(&current.name, state.as_str_name(), "a prospect that is in recruitment"));
    }
    let mut next = current.clone();
    next.set_state(target);
    next.close_reason = reason.to_owned();
    next.competitor = competitor.to_owned();
    Ok(revised(next, cx))
}

/// Takes a prospect into recruitment again, from the beginning.
fn reopened(current: &Prospect, cx: &Cx) -> Result<Prospect> {
    let state = current.state();
    if !matches!(state, State::Disqualified | State::Lost) {
        return Err(Error::state(&current.name, state.as_str_name(), "a prospect that is DISQUALIFIED or LOST"));
    }
    let mut next = current.clone();
    next.set_state(State::Identified);
    next.close_reason.clear();
    next.competitor.clear();
    Ok(revised(next, cx))
}

fn converted(current: &Prospect, partner: &str, cx: &Cx) -> Result<Prospect> {
    let state = current.state();
    if !is_open(state) {
        return Err(Error::state(&current.name, state.as_str_name(), "a prospect that is in recruitment"));
    }
    let mut next = current.clone();
    next.set_state(State::Converted);
    next.partner = partner.to_owned();
    if next.qualify_time.is_none() {
        next.qualify_time = Some(cx.now.proto());
    }
    Ok(revised(next, cx))
}

fn revised(mut prospect: Prospect, cx: &Cx) -> Prospect {
    prospect.etag = etag::next(&prospect.etag);
    prospect.update_time = Some(cx.now.proto());
    prospect
}

/// Domain and country, lower-case; empty where there is no domain.
fn duplicate_key(prospect: &Prospect) -> String {
    if prospect.domain.is_empty() {
        return String::new();
    }
    format!("{}|{}", prospect.domain.trim().to_lowercase().trim_start_matches("www."), prospect.country_code)
}

#[cfg(test)]
mod tests;
