//! The sale itself, apart from its registration.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | an open stage | CreateDeal |
//! | an open stage | another open stage | AdvanceDealStage |
//! | an open stage | WON | WinDeal |
//! | an open stage | LOST | LoseDeal |
//! | WON, LOST | as corrected, with a link to what was known before | CorrectDeal |

use stoa_kernel::{Cx, Error, Money, Result, Timestamp};
use stoa_proto::sell::v1::{CorrectDealRequest, Deal, DealCorrection, ErrorReason, PipelineStage as Stage};

use super::{credit, registration, revised};

/// Neither won, lost nor deleted.
pub(crate) fn is_open(deal: &Deal) -> bool {
    is_open_stage(deal.pipeline_stage()) && deal.delete_time.is_none()
}

pub(crate) fn is_open_stage(stage: Stage) -> bool {
    matches!(stage, Stage::Prospecting | Stage::Engaging | Stage::Proposing | Stage::Negotiating)
}

pub(super) fn require_open(deal: &Deal) -> Result<()> {
    if is_open(deal) {
        return Ok(());
    }
    Err(Error::state(&deal.name, deal.pipeline_stage().as_str_name(), "an open deal; correct a closed one instead"))
}

pub(crate) fn staged(current: &Deal, to: Stage, cx: &Cx) -> Result<Deal> {
    require_open(current)?;
    if current.pipeline_stage() == to {
        return Err(Error::state(&current.name, to.as_str_name(), "another stage"));
    }
    let mut next = current.clone();
    next.set_pipeline_stage(to);
    Ok(revised(next, cx))
}

pub(crate) fn won(current: &Deal, amount: Option<Money>, at: Timestamp, cx: &Cx) -> Result<Deal> {
    require_open(current)?;
    let mut next = current.clone();
    next.set_pipeline_stage(Stage::Won);
    if let Some(amount) = amount {
        next.amount = Some(amount.proto());
    }
    next.win_time = Some(at.proto());
    Ok(revised(next, cx))
}

pub(crate) fn lost(current: &Deal, reason: &str, competitor: &str, at: Timestamp, cx: &Cx) -> Result<Deal> {
    require_open(current)?;
    let mut next = current.clone();
    next.set_pipeline_stage(Stage::Lost);
    next.lose_reason = reason.to_owned();
    next.competitor = competitor.to_owned();
    next.lose_time = Some(at.proto());
    Ok(revised(next, cx))
}

/// When the deal was won or lost.
pub(crate) fn close_time(deal: &Deal) -> Option<Timestamp> {
    Timestamp::stored(deal.win_time.as_ref().or(deal.lose_time.as_ref()))
}

/// A closed deal as it should have been. The version that it replaces is named,
/// with the values that it had.
pub(super) fn corrected(current: &Deal, request: &CorrectDealRequest, cx: &Cx) -> Result<Deal> {
    let before = current.pipeline_stage();
    if !matches!(before, Stage::Won | Stage::Lost) {
        return Err(Error::state(&current.name, before.as_str_name(), "a deal that is won or lost; update an open one instead"));
    }
    let outcome = if request.outcome() == Stage::Unspecified { before } else { request.outcome() };
    let close = match &request.close_time {
        Some(time) => Timestamp::from_proto("close_time", time)?,
        None => close_time(current).unwrap_or(cx.now),
    };
    if close > cx.now {
        return Err(Error::invalid("close_time", "must not lie in the future").with_reason(ErrorReason::DateInvalid.as_str_name()));
    }
    let mut next = current.clone();
    next.corrections.push(DealCorrection {
        correct_time: Some(cx.now.proto()),
        corrected_version: registration::version(current),
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
        return Err(Error::invalid("amount", "must be set: the deal has none"));
    }
    if !request.credits.is_empty() {
        credit::check("credits", &request.credits)?;
        next.credits.clone_from(&request.credits);
    }
    Ok(revised(next, cx))
}

/// The deal was deleted where it came from.
pub(crate) fn deleted(current: &Deal, at: Timestamp, cx: &Cx) -> Result<Deal> {
    require_open(current)?;
    let mut next = current.clone();
    next.delete_time = Some(at.proto());
    Ok(revised(next, cx))
}
