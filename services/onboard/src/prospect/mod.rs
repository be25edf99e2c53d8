//! Prospect: an organization in recruitment.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | IDENTIFIED | CreateProspect |
//! | IDENTIFIED, NURTURE | CONTACTED | AdvanceProspect |
//! | IDENTIFIED, CONTACTED, NURTURE | ENGAGED | AdvanceProspect |
//! | IDENTIFIED, CONTACTED, ENGAGED, NURTURE | QUALIFIED | AdvanceProspect |
//! | IDENTIFIED, CONTACTED, ENGAGED, QUALIFIED, NURTURE | INVITED | AdvanceProspect |
//! | IDENTIFIED, CONTACTED, ENGAGED, QUALIFIED, INVITED, NURTURE | APPLIED | AdvanceProspect |
//! | IDENTIFIED, CONTACTED, ENGAGED, QUALIFIED, INVITED, APPLIED | CONVERTED | CreateEnrollment |
//! | IDENTIFIED, CONTACTED, ENGAGED, QUALIFIED, INVITED, APPLIED, NURTURE | DISQUALIFIED | CloseProspect |
//! | IDENTIFIED, CONTACTED, ENGAGED, QUALIFIED, INVITED, APPLIED | NURTURE | CloseProspect |
//! | IDENTIFIED, CONTACTED, ENGAGED, QUALIFIED, INVITED, APPLIED, NURTURE | LOST | CloseProspect |
//! | DISQUALIFIED, LOST | IDENTIFIED | ReopenProspect |
//!
//! There is one prospect per organization (domain and country), whatever its
//! state: a closed one is reopened instead of created anew.

mod api;
mod operations;
pub(crate) mod store;

use State::{Applied, Contacted, Converted, Disqualified, Engaged, Identified, Invited, Lost, Nurture, Qualified};
use prost_types::FieldMask;
use stoa_kernel::{
    Error, Result, Timestamp,
    machine::{self, Transition},
    mask, names,
};
use stoa_proto::onboard::v1::{Prospect, ProspectState as State};

pub(crate) use operations::convert;

/// A command that moves a prospect from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Create,
    /// Moves forward to a state; steps may be skipped.
    Advance(State),
    Convert,
    Close(State),
    Reopen,
}

const TABLE: &[Transition<Command, State>] = &[
    Transition { command: Command::Create, from: &[], to: Identified, by: "CreateProspect" },
    forward(&[Identified, Nurture], Contacted),
    forward(&[Identified, Contacted, Nurture], Engaged),
    forward(&[Identified, Contacted, Engaged, Nurture], Qualified),
    forward(&[Identified, Contacted, Engaged, Qualified, Nurture], Invited),
    forward(&[Identified, Contacted, Engaged, Qualified, Invited, Nurture], Applied),
    Transition { command: Command::Convert, from: IN_RECRUITMENT, to: Converted, by: "CreateEnrollment" },
    closing(&[Identified, Contacted, Engaged, Qualified, Invited, Applied, Nurture], Disqualified),
    closing(IN_RECRUITMENT, Nurture),
    closing(&[Identified, Contacted, Engaged, Qualified, Invited, Applied, Nurture], Lost),
    Transition { command: Command::Reopen, from: &[Disqualified, Lost], to: Identified, by: "ReopenProspect" },
];

const IN_RECRUITMENT: &[State] = &[Identified, Contacted, Engaged, Qualified, Invited, Applied];

const fn forward(from: &'static [State], to: State) -> Transition<Command, State> {
    Transition { command: Command::Advance(to), from, to, by: "AdvanceProspect" }
}

const fn closing(from: &'static [State], to: State) -> Transition<Command, State> {
    Transition { command: Command::Close(to), from, to, by: "CloseProspect" }
}

/// Creates a prospect from the caller's input.
fn new(id: &str, input: &Prospect) -> Result<Prospect> {
    names::optional_id("prospect.owner", "persons", &input.owner)?;
    Ok(Prospect { name: names::name("prospects", id), state: Identified as i32, ..input.clone() })
}

/// Returns the prospect after an update. A converted one is updated as a
/// partner.
fn updated(current: &Prospect, input: &Prospect, mask: Option<&FieldMask>) -> Result<Prospect> {
    if current.state() == Converted {
        let needs = format!("a prospect that is not converted (update {} instead)", current.partner);
        return Err(Error::state(&current.name, current.state().as_str_name(), &needs));
    }
    let mut next = current.clone();
    mask::apply(mask, input, &mut next)?;
    names::optional_id("prospect.owner", "persons", &next.owner)?;
    Ok(next)
}

/// Returns the prospect in its next state. `qualify_time` is set when QUALIFIED
/// is first reached or passed.
fn with_next_state(current: &Prospect, command: Command, now: Timestamp) -> Result<Prospect> {
    let mut next = current.clone();
    next.set_state(machine::next(TABLE, &current.name, current.state(), command)?);
    next.close_reason.clear();
    next.competitor.clear();
    if matches!(next.state(), Qualified | Invited | Applied | Converted) && next.qualify_time.is_none() {
        next.qualify_time = Some(now.proto());
    }
    Ok(next)
}

fn closed(current: &Prospect, target: State, reason: &str, competitor: &str, now: Timestamp) -> Result<Prospect> {
    let mut next = with_next_state(current, Command::Close(target), now)?;
    next.close_reason = reason.to_owned();
    next.competitor = competitor.to_owned();
    Ok(next)
}

fn converted(current: &Prospect, partner: &str, now: Timestamp) -> Result<Prospect> {
    Ok(Prospect { partner: partner.to_owned(), ..with_next_state(current, Command::Convert, now)? })
}

/// Returns the domain, in lower case and without `www.`, and the country; empty
/// without a domain.
fn duplicate_key(prospect: &Prospect) -> String {
    if prospect.domain.is_empty() {
        return String::new();
    }
    format!("{}|{}", prospect.domain.trim().to_lowercase().trim_start_matches("www."), prospect.country_code)
}

#[cfg(test)]
mod tests;
