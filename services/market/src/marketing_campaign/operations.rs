//! Commands on campaigns. A campaign whose `schedule_time` has come is deployed
//! before the command is applied.

use prost_types::Timestamp as Time;
use stoa_events::{Step, record};
use stoa_kernel::{Cx, Result, Timestamp, etag, names};
use stoa_proto::{
    market::v1::{
        ApproveMarketingCampaignRequest, CancelMarketingCampaignRequest, CompleteMarketingCampaignRequest, CreateMarketingCampaignRequest,
        DeployMarketingCampaignRequest, MarketingCampaign, MarketingCampaignApproved, MarketingCampaignCanceled,
        MarketingCampaignCompleted, MarketingCampaignCreated, MarketingCampaignDeployed, MarketingCampaignRejected,
        MarketingCampaignResultsReported, MarketingCampaignScheduled, MarketingCampaignSubmitted, MarketingCampaignUpdated,
        RejectMarketingCampaignRequest, ReportMarketingCampaignResultsRequest, ScheduleMarketingCampaignRequest,
        SubmitMarketingCampaignRequest, UpdateMarketingCampaignRequest,
    },
    onboard::v1::Partner,
};
use stoa_store::{Tx, documents};

use super::{Command, deployed, new, scheduled, store::Campaigns, updated, with_next_state};

/// Drafts a campaign.
pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateMarketingCampaignRequest, partner: &Partner) -> Result<MarketingCampaign> {
    let id = cx.chosen_id("marketing_campaign_id", &request.marketing_campaign_id)?;
    let at = cx.occurred("draft_time", request.draft_time.as_ref())?;
    let campaign = new(&id, &request.marketing_campaign.clone().unwrap_or_default(), &partner.name, at)?;
    record::<Campaigns>(tx, cx, None, [step(Command::Create, campaign, at)]).await
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateMarketingCampaignRequest) -> Result<MarketingCampaign> {
    let input = request.marketing_campaign.clone().unwrap_or_default();
    let current = load(tx, cx, "marketing_campaign.name", &input.name, &input.etag).await?;
    let campaign = updated(&current, &input, request.update_mask.as_ref())?;
    stoa_events::record_changed::<Campaigns, MarketingCampaignUpdated>(tx, cx, &current, campaign).await
}

pub(super) async fn submit(tx: &Tx, cx: &Cx, request: &SubmitMarketingCampaignRequest, _: &()) -> Result<MarketingCampaign> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    advance(tx, cx, &current, Command::Submit, request.submit_time.as_ref(), |_| {}).await
}

pub(super) async fn approve(tx: &Tx, cx: &Cx, request: &ApproveMarketingCampaignRequest) -> Result<MarketingCampaign> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    advance(tx, cx, &current, Command::Approve, request.approve_time.as_ref(), |_| {}).await
}

pub(super) async fn reject(tx: &Tx, cx: &Cx, request: &RejectMarketingCampaignRequest) -> Result<MarketingCampaign> {
    cx.require_tenant_reach()?;
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let why = |next: &mut MarketingCampaign| next.close_reason.clone_from(&request.reason);
    advance(tx, cx, &current, Command::Reject, request.reject_time.as_ref(), why).await
}

/// Sets the instant of the deployment. A past instant deploys the campaign at
/// once.
pub(super) async fn schedule(tx: &Tx, cx: &Cx, request: &ScheduleMarketingCampaignRequest, _: &()) -> Result<MarketingCampaign> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let deploys = Timestamp::from_proto("schedule_time", &request.schedule_time.unwrap_or_default())?;
    let campaign = scheduled(&current, deploys, cx.now)?;
    let deployment = deployed(&campaign, cx.now).map(|(campaign, at)| step(Command::Deploy, campaign, at));
    let steps = [step(Command::Schedule, campaign, deploys.min(cx.now))].into_iter().chain(deployment);
    record::<Campaigns>(tx, cx, Some(&current), steps).await
}

pub(super) async fn deploy(tx: &Tx, cx: &Cx, request: &DeployMarketingCampaignRequest, _: &()) -> Result<MarketingCampaign> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    advance(tx, cx, &current, Command::Deploy, request.deploy_time.as_ref(), |_| {}).await
}

pub(super) async fn complete(tx: &Tx, cx: &Cx, request: &CompleteMarketingCampaignRequest) -> Result<MarketingCampaign> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    advance(tx, cx, &current, Command::Complete, request.complete_time.as_ref(), |_| {}).await
}

pub(super) async fn report_results(tx: &Tx, cx: &Cx, request: &ReportMarketingCampaignResultsRequest) -> Result<MarketingCampaign> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let results = |next: &mut MarketingCampaign| {
        next.audience_count = request.audience_count;
        next.response_count = request.response_count;
        next.lead_count = request.lead_count;
    };
    advance(tx, cx, &current, Command::ReportResults, request.report_time.as_ref(), results).await
}

pub(super) async fn cancel(tx: &Tx, cx: &Cx, request: &CancelMarketingCampaignRequest) -> Result<MarketingCampaign> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    let why = |next: &mut MarketingCampaign| next.close_reason.clone_from(&request.reason);
    advance(tx, cx, &current, Command::Cancel, request.cancel_time.as_ref(), why).await
}

/// Loads, locks and settles the campaign for a caller that may change it. The
/// caller did not ask for a deployment that is due, so the service records it
/// in its own name.
async fn load(tx: &Tx, cx: &Cx, field: &str, name: &str, etag: &str) -> Result<MarketingCampaign> {
    let current = documents::load::<Campaigns>(tx, cx, field, name).await?;
    stoa_directory::require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    etag::require(&current, etag)?;
    settle(tx, &cx.as_service(crate::NAME), current).await
}

/// Deploys a campaign whose `schedule_time` has come, as of that instant.
pub(super) async fn settle(tx: &Tx, cx: &Cx, current: MarketingCampaign) -> Result<MarketingCampaign> {
    let Some((campaign, at)) = deployed(&current, cx.now) else { return Ok(current) };
    record::<Campaigns>(tx, cx, Some(&current), [step(Command::Deploy, campaign, at)]).await
}

async fn advance(
    tx: &Tx,
    cx: &Cx,
    current: &MarketingCampaign,
    command: Command,
    given: Option<&Time>,
    fill: impl FnOnce(&mut MarketingCampaign) + Send,
) -> Result<MarketingCampaign> {
    let at = cx.occurred(command.time_field(), given)?;
    let mut campaign = with_next_state(current, command, at)?;
    fill(&mut campaign);
    record::<Campaigns>(tx, cx, Some(current), [step(command, campaign, at)]).await
}

/// Returns the step of a command: the campaign that it led to, with its event.
fn step(command: Command, campaign: MarketingCampaign, at: Timestamp) -> Step<MarketingCampaign> {
    let step = match command {
        Command::Create => Step::new::<MarketingCampaignCreated>,
        Command::Submit => Step::new::<MarketingCampaignSubmitted>,
        Command::Approve => Step::new::<MarketingCampaignApproved>,
        Command::Reject => Step::new::<MarketingCampaignRejected>,
        Command::Schedule => Step::new::<MarketingCampaignScheduled>,
        Command::Deploy => Step::new::<MarketingCampaignDeployed>,
        Command::Complete => Step::new::<MarketingCampaignCompleted>,
        Command::ReportResults => Step::new::<MarketingCampaignResultsReported>,
        Command::Cancel => Step::new::<MarketingCampaignCanceled>,
    };
    step(campaign).at(at)
}
