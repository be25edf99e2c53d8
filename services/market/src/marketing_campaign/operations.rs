//! What happens to campaigns by command. A campaign whose `schedule_time` has
//! come is deployed before the command that finds it so.

use prost_types::Timestamp as Time;
use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, ids, names};
use stoa_proto::{
    market::v1::{
        ApproveMarketingCampaignRequest, CancelMarketingCampaignRequest, CompleteMarketingCampaignRequest, CreateMarketingCampaignRequest,
        DeployMarketingCampaignRequest, MarketingCampaign, MarketingCampaignApproved, MarketingCampaignCanceled,
        MarketingCampaignCompleted, MarketingCampaignCreated, MarketingCampaignDeployed, MarketingCampaignRejected,
        MarketingCampaignResultsReported, MarketingCampaignScheduled, MarketingCampaignState as State, MarketingCampaignSubmitted,
        MarketingCampaignUpdated, RejectMarketingCampaignRequest, ReportMarketingCampaignResultsRequest, ScheduleMarketingCampaignRequest,
        SubmitMarketingCampaignRequest, UpdateMarketingCampaignRequest,
    },
    onboard::v1::Partner,
};
use stoa_store::Tx;

use super::{Command, changed, due_time, moved, new, scheduled, store};

/// Drafts a campaign of a partner that was looked up before the transaction.
pub(super) async fn create(
    tx: &Tx,
    cx: &Cx,
    request: &CreateMarketingCampaignRequest,
    partner: Result<Partner>,
) -> Result<MarketingCampaign> {
    let partner = partner?.name;
    let id = ids::chosen_or_new("marketing_campaign_id", &request.marketing_campaign_id)?;
    let at = cx.occurred("draft_time", request.draft_time.as_ref())?;
    let campaign = new(&id, &request.marketing_campaign.clone().unwrap_or_default(), &partner, at, cx)?;
    store::insert(tx, cx, &campaign).await?;
    let fact = Fact::new(&campaign.name, 1).partner(&campaign.partner).occurred(at);
    stoa_events::append(tx, cx, fact, &MarketingCampaignCreated { marketing_campaign: Some(campaign.clone()) }).await?;
    Ok(campaign)
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateMarketingCampaignRequest) -> Result<MarketingCampaign> {
    let input = request.marketing_campaign.clone().unwrap_or_default();
    let current = load(tx, cx, "marketing_campaign.name", &input.name, &input.etag).await?;
    let (campaign, paths) = changed(&current, &input, request.update_mask.as_ref(), cx)?;
    if !paths.is_empty() {
        store::save(tx, cx, &campaign).await?;
        let fact = Fact::new(&campaign.name, etag::version(&campaign.etag)).partner(&campaign.partner).changed(paths);
        stoa_events::append(tx, cx, fact, &MarketingCampaignUpdated { marketing_campaign: Some(campaign.clone()) }).await?;
    }
    Ok(campaign)
}

pub(super) async fn submit(tx: &Tx, cx: &Cx, request: &SubmitMarketingCampaignRequest, may: Result<()>) -> Result<MarketingCampaign> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    may?;
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

/// Sets the instant of the deployment; a past one deploys at once.
pub(super) async fn schedule(tx: &Tx, cx: &Cx, request: &ScheduleMarketingCampaignRequest, may: Result<()>) -> Result<MarketingCampaign> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    may?;
    let deploys = Timestamp::from_proto("schedule_time", &request.schedule_time.unwrap_or_default())?;
    let campaign = scheduled(&current, deploys, cx)?;
    record(tx, cx, &campaign, deploys.min(cx.now)).await?;
    settle(tx, cx, campaign).await
}

pub(super) async fn deploy(tx: &Tx, cx: &Cx, request: &DeployMarketingCampaignRequest, may: Result<()>) -> Result<MarketingCampaign> {
    let current = load(tx, cx, "name", &request.name, &request.etag).await?;
    may?;
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

/// The campaign, locked and settled, for a caller that may change it. A
/// deployment that is due is not what the caller asked for: the service records
/// it as its own act.
async fn load(tx: &Tx, cx: &Cx, field: &str, name: &str, sent: &str) -> Result<MarketingCampaign> {
    let id = names::id(field, "marketingCampaigns", name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    stoa_directory::require_writer(tx.conn(), cx, name, names::last(&current.partner)).await?;
    etag::check(name, sent, etag::version(&current.etag))?;
    settle(tx, &cx.as_service(crate::NAME), current).await
}

/// Deploys a campaign whose instant has come, as of that instant.
pub(super) async fn settle(tx: &Tx, cx: &Cx, current: MarketingCampaign) -> Result<MarketingCampaign> {
    let Some(due) = due_time(&current).filter(|due| *due <= cx.now) else { return Ok(current) };
    let campaign = moved(&current, Command::Deploy, due, cx)?;
    record(tx, cx, &campaign, due).await?;
    Ok(campaign)
}

async fn advance(
    tx: &Tx,
    cx: &Cx,
    current: &MarketingCampaign,
    command: Command,
    given: Option<&Time>,
    fill: impl FnOnce(&mut MarketingCampaign) + Send,
) -> Result<MarketingCampaign> {
    let (_, _, field) = command.row();
    let at = cx.occurred(field, given)?;
    let mut campaign = moved(current, command, at, cx)?;
    fill(&mut campaign);
    record(tx, cx, &campaign, at).await?;
    Ok(campaign)
}

/// Writes a new state with its event.
async fn record(tx: &Tx, cx: &Cx, campaign: &MarketingCampaign, at: Timestamp) -> Result<()> {
    store::save(tx, cx, campaign).await?;
    let version = etag::version(&campaign.etag);
    let fact = Fact::new(&campaign.name, version).partner(&campaign.partner).occurred(at).changed(vec!["state".to_owned()]);
    let marketing_campaign = Some(campaign.clone());
    let appended = match campaign.state() {
        State::Submitted => stoa_events::append(tx, cx, fact, &MarketingCampaignSubmitted { marketing_campaign }).await,
        State::Approved => stoa_events::append(tx, cx, fact, &MarketingCampaignApproved { marketing_campaign }).await,
        State::Rejected => stoa_events::append(tx, cx, fact, &MarketingCampaignRejected { marketing_campaign }).await,
        State::Scheduled => stoa_events::append(tx, cx, fact, &MarketingCampaignScheduled { marketing_campaign }).await,
        State::Deployed => stoa_events::append(tx, cx, fact, &MarketingCampaignDeployed { marketing_campaign }).await,
        State::Completed => stoa_events::append(tx, cx, fact, &MarketingCampaignCompleted { marketing_campaign }).await,
        State::ResultsReported => stoa_events::append(tx, cx, fact, &MarketingCampaignResultsReported { marketing_campaign }).await,
        State::Canceled => stoa_events::append(tx, cx, fact, &MarketingCampaignCanceled { marketing_campaign }).await,
        State::Draft | State::Unspecified => Err(Error::internal(format!("{} is moved to no state", campaign.name))),
    };
    appended.map(|_| ())
}
