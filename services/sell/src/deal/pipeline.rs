//! The sale itself, apart from its registration.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | PROSPECTING | CreateDeal, a CRM row |
//! | (none) | ENGAGING | CreateDeal, a CRM row |
//! | (none) | PROPOSING | CreateDeal, a CRM row |
//! | (none) | NEGOTIATING | CreateDeal, a CRM row |
//! | ENGAGING, PROPOSING, NEGOTIATING | PROSPECTING | AdvanceDealStage, a CRM row |
//! | PROSPECTING, PROPOSING, NEGOTIATING | ENGAGING | AdvanceDealStage, a CRM row |
//! | PROSPECTING, ENGAGING, NEGOTIATING | PROPOSING | AdvanceDealStage, a CRM row |
//! | PROSPECTING, ENGAGING, PROPOSING | NEGOTIATING | AdvanceDealStage, a CRM row |
//! | PROSPECTING, ENGAGING, PROPOSING, NEGOTIATING | WON | WinDeal, a CRM row |
//! | PROSPECTING, ENGAGING, PROPOSING, NEGOTIATING | LOST | LoseDeal, a CRM row |
//! | WON, LOST | WON | CorrectDeal |
//! | WON, LOST | LOST | CorrectDeal |
//!
//! A correction is linked to what it replaces. A deal that was deleted in its
//! CRM keeps its stage and is no longer open.

use stoa_kernel::{
    Cx, Error, Money, Result, Timestamp, etag,
    machine::{self, Transition},
};
use stoa_proto::sell::v1::{CorrectDealRequest, Deal, DealCorrection, ErrorReason, PipelineStage as Stage};

use super::credit;

/// A command that moves a deal from one stage to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Create,
    Advance(Stage),
    Win,
    Lose,
    Correct(Stage),
}

const OPEN: &[Stage] = &[Stage::Prospecting, Stage::Engaging, Stage::Proposing, Stage::Negotiating];
const CLOSED: &[Stage] = &[Stage::Won, Stage::Lost];

const fn create(to: Stage) -> Transition<Command, Stage> {
    Transition { command: Command::Create, from: &[], to, by: "CreateDeal, a CRM row" }
}

const fn advance(from: &'static [Stage], to: Stage) -> Transition<Command, Stage> {
    Transition { command: Command::Advance(to), from, to, by: "AdvanceDealStage, a CRM row" }
}

pub(super) const TABLE: &[Transition<Command, Stage>] = &[
    create(Stage::Prospecting),
    create(Stage::Engaging),
    create(Stage::Proposing),
    create(Stage::Negotiating),
    advance(&[Stage::Engaging, Stage::Proposing, Stage::Negotiating], Stage::Prospecting),
    advance(&[Stage::Prospecting, Stage::Proposing, Stage::Negotiating], Stage::Engaging),
    advance(&[Stage::Prospecting, Stage::Engaging, Stage::Negotiating], Stage::Proposing),
    advance(&[Stage::Prospecting, Stage::Engaging, Stage::Proposing], Stage::Negotiating),
    Transition { command: Command::Win, from: OPEN, to: Stage::Won, by: "WinDeal, a CRM row" },
    Transition { command: Command::Lose, from: OPEN, to: Stage::Lost, by: "LoseDeal, a CRM row" },
    Transition { command: Command::Correct(Stage::Won), from: CLOSED, to: Stage::Won, by: "CorrectDeal" },
    Transition { command: Command::Correct(Stage::Lost), from: CLOSED, to: Stage::Lost, by: "CorrectDeal" },
];

/// Whether the deal is neither won, lost nor deleted.
pub(crate) fn is_open(deal: &Deal) -> bool {
    is_open_stage(deal.pipeline_stage()) && deal.delete_time.is_none()
}

pub(crate) fn is_open_stage(stage: Stage) -> bool {
    OPEN.contains(&stage)
}

pub(super) fn require_open(deal: &Deal) -> Result<()> {
    if is_open(deal) {
        return Ok(());
    }
    Err(Error::state(&deal.name, deal.pipeline_stage().as_str_name(), "an open deal. Correct a closed deal instead."))
}

/// Returns the deal, which must be open, after a command.
fn with_next_stage(current: &Deal, command: Command) -> Result<Deal> {
    require_open(current)?;
    let mut next = current.clone();
    next.set_pipeline_stage(machine::next(TABLE, &current.name, current.pipeline_stage(), command)?);
    Ok(next)
}

pub(crate) fn staged(current: &Deal, to: Stage) -> Result<Deal> {
    with_next_stage(current, Command::Advance(to))
}

pub(crate) fn won(current: &Deal, amount: Option<Money>, at: Timestamp) -> Result<Deal> {
    let mut next = with_next_stage(current, Command::Win)?;
    if let Some(amount) = amount {
        next.amount = Some(amount.proto());
    }
    next.win_time = Some(at.proto());
    Ok(next)
}

pub(crate) fn lost(current: &Deal, reason: &str, competitor: &str, at: Timestamp) -> Result<Deal> {
    let mut next = with_next_stage(current, Command::Lose)?;
    next.lose_reason = reason.to_owned();
    next.competitor = competitor.to_owned();
    next.lose_time = Some(at.proto());
    Ok(next)
}

/// Returns when the deal was won or lost.
pub(crate) fn close_time(deal: &Deal) -> Option<Timestamp> {
    Timestamp::stored(deal.win_time.as_ref().or(deal.lose_time.as_ref()))
}

/// Returns a closed deal as it should have been. The correction names the
/// version that it replaces, with the values of that version.
pub(super) fn corrected(current: &Deal, request: &CorrectDealRequest, cx: &Cx) -> Result<Deal> {
    let before = current.pipeline_stage();
    if !CLOSED.contains(&before) {
        return Err(Error::state(&current.name, before.as_str_name(), "a deal that is won or lost. Update an open deal instead."));
    }
    let outcome = if request.outcome() == Stage::Unspecified { before } else { request.outcome() };
    let outcome = machine::next(TABLE, &current.name, before, Command::Correct(outcome))?;
    let close = match &request.close_time {
        Some(time) => Timestamp::from_proto("close_time", time)?,
        None => close_time(current).unwrap_or(cx.now),
    };
    if close > cx.now {
        return Err(Error::invalid("close_time", "must not be in the future").with_reason(ErrorReason::DateInvalid));
    }
    let mut next = current.clone();
    next.corrections.push(DealCorrection {
        correct_time: Some(cx.now.proto()),
        corrected_version: etag::version(&current.etag),
        actor: cx.caller.subject.clone(),
        reason: request.reason.clone(),
        pipeline_stage_before: current.pipeline_stage,
        amount_before: current.amount.clone(),
        close_time_before: close_time(current).map(Timestamp::proto),
        credits_before: current.credits.clone(),
    });
    next.set_pipeline_stage(outcome);
    next.win_time = (outcome == Stage::Won).then(|| close.proto());
    next.lose_time = (outcome == Stage::Lost).then(|| close.proto());
    if outcome == Stage::Won {
        next.lose_reason.clear();
        next.competitor.clear();
    }
    if let Some(amount) = &request.amount {
        next.amount = Some(Money::not_negative("amount", amount)?.proto());
    }
    if outcome == Stage::Won && next.amount.is_none() {
        return Err(Error::invalid("amount", "must be set, because the deal has no amount"));
    }
    if !request.credits.is_empty() {
        credit::check("credits", &request.credits)?;
        next.credits.clone_from(&request.credits);
    }
    Ok(next)
}

/// Returns the deal after it was deleted in its CRM.
pub(crate) fn deleted(current: &Deal, at: Timestamp) -> Result<Deal> {
    require_open(current)?;
    let mut next = current.clone();
    next.delete_time = Some(at.proto());
    Ok(next)
}
