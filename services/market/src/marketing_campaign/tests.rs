mod callers;

use proptest::prelude::*;
use stoa_kernel::Reach;
use stoa_proto::market::v1::{
    ApproveMarketingCampaignRequest, CancelMarketingCampaignRequest, CompleteMarketingCampaignRequest, CreateMarketingCampaignRequest,
    DeployMarketingCampaignRequest, GetMarketingCampaignRequest, ListMarketingCampaignsRequest, MarketingCampaignDeployed,
    RejectMarketingCampaignRequest, ReportMarketingCampaignResultsRequest, ScheduleMarketingCampaignRequest,
    SubmitMarketingCampaignRequest, UpdateMarketingCampaignRequest, marketing_campaign_service_server::MarketingCampaignService,
};
use stoa_testkit::states_agree;
use tonic::{Code, Response, Status};

use super::*;
use crate::testing::{Bench, NOT_ENROLLED, bench, occurred, reason};

const COMMANDS: [Command; 8] = [
    Command::Submit,
    Command::Approve,
    Command::Reject,
    Command::Schedule,
    Command::Deploy,
    Command::Complete,
    Command::ReportResults,
    Command::Cancel,
];

fn on(day: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000).plus_days(day)
}

fn draft() -> MarketingCampaign {
    let input = MarketingCampaign { display_name: "C".into(), co_branded: true, ..MarketingCampaign::default() };
    new("c", &input, "partners/p", on(0)).unwrap()
}

fn apply(campaign: &MarketingCampaign, command: Command, days_off: i64, now: Timestamp) -> Result<MarketingCampaign> {
    match command {
        Command::Schedule => scheduled(campaign, now.plus_days(days_off), now),
        _ => with_next_state(campaign, command, now.plus_days(days_off.min(0))),
    }
}

proptest! {
    /// Commands on increasing days, as of earlier days or scheduled for later
    /// ones.
    #[test]
    fn any_sequence_keeps_the_invariants(commands in prop::collection::vec((0_usize..8, 0_i64..3, -4_i64..4), 0..25)) {
        let (mut campaign, mut day) = (draft(), 0);
        for (command, passed, off) in commands {
            day += passed;
            let (before, now) = (campaign.clone(), on(day));
            let to = LEADS.iter().find(|(state, _)| *state == before.state()).and_then(|(_, to)| to[command]);
            match apply(&campaign, COMMANDS[command], off, now) {
                Ok(next) => {
                    prop_assert_eq!(Some(next.state()), to);
                    let at = |c: &MarketingCampaign| Timestamp::stored(c.state_time.as_ref()).unwrap();
                    prop_assert!(at(&before) <= at(&next) && at(&next) <= now, "facts are in order, none in the future");
                    campaign = next;
                }
                Err(error) => {
                    let reason = if to.is_some() { "TIME_BEFORE_STATE" } else { "STATE_INVALID" };
                    prop_assert_eq!(error.reason(), reason);
                }
            }
            let state = campaign.state();
            let reached = |s: &[State]| s.contains(&state);
            let out = reached(&[State::Deployed, State::Completed, State::ResultsReported]);
            prop_assert_eq!(campaign.deploy_time.is_some(), out, "deployed once, never undone");
            prop_assert_eq!(campaign.complete_time.is_some(), reached(&[State::Completed, State::ResultsReported]));
            prop_assert!(!out || (campaign.submit_time.is_some() && campaign.approve_time.is_some() && campaign.schedule_time.is_some()));
            prop_assert_eq!(due_time(&campaign).is_some(), state == State::Scheduled);
        }
    }
}

/// All states, and where each of `COMMANDS` leads from them; `None` if it is
/// refused. Written out, so that it does not depend on the table that it tests.
const LEADS: [(State, [Option<State>; 8]); 9] = {
    const NO: Option<State> = None;
    const CANCELED: Option<State> = Some(State::Canceled);
    [
        (State::Draft, [Some(State::Submitted), NO, NO, NO, NO, NO, NO, CANCELED]),
        (State::Submitted, [NO, Some(State::Approved), Some(State::Rejected), NO, NO, NO, NO, CANCELED]),
        (State::Approved, [NO, NO, NO, Some(State::Scheduled), NO, NO, NO, CANCELED]),
        (State::Rejected, [NO; 8]),
        (State::Scheduled, [NO, NO, NO, NO, Some(State::Deployed), NO, NO, CANCELED]),
        (State::Deployed, [NO, NO, NO, NO, NO, Some(State::Completed), NO, NO]),
        (State::Completed, [NO, NO, NO, NO, NO, NO, Some(State::ResultsReported), NO]),
        (State::ResultsReported, [NO; 8]),
        (State::Canceled, [NO; 8]),
    ]
};

#[test]
fn every_state_and_command_is_in_the_table() {
    for (state, row) in LEADS {
        let mut campaign = draft();
        campaign.set_state(state);
        for (command, wanted) in COMMANDS.into_iter().zip(row) {
            match (apply(&campaign, command, 0, on(1)), wanted) {
                (Ok(next), Some(to)) => assert_eq!(next.state(), to, "{state:?} {command:?}"),
                (Err(error), None) => assert_eq!(error.reason(), "STATE_INVALID", "{state:?} {command:?}"),
                (result, wanted) => panic!("{state:?} {command:?} gives {result:?}, not {wanted:?}"),
            }
        }
    }
    let all: Vec<i32> = LEADS.iter().map(|(state, _)| *state as i32).collect();
    assert_eq!(all, (1..=9).collect::<Vec<_>>(), "no state is left out");
    assert!(State::try_from(10).is_err(), "a new state needs a row");
}

#[test]
fn a_scheduled_campaign_is_deployed_from_its_instant_on() {
    let mut campaign = draft();
    campaign.set_state(State::Approved);
    let campaign = scheduled(&campaign, on(5), on(1)).unwrap();
    assert_eq!(as_of(campaign.clone(), on(5).plus_micros(-1)), campaign);
    let shown = as_of(campaign, on(5));
    assert_eq!((shown.state(), shown.deploy_time), (State::Deployed, Some(on(5).proto())));
}

#[test]
fn after_the_draft_only_the_mdf_request_may_change() {
    let mut campaign = draft();
    let with = |c: &MarketingCampaign| MarketingCampaign { mdf_request: "mdfRequests/m".into(), ..c.clone() };
    let renamed = |c: &MarketingCampaign| MarketingCampaign { display_name: "other".into(), ..c.clone() };
    assert_eq!(updated(&campaign, &renamed(&campaign), None).unwrap(), renamed(&campaign));
    campaign.set_state(State::Scheduled);
    assert_eq!(updated(&campaign, &with(&campaign), None).unwrap(), with(&campaign));
    assert_eq!(updated(&campaign, &renamed(&campaign), None).unwrap_err().reason(), "STATE_INVALID");
    campaign.set_state(State::Deployed);
    assert_eq!(updated(&campaign, &with(&campaign), None).unwrap_err().reason(), "STATE_INVALID");
    assert_eq!(updated(&campaign, &campaign, None).unwrap(), campaign);
}

#[test]
fn the_table_is_documented() {
    stoa_testkit::documented(TABLE, include_str!("mod.rs"), "stoa.market.v1.MarketingCampaignState");
}

#[tokio::test]
async fn rows_and_reads_agree_on_the_state() {
    let bench = bench().await;
    let (store, cx) = (&bench.deps.store, bench.cx(Reach::Tenant));
    let campaign = |id: &str, state: State, schedule_time: Option<Timestamp>, deploy_time: Option<Timestamp>| MarketingCampaign {
        name: names::name("marketingCampaigns", id),
        state: state as i32,
        schedule_time: schedule_time.map(Timestamp::proto),
        deploy_time: deploy_time.map(Timestamp::proto),
        ..draft()
    };
    let due = on(5);
    let mut campaigns = vec![
        campaign("due", State::Scheduled, Some(due), None),
        campaign("due-later", State::Scheduled, Some(due.plus_micros(1)), None),
        campaign("canceled", State::Canceled, Some(due), None),
        campaign("out", State::Deployed, Some(due), Some(on(1))),
        campaign("over", State::Completed, Some(on(1)), Some(on(1))),
    ];
    for state in [State::Draft, State::Submitted, State::Approved, State::Rejected, State::ResultsReported] {
        campaigns.push(campaign(&state.as_str_name().to_lowercase(), state, None, None));
    }
    let instants = [due.plus_micros(-1), due, due.plus_micros(1)];
    states_agree::<store::Campaigns, State>(store, &cx, ("state", |campaign| campaign.state), campaigns, &instants).await;
}

const NAME: &str = "marketingCampaigns/c";

type Answer = Result<Response<MarketingCampaign>, Status>;

fn drafted(id: &str, partner: &str) -> CreateMarketingCampaignRequest {
    let campaign =
        MarketingCampaign { partner: partner.to_owned(), display_name: "Autumn".into(), co_branded: true, ..MarketingCampaign::default() };
    CreateMarketingCampaignRequest {
        marketing_campaign_id: id.to_owned(),
        marketing_campaign: Some(campaign),
        ..CreateMarketingCampaignRequest::default()
    }
}

async fn submit(bench: &Bench) -> Answer {
    let request = SubmitMarketingCampaignRequest { name: NAME.into(), ..SubmitMarketingCampaignRequest::default() };
    bench.api.submit_marketing_campaign(bench.as_partner("acme", request)).await
}

async fn approve(bench: &Bench) -> Answer {
    let request = ApproveMarketingCampaignRequest { name: NAME.into(), ..ApproveMarketingCampaignRequest::default() };
    bench.api.approve_marketing_campaign(bench.as_vendor(request)).await
}

async fn schedule(bench: &Bench, days: i64) -> Answer {
    let request = ScheduleMarketingCampaignRequest {
        name: NAME.into(),
        schedule_time: bench.in_days(days),
        ..ScheduleMarketingCampaignRequest::default()
    };
    bench.api.schedule_marketing_campaign(bench.as_partner("acme", request)).await
}

async fn complete(bench: &Bench) -> Answer {
    let request = CompleteMarketingCampaignRequest { name: NAME.into(), ..CompleteMarketingCampaignRequest::default() };
    bench.api.complete_marketing_campaign(bench.as_partner("acme", request)).await
}

async fn get(bench: &Bench) -> MarketingCampaign {
    let request = GetMarketingCampaignRequest { name: NAME.into() };
    bench.api.get_marketing_campaign(bench.as_partner("acme", request)).await.unwrap().into_inner()
}

async fn listed(bench: &Bench, filter: &str) -> usize {
    let request = ListMarketingCampaignsRequest { filter: filter.to_owned(), ..ListMarketingCampaignsRequest::default() };
    bench.api.list_marketing_campaigns(bench.as_vendor(request)).await.unwrap().into_inner().marketing_campaigns.len()
}

/// Creates the service with an approved campaign of `acme`.
async fn approved() -> Bench {
    let bench = bench().await;
    let draft = bench.api.create_marketing_campaign(bench.as_vendor(drafted("c", "partners/acme"))).await.unwrap().into_inner();
    assert_eq!((draft.partner.as_str(), draft.state()), ("partners/acme", State::Draft));
    submit(&bench).await.unwrap();
    approve(&bench).await.unwrap();
    bench
}

#[tokio::test]
async fn the_job_deploys_a_scheduled_campaign_as_of_its_instant() {
    let bench = approved().await;
    let job = deploy_job(&bench.api.deps);
    let due = bench.now().plus_days(5);
    assert_eq!(schedule(&bench, 5).await.unwrap().into_inner().state(), State::Scheduled);
    bench.handle.set(due.plus_micros(-1));
    assert_eq!((bench.run(&job).await, get(&bench).await.state()), (0, State::Scheduled));
    let not_out = format!("deploy_time = null OR deploy_time > \"{due}\"");
    assert_eq!((listed(&bench, &not_out).await, listed(&bench, "deploy_time != null").await), (1, 0));
    bench.handle.set(due.plus_days(1));
    assert_eq!(get(&bench).await.state(), State::Deployed, "before any sweep");
    assert_eq!((listed(&bench, &not_out).await, listed(&bench, "deploy_time != null").await), (0, 1), "before any sweep");
    let since = format!("state = DEPLOYED AND deploy_time <= \"{due}\" AND partner = \"partners/acme\"");
    assert_eq!((listed(&bench, &since).await, listed(&bench, "state = SCHEDULED").await), (1, 0));
    assert_eq!((bench.run(&job).await, bench.run(&job).await), (1, 0));
    assert_eq!((listed(&bench, &since).await, listed(&bench, "state = SCHEDULED").await), (1, 0));

    let results = ReportMarketingCampaignResultsRequest {
        name: NAME.into(),
        audience_count: 900,
        response_count: 80,
        lead_count: 9,
        ..ReportMarketingCampaignResultsRequest::default()
    };
    assert_eq!(reason(bench.api.report_marketing_campaign_results(bench.as_partner("acme", results.clone())).await), "STATE_INVALID");
    complete(&bench).await.unwrap();
    let done = bench.api.report_marketing_campaign_results(bench.as_partner("acme", results)).await.unwrap().into_inner();
    assert_eq!((done.state(), done.audience_count, done.response_count, done.lead_count), (State::ResultsReported, 900, 80, 9));

    let verbs = ["created", "submitted", "approved", "scheduled", "deployed", "completed", "results_reported"];
    assert_eq!(bench.subjects().await, verbs.map(|verb| format!("marketing_campaign.{verb}")));
    let events = bench.events().await;
    assert_eq!(events.iter().map(|e| e.version).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((occurred(&events[4]), events[4].actor.as_str(), events[4].partner.as_str()), (due, "services/market", "partners/acme"));
    let deployed: MarketingCampaignDeployed = stoa_events::decode(&events[4]).unwrap();
    let campaign = deployed.marketing_campaign.unwrap();
    assert!(campaign.co_branded && campaign.deploy_time == Some(due.proto()));
}

#[tokio::test]
async fn a_command_that_comes_before_the_job_finds_the_campaign_deployed() {
    let bench = approved().await;
    let seen = schedule(&bench, 2).await.unwrap().into_inner();
    bench.handle.set(bench.now().plus_days(3));
    let cancel = CancelMarketingCampaignRequest { name: NAME.into(), reason: "late".into(), ..CancelMarketingCampaignRequest::default() };
    assert_eq!(reason(bench.api.cancel_marketing_campaign(bench.as_partner("acme", cancel)).await), "STATE_INVALID");
    assert_eq!(bench.subjects().await.len(), 4, "a refused command records nothing");
    let request = CompleteMarketingCampaignRequest { name: NAME.into(), etag: seen.etag, ..CompleteMarketingCampaignRequest::default() };
    assert_eq!(
        bench.api.complete_marketing_campaign(bench.as_partner("acme", request)).await.unwrap().into_inner().state(),
        State::Completed
    );
    assert_eq!(bench.subjects().await[4..], ["marketing_campaign.deployed", "marketing_campaign.completed"]);
    let events = bench.events().await;
    assert_eq!(occurred(&events[4]), bench.now().plus_days(-1));
    let actors: Vec<&str> = events[4..].iter().map(|e| e.actor.as_str()).collect();
    assert_eq!(actors, ["services/market", "persons/caller"], "the caller did not ask for the deployment");
}

#[test]
fn an_mdf_request_is_named_by_its_collection() {
    let named = |name: &str| {
        let input = MarketingCampaign { display_name: "C".into(), mdf_request: name.into(), ..MarketingCampaign::default() };
        new("c", &input, "partners/p", on(0))
    };
    assert!(named("mdfRequests/m").is_ok() && named("").is_ok());
    for bad in ["m", "mdfRequests/", "mdfClaims/m", "mdfRequests/m/x"] {
        assert_eq!(named(bad).unwrap_err().fields()[0].field, "marketing_campaign.mdf_request", "{bad}");
    }
}

#[tokio::test]
async fn history_is_taken_in_the_order_of_its_facts() {
    let bench = bench().await;
    let draft = CreateMarketingCampaignRequest { draft_time: bench.in_days(-30), ..drafted("c", "partners/acme") };
    bench.api.create_marketing_campaign(bench.as_vendor(draft)).await.unwrap();
    let submit =
        SubmitMarketingCampaignRequest { name: NAME.into(), submit_time: bench.in_days(-20), ..SubmitMarketingCampaignRequest::default() };
    bench.api.submit_marketing_campaign(bench.as_vendor(submit)).await.unwrap();
    let approve = |days| ApproveMarketingCampaignRequest {
        name: NAME.into(),
        approve_time: bench.in_days(days),
        ..ApproveMarketingCampaignRequest::default()
    };
    assert_eq!(reason(bench.api.approve_marketing_campaign(bench.as_vendor(approve(-21))).await), "TIME_BEFORE_STATE");
    assert_eq!(reason(bench.api.approve_marketing_campaign(bench.as_vendor(approve(1))).await), "TIME_IN_FUTURE");
    bench.api.approve_marketing_campaign(bench.as_vendor(approve(-19))).await.unwrap();
    let deployed = schedule(&bench, -18).await.unwrap().into_inner();
    assert_eq!((deployed.state(), deployed.deploy_time), (State::Deployed, bench.in_days(-18)));
    let days: Vec<i64> = bench.events().await.iter().map(|e| (occurred(e).micros() - bench.now().micros()) / 86_400_000_000).collect();
    assert_eq!(days, [-30, -20, -19, -18, -18]);
}

#[tokio::test]
async fn campaigns_are_rejected_canceled_and_deployed_by_hand() {
    let bench = bench().await;
    for id in ["c", "d", "e"] {
        bench.api.create_marketing_campaign(bench.as_vendor(drafted(id, "partners/acme"))).await.unwrap();
    }
    submit(&bench).await.unwrap();
    let reject =
        RejectMarketingCampaignRequest { name: NAME.into(), reason: "off brand".into(), ..RejectMarketingCampaignRequest::default() };
    assert_eq!(reason(bench.api.reject_marketing_campaign(bench.as_partner("acme", reject.clone())).await), "SCOPE_EXCEEDED");
    let rejected = bench.api.reject_marketing_campaign(bench.as_vendor(reject)).await.unwrap().into_inner();
    assert_eq!((rejected.state(), rejected.close_reason.as_str()), (State::Rejected, "off brand"));
    assert_eq!(reason(approve(&bench).await), "STATE_INVALID");

    let cancel = CancelMarketingCampaignRequest {
        name: "marketingCampaigns/d".into(),
        reason: "no budget".into(),
        ..CancelMarketingCampaignRequest::default()
    };
    let canceled = bench.api.cancel_marketing_campaign(bench.as_partner("acme", cancel)).await.unwrap().into_inner();
    assert_eq!((canceled.state(), canceled.close_reason.as_str()), (State::Canceled, "no budget"));
    assert_eq!((listed(&bench, "state = DRAFT").await, listed(&bench, "state = REJECTED OR state = CANCELED").await), (1, 2));

    let bench = approved().await;
    schedule(&bench, 5).await.unwrap();
    let deploy = DeployMarketingCampaignRequest { name: NAME.into(), ..DeployMarketingCampaignRequest::default() };
    let deployed = bench.api.deploy_marketing_campaign(bench.as_partner("acme", deploy)).await.unwrap().into_inner();
    assert_eq!(deployed.deploy_time, Some(bench.now().proto()));
    bench.handle.set(bench.now().plus_days(9));
    assert_eq!(bench.run(&deploy_job(&bench.api.deps)).await, 0, "it is deployed already");
}
