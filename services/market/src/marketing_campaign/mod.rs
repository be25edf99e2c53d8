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
//! Facts lie in the order of the states: none before the one that led to the
//! present state.

mod api;
mod operations;
pub(crate) mod store;
mod sweep;

use prost_types::FieldMask;
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, mask, names};
use stoa_proto::market::v1::{ErrorReason, MarketingCampaign, MarketingCampaignState as State};

pub(crate) use sweep::deploy_job;

/// What happens to a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
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
    /// The table above: the states a command leads from, the one it leads to,
    /// and the field that carries its instant.
    const fn row(self) -> (&'static [State], State, &'static str) {
        match self {
            Self::Submit => (&[State::Draft], State::Submitted, "submit_time"),
            Self::Approve => (&[State::Submitted], State::Approved, "approve_time"),
            Self::Reject => (&[State::Submitted], State::Rejected, "reject_time"),
            Self::Schedule => (&[State::Approved], State::Scheduled, "schedule_time"),
            Self::Deploy => (&[State::Scheduled], State::Deployed, "deploy_time"),
            Self::Complete => (&[State::Deployed], State::Completed, "complete_time"),
            Self::ReportResults => (&[State::Completed], State::ResultsReported, "report_time"),
            Self::Cancel => (&[State::Draft, State::Submitted, State::Approved, State::Scheduled], State::Canceled, "cancel_time"),
        }
    }
}

/// Fields that a caller may change in a draft.
const CHANGEABLE: [&str; 5] = ["display_name", "description", "product_line", "co_branded", "mdf_request"];

/// The one of them that may be changed until the campaign is deployed.
const CHANGEABLE_UNTIL_DEPLOYED: &str = "mdf_request";

/// A draft from what the caller sent.
fn new(id: &str, input: &MarketingCampaign, partner: &str, at: Timestamp, cx: &Cx) -> Result<MarketingCampaign> {
    check_references(input)?;
    Ok(MarketingCampaign {
        name: names::name("marketingCampaigns", id),
        partner: partner.to_owned(),
        display_name: input.display_name.clone(),
        description: input.description.clone(),
        product_line: input.product_line.clone(),
        co_branded: input.co_branded,
        mdf_request: input.mdf_request.clone(),
        state: State::Draft as i32,
        state_time: Some(at.proto()),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..MarketingCampaign::default()
    })
}

fn check_references(campaign: &MarketingCampaign) -> Result<()> {
    names::optional_id("marketing_campaign.product_line", "productLines", &campaign.product_line)?;
    names::optional_id("marketing_campaign.mdf_request", "mdfRequests", &campaign.mdf_request)?;
    Ok(())
}

/// The campaign after a change, and the paths that changed.
fn changed(
    current: &MarketingCampaign,
    input: &MarketingCampaign,
    mask: Option<&FieldMask>,
    cx: &Cx,
) -> Result<(MarketingCampaign, Vec<String>)> {
    let mut next = current.clone();
    let paths = mask::apply(mask, &CHANGEABLE, input, &mut next)?;
    check_references(&next)?;
    let open = match current.state() {
        State::Draft => true,
        State::Submitted | State::Approved | State::Scheduled => paths.iter().all(|p| p == CHANGEABLE_UNTIL_DEPLOYED),
        _ => paths.is_empty(),
    };
    if !open {
        return Err(Error::state(&current.name, current.state().as_str_name(), State::Draft.as_str_name()));
    }
    if paths.is_empty() { Ok((next, paths)) } else { Ok((revised(next, cx), paths)) }
}

/// The campaign in its next state, or why it cannot get there.
fn moved(current: &MarketingCampaign, command: Command, at: Timestamp, cx: &Cx) -> Result<MarketingCampaign> {
    let (from, to, field) = command.row();
    if !from.contains(&current.state()) {
        let needs: Vec<&str> = from.iter().map(State::as_str_name).collect();
        return Err(Error::state(&current.name, current.state().as_str_name(), &needs.join(" or ")));
    }
    let since = Timestamp::stored(current.state_time.as_ref()).unwrap_or_default();
    if at < since {
        let message = format!("must not lie before {since}, since when the campaign is {}", current.state().as_str_name());
        return Err(Error::invalid(field, message).with_reason(ErrorReason::TimeBeforeState.as_str_name()));
    }
    let mut next = current.clone();
    next.set_state(to);
    next.state_time = Some(at.proto());
    let stamp = match command {
        Command::Submit => &mut next.submit_time,
        Command::Approve => &mut next.approve_time,
        Command::Deploy => &mut next.deploy_time,
        Command::Complete => &mut next.complete_time,
        Command::Reject | Command::Schedule | Command::ReportResults | Command::Cancel => return Ok(revised(next, cx)),
    };
    *stamp = Some(at.proto());
    Ok(revised(next, cx))
}

/// The campaign with the instant at which it deploys. A past instant is its own
/// fact's instant, too, so that the deployment does not lie before it.
fn scheduled(current: &MarketingCampaign, deploys: Timestamp, cx: &Cx) -> Result<MarketingCampaign> {
    let mut next = moved(current, Command::Schedule, deploys.min(cx.now), cx)?;
    next.schedule_time = Some(deploys.proto());
    Ok(next)
}

fn revised(mut campaign: MarketingCampaign, cx: &Cx) -> MarketingCampaign {
    campaign.etag = etag::next(&campaign.etag);
    campaign.update_time = Some(cx.now.proto());
    campaign
}

/// When a scheduled campaign deploys; nothing in any other state.
fn due_time(campaign: &MarketingCampaign) -> Option<Timestamp> {
    Timestamp::stored(campaign.schedule_time.as_ref()).filter(|_| campaign.state() == State::Scheduled)
}

/// The campaign as it is to be shown at an instant, whether or not its
/// deployment was recorded meanwhile.
fn judged(mut campaign: MarketingCampaign, at: Timestamp) -> MarketingCampaign {
    if let Some(due) = due_time(&campaign).filter(|due| *due <= at) {
        campaign.set_state(State::Deployed);
        campaign.state_time = Some(due.proto());
        campaign.deploy_time = Some(due.proto());
    }
    campaign
}

#[cfg(test)]
mod tests;
