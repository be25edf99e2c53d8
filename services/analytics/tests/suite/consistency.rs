//! What an answer is asked to include, and what it promises.

use std::{sync::Arc, time::Instant};

use stoa_events::{Batch, Event, Source, Subscriber};
use stoa_kernel::{Cx, Reach, page::PageKey, positions::Positions};
use stoa_proto::{
    analytics::v1::{
        AllocationBudget, AllocationResource, ComputeAllocationRequest, FoldedPosition, GetNetworkQualityRequest,
        GetPartnerActivityRequest, ListMetricPartnersRequest, ListPartnerSegmentsRequest, QualityMetric,
    },
    onboard::v1::PartnerType,
};
use tokio::sync::watch;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::support::{
    Bench, bench,
    facts::{enrollment, event, partner},
    world::{END, proto},
};

/// A log that is complete from the start.
struct Log(Vec<Event>);

#[tonic::async_trait]
impl Source for Log {
    async fn read(&self, after: i64, limit: u64) -> stoa_kernel::Result<Batch> {
        let events: Vec<Event> = self.0.iter().filter(|e| e.position > after).take(limit as usize).cloned().collect();
        Ok(Batch { through: events.last().map_or(after, |e| e.position), events })
    }

    async fn head(&self) -> stoa_kernel::Result<i64> {
        Ok(self.0.last().map_or(0, |e| e.position))
    }

    fn wake(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }
}

/// The fold of onboard's log. Its cursor has another name if one is given.
fn fold(bench: &Bench, cursor: Option<(&'static str, &'static str)>) -> Subscriber {
    let mut events = network();
    for (position, event) in (1..).zip(&mut events) {
        event.position = position;
        event.tenant = "t".to_owned();
    }
    let mut fold = bench.subscriptions.iter().find(|s| s.source == "onboard").unwrap().clone();
    (fold.source, fold.name) = cursor.unwrap_or((fold.source, fold.name));
    Subscriber::new(bench.store.clone(), Arc::new(Log(events)), fold, bench.clock.clone())
}

fn network() -> Vec<Event> {
    let ignored = event("onboard.program.created", "programs/p", 1, 1, Vec::new());
    vec![partner("a", PartnerType::Agent, "", &[], 1), enrollment("a", "p", "base", 1), ignored]
}

/// A position as a tenant's callers see it.
fn sealed(tenant: &str, position: i64) -> i64 {
    Positions::new(&PageKey::new(b"test"), tenant, "onboard").seal(position)
}

fn holding(tenant: &str, position: i64) -> Vec<String> {
    vec![format!("services/onboard/positions/{}", sealed(tenant, position))]
}

/// A request whose deadline is now.
fn due<T>(bench: &Bench, tenant: &str, message: T) -> Request<T> {
    let mut request = bench.as_vendor(tenant, message);
    request.extensions_mut().get_mut::<Cx>().unwrap().deadline = Some(Instant::now());
    request
}

#[test]
fn a_report_waits_until_it_includes_what_the_caller_has_seen() {
    let bench = Bench::new(64 << 20);
    let subscriber = fold(&bench, None);
    bench.runtime.block_on(async {
        // The last event is irrelevant. It is enough that the fold has passed over it.
        let request = GetNetworkQualityRequest { consistent_with: holding("t", 3), ..Default::default() };
        let mut client = bench.quality();
        let mut report = Box::pin(client.get_network_quality(bench.as_vendor("t", request)));
        for _ in 0..100 {
            assert!(futures::poll!(&mut report).is_pending());
            tokio::task::yield_now().await;
        }
        assert_eq!(subscriber.run_once().await.unwrap(), 3);
        let report = report.await.unwrap().into_inner();
        assert_eq!(report.headline.unwrap().enrolled_count, 1);
        let position = FoldedPosition { source: "onboard".into(), position: sealed("t", 2), name: holding("t", 2)[0].clone() };
        assert!(report.folded_positions.contains(&position));
        // Events that are already included cause no wait.
        let request = GetNetworkQualityRequest { consistent_with: holding("t", 3), ..Default::default() };
        bench.quality().get_network_quality(due(&bench, "t", request)).await.unwrap();
    });
}

#[test]
fn events_of_other_tenants_change_no_position() {
    let bench = Bench::new(64 << 20);
    let mut events = network();
    for (position, event) in (1..).zip(&mut events) {
        event.position = position;
    }
    let shown = || {
        let request = bench.as_vendor("t", GetNetworkQualityRequest::default());
        bench.runtime.block_on(bench.quality().get_network_quality(request)).unwrap().into_inner().folded_positions
    };
    bench.deliver("t", &events[..1]);
    let before = shown();
    assert!(before.iter().any(|folded| folded.position == sealed("t", 1)), "{before:?}");
    bench.deliver("another", &events);
    assert_eq!(shown(), before);
    bench.deliver("t", &events[1..]);
    assert_ne!(shown(), before);
}

#[test]
fn events_that_come_over_a_bus_are_waited_for_too() {
    let bench = Bench::new(64 << 20);
    let get = |position| {
        let request = GetNetworkQualityRequest { consistent_with: holding("t", position), ..Default::default() };
        bench.runtime.block_on(bench.quality().get_network_quality(due(&bench, "t", request)))
    };
    not_caught_up(get(1));
    // The stream's cursor marks what a consumer has applied without a gap.
    let stream = fold(&bench, Some(("stream", "onboard")));
    bench.runtime.block_on(stream.run_once()).unwrap();
    assert_eq!(get(3).unwrap().into_inner().headline.unwrap().enrolled_count, 1);
    not_caught_up(get(4));
}

fn not_caught_up<T: std::fmt::Debug>(answer: Result<T, Status>) {
    let refused = answer.unwrap_err();
    let details = refused.get_error_details();
    assert_eq!((refused.code(), details.error_info().unwrap().reason.as_str()), (Code::Unavailable, "NOT_CAUGHT_UP"));
    assert!(details.retry_info().unwrap().retry_delay.is_some());
}

#[test]
fn an_answer_that_is_not_caught_up_in_time_is_refused() {
    let bench = bench();
    let tenant = bench.tenant();
    let consistent_with = holding(&tenant, 1_000_000);
    let report = GetNetworkQualityRequest { consistent_with: consistent_with.clone(), ..Default::default() };
    let segments = ListPartnerSegmentsRequest { consistent_with: consistent_with.clone(), ..Default::default() };
    let partners =
        ListMetricPartnersRequest { metric: QualityMetric::Active as i32, consistent_with: consistent_with.clone(), ..Default::default() };
    let budget = AllocationBudget { resource: AllocationResource::CamHours as i32, unit_count: 1, ..Default::default() };
    let allocation = ComputeAllocationRequest { budgets: vec![budget], consistent_with, ..Default::default() };
    bench.runtime.block_on(async {
        not_caught_up(bench.quality().get_network_quality(due(&bench, &tenant, report)).await);
        not_caught_up(bench.quality().list_metric_partners(due(&bench, &tenant, partners)).await);
        not_caught_up(bench.segments().list_partner_segments(due(&bench, &tenant, segments)).await);
        not_caught_up(bench.allocation().compute_allocation(due(&bench, &tenant, allocation)).await);
    });
}

#[test]
fn a_position_that_no_answer_showed_is_refused() {
    let bench = bench();
    let ask = |name: &str| {
        let request = GetNetworkQualityRequest { consistent_with: vec![name.to_owned()], ..Default::default() };
        bench.runtime.block_on(bench.quality().get_network_quality(bench.as_vendor(&bench.tenant(), request))).unwrap_err()
    };
    let another = format!("services/onboard/positions/{}", sealed("another", 1));
    for name in ["services/gateway/positions/1", "services/onboard/positions/1", &another] {
        let refused = ask(name);
        assert_eq!(refused.code(), Code::InvalidArgument, "{name}");
        assert_eq!(refused.get_error_details().bad_request().unwrap().field_violations[0].field, "consistent_with[0]");
    }
}

#[test]
fn what_will_be_recorded_in_the_future_cannot_be_asked_for() {
    let bench = bench();
    let tenant = bench.tenant();
    bench.deliver(&tenant, &network());
    // An answer without a time is as of one microsecond after now.
    let (now, known_at) = (proto(END + 1), proto(END + 2));
    let refused = |answer: Status| {
        let details = answer.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "TIME_IN_FUTURE");
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "known_at");
    };
    let report = |known_at| bench.as_vendor(&tenant, GetNetworkQualityRequest { known_at, ..Default::default() });
    let segments = ListPartnerSegmentsRequest { known_at, ..Default::default() };
    let activity = GetPartnerActivityRequest { name: "partners/a/activity".into(), as_of: None, known_at };
    bench.runtime.block_on(async {
        assert!(bench.quality().get_network_quality(report(now)).await.is_ok());
        refused(bench.quality().get_network_quality(report(known_at)).await.unwrap_err());
        refused(bench.segments().list_partner_segments(bench.as_vendor(&tenant, segments)).await.unwrap_err());
        refused(bench.activity().get_partner_activity(bench.request(&tenant, Reach::Tenant, activity)).await.unwrap_err());
    });
}

#[test]
fn all_answers_show_their_positions_and_whether_the_frame_exceeded_the_limit() {
    let small = Bench::new(100);
    small.deliver("t", &network());
    let budget = AllocationBudget { resource: AllocationResource::CamHours as i32, unit_count: 1, ..Default::default() };
    let allocation = ComputeAllocationRequest { budgets: vec![budget], ..Default::default() };
    let partners = ListMetricPartnersRequest { metric: QualityMetric::Active as i32, ..Default::default() };
    let answers = small.runtime.block_on(async {
        let report =
            small.quality().get_network_quality(small.as_vendor("t", GetNetworkQualityRequest::default())).await.unwrap().into_inner();
        let partners = small.quality().list_metric_partners(small.as_vendor("t", partners)).await.unwrap().into_inner();
        let segments = small.segments().list_partner_segments(small.as_vendor("t", ListPartnerSegmentsRequest::default())).await.unwrap();
        let segments = segments.into_inner();
        let allocation = small.allocation().compute_allocation(small.as_vendor("t", allocation)).await.unwrap().into_inner();
        [
            (report.folded_positions, report.frame_exceeded),
            (partners.folded_positions, partners.frame_exceeded),
            (segments.folded_positions, segments.frame_exceeded),
            (allocation.folded_positions, allocation.frame_exceeded),
        ]
    });
    for (positions, exceeded) in &answers {
        assert!(*exceeded);
        assert_eq!((positions.len(), positions), (5, &answers[0].0));
    }
}
