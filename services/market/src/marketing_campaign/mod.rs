//! Marketing campaign: a partner's execution of a campaign.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | DRAFT | CreateMarketingCampaign |
//! | DRAFT | SUBMITTED | SubmitMarketingCampaign |
//! | SUBMITTED | APPROVED | ApproveMarketingCampaign |
//! | SUBMITTED | REJECTED | RejectMarketingCampaign |
//! | APPROVED | SCHEDULED | ScheduleMarketingCampaign |
//! | SCHEDULED | DEPLOYED | DeployMarketingCampaign, or its `schedule_time`, recorded by a sweep or the next command |
//! | DEPLOYED | COMPLETED | CompleteMarketingCampaign |
//! | COMPLETED | RESULTS_REPORTED | ReportMarketingCampaignResults |
//! | DRAFT, SUBMITTED, APPROVED, SCHEDULED | CANCELED | CancelMarketingCampaign |
//!
//! Facts are in the order of the states: none is earlier than the one that led
//! to the current state.

mod api;
mod lookup;
mod operations;
pub(crate) mod store;
mod sweep;

use prost_types::FieldMask;
use stoa_kernel::{
    Error, Result, Timestamp,
    machine::{self, Transition},
    mask, names,
};
use stoa_proto::market::v1::{ErrorReason, MarketingCampaign, MarketingCampaignState as State};

pub(crate) use sweep::deploy_job;

/// A command that moves a campaign from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Create,
    Submit,
    Approve,
    Reject,
    Schedule,
    Deploy,
    Complete,
    ReportResults,
    Cancel,
}

impl Command {
    /// Name of the request field that holds the instant of the command.
    const fn time_field(self) -> &'static str {
        match self {
            Self::Create => "draft_time",
            Self::Submit => "submit_time",
            Self::Approve => "approve_time",
            Self::Reject => "reject_time",
            Self::Schedule => "schedule_time",
            Self::Deploy => "deploy_time",
            Self::Complete => "complete_time",
            Self::ReportResults => "report_time",
            Self::Cancel => "cancel_time",
        }
    }
}

/// The table above.
const TABLE: &[Transition<Command, State>] = &[
    Transition { command: Command::Create, from: &[], to: State::Draft, by: "CreateMarketingCampaign" },
    Transition { command: Command::Submit, from: &[State::Draft], to: State::Submitted, by: "SubmitMarketingCampaign" },
    Transition { command: Command::Approve, from: &[State::Submitted], to: State::Approved, by: "ApproveMarketingCampaign" },
    Transition { command: Command::Reject, from: &[State::Submitted], to: State::Rejected, by: "RejectMarketingCampaign" },
    Transition { command: Command::Schedule, from: &[State::Approved], to: State::Scheduled, by: "ScheduleMarketingCampaign" },
    Transition {
        command: Command::Deploy,
        from: &[State::Scheduled],
        to: State::Deployed,
        by: "DeployMarketingCampaign, or its `schedule_time`, recorded by a sweep or the next command",
    },
    Transition { command: Command::Complete, from: &[State::Deployed], to: State::Completed, by: "CompleteMarketingCampaign" },
    Transition {
        command: Command::ReportResults,
        from: &[State::Completed],
        to: State::ResultsReported,
        by: "ReportMarketingCampaignResults",
    },
    Transition {
        command: Command::Cancel,
        from: &[State::Draft, State::Submitted, State::Approved, State::Scheduled],
        to: State::Canceled,
        by: "CancelMarketingCampaign",
    },
];

/// The only field that may still change after the draft, until the campaign is
/// deployed.
const CHANGEABLE_UNTIL_DEPLOYED: &str = "mdf_request";

/// Creates a draft from the caller's input.
fn new(id: &str, input: &MarketingCampaign, partner: &str, at: Timestamp) -> Result<MarketingCampaign> {
    check_references(input)?;
    Ok(MarketingCampaign {
        name: names::name("marketingCampaigns", id),
        partner: partner.to_owned(),
        state: State::Draft as i32,
        state_time: Some(at.proto()),
        ..input.clone()
    })
}

fn check_references(campaign: &MarketingCampaign) -> Result<()> {
    names::optional_id("marketing_campaign.product_line", "productLines", &campaign.product_line)?;
    names::optional_id("marketing_campaign.mdf_request", "mdfRequests", &campaign.mdf_request)?;
    Ok(())
}

/// Returns the campaign after an update.
fn updated(current: &MarketingCampaign, input: &MarketingCampaign, mask: Option<&FieldMask>) -> Result<MarketingCampaign> {
    let mut next = current.clone();
    let paths = mask::apply(mask, input, &mut next)?;
    check_references(&next)?;
    let open = match current.state() {
        State::Draft => true,
        State::Submitted | State::Approved | State::Scheduled => paths.iter().all(|p| p == CHANGEABLE_UNTIL_DEPLOYED),
        _ => paths.is_empty(),
    };
    if open { Ok(next) } else { Err(Error::state(&current.name, current.state().as_str_name(), State::Draft.as_str_name())) }
}

/// Returns the campaign in its next state, or an error if the command does not
/// apply.
fn with_next_state(current: &MarketingCampaign, command: Command, at: Timestamp) -> Result<MarketingCampaign> {
    let to = machine::next(TABLE, &current.name, current.state(), command)?;
    let since = Timestamp::stored(current.state_time.as_ref()).unwrap_or_default();
    if at < since {
        let message = format!("must not be before {since}, since when the campaign has been {}", current.state().as_str_name());
        return Err(Error::invalid(command.time_field(), message).with_reason(ErrorReason::TimeBeforeState));
    }
    let mut next = current.clone();
    next.set_state(to);
    next.state_time = Some(at.proto());
    match command {
        Command::Submit => next.submit_time = next.state_time,
        Command::Approve => next.approve_time = next.state_time,
        Command::Deploy => next.deploy_time = next.state_time,
        Command::Complete => next.complete_time = next.state_time,
        Command::Create | Command::Reject | Command::Schedule | Command::ReportResults | Command::Cancel => {}
    }
    Ok(next)
}

/// Returns the campaign scheduled for an instant. If that is past, the campaign
/// counts as scheduled at that instant, so that its deployment is not earlier.
fn scheduled(current: &MarketingCampaign, deploys: Timestamp, now: Timestamp) -> Result<MarketingCampaign> {
    let mut next = with_next_state(current, Command::Schedule, deploys.min(now))?;
    next.schedule_time = Some(deploys.proto());
    Ok(next)
}

/// Returns when a scheduled campaign deploys; `None` in any other state.
fn due_time(campaign: &MarketingCampaign) -> Option<Timestamp> {
    Timestamp::stored(campaign.schedule_time.as_ref()).filter(|_| campaign.state() == State::Scheduled)
}

/// Returns the deployed campaign and the instant at which the deployment was
/// due; `None` if that has not come.
fn deployed(campaign: &MarketingCampaign, now: Timestamp) -> Option<(MarketingCampaign, Timestamp)> {
    let due = due_time(campaign).filter(|due| *due <= now)?;
    let at = Some(due.proto());
    Some((MarketingCampaign { state: State::Deployed as i32, state_time: at, deploy_time: at, ..campaign.clone() }, due))
}

/// Returns the campaign as of an instant: DEPLOYED if its deployment is due,
/// whether or not that has been recorded.
fn as_of(campaign: MarketingCampaign, at: Timestamp) -> MarketingCampaign {
    deployed(&campaign, at).map_or(campaign, |(deployed, _)| deployed)
}

#[cfg(test)]
mod tests;
