use proptest::prelude::*;
use stoa_proto::enable::v1::{
    ListPortalActivitiesRequest, PortalActivityEntry, PortalActivityOutcome as Outcome, PortalActivityRecorded,
    RecordPortalActivityRequest, RecordPortalActivityResponse, portal_activity_service_server::PortalActivityService,
};

use super::*;
use crate::testing::{Bench, NOT_ENROLLED, bench, occurred, reason};

fn view(element: u8, day: u8, at: i64) -> View {
    View {
        index: 0,
        partner: "p".into(),
        activity_id: at.to_string(),
        person: "x".into(),
        element: format!("courses/{element}"),
        at: Timestamp::from_micros(at),
        date: format!("2026-01-{:02}", day + 1),
    }
}

proptest! {
    /// However views are split into batches, the resulting activity is the
    /// same.
    #[test]
    fn batches_add_up(views in prop::collection::vec((0_u8..2, 0_u8..2, 0_i64..1000), 1..40), cut in 1_usize..10) {
        let views: Vec<View> = views.into_iter().map(|(e, d, at)| view(e, d, at)).collect();
        let run = |size: usize| {
            let mut all: BTreeMap<String, PortalActivity> = BTreeMap::new();
            for batch in views.chunks(size) {
                for (key, tally) in tally(batch.iter()) {
                    let next = counted(all.get(&id(key)), key, tally);
                    all.insert(id(key), next);
                }
            }
            all
        };
        let (whole, parts) = (run(views.len()), run(cut));
        prop_assert_eq!(whole.values().map(|a| a.view_count).sum::<i64>(), views.len() as i64);
        for (id, activity) in &whole {
            let other = &parts[id];
            prop_assert_eq!(activity.view_count, other.view_count);
            prop_assert_eq!(&activity.first_view_time, &other.first_view_time);
            prop_assert_eq!(&activity.last_view_time, &other.last_view_time);
        }
    }
}

fn entry(activity_id: &str, partner: &str, element: &str) -> PortalActivityEntry {
    PortalActivityEntry {
        activity_id: activity_id.to_owned(),
        partner: if partner.is_empty() { String::new() } else { format!("partners/{partner}") },
        person: "persons/ada".into(),
        element: element.to_owned(),
        view_time: None,
    }
}

fn batch(entries: Vec<PortalActivityEntry>) -> RecordPortalActivityRequest {
    RecordPortalActivityRequest { entries, request_id: String::new() }
}

async fn record(bench: &Bench, entries: Vec<PortalActivityEntry>) -> RecordPortalActivityResponse {
    bench.api.record_portal_activity(bench.as_vendor(batch(entries))).await.unwrap().into_inner()
}

fn outcomes(response: &RecordPortalActivityResponse) -> Vec<Outcome> {
    response.results.iter().map(|r| r.outcome()).collect()
}

#[tokio::test]
async fn a_batch_counts_its_valid_entries_once_and_says_what_is_wrong_with_the_others() {
    let bench = bench().await;
    let entries = vec![
        entry("1", "acme", "courses/intro"),
        PortalActivityEntry { view_time: bench.in_days(-1), ..entry("2", "acme", "courses/intro") },
        entry("1", "acme", "courses/intro"),
        entry("1", "other", "courses/intro"),
        PortalActivityEntry { person: String::new(), ..entry("3", "acme", "courses/intro") },
        PortalActivityEntry { view_time: bench.in_days(1), ..entry("4", "acme", "courses/intro") },
        entry("1", "acme", "forms/deal"),
        PortalActivityEntry { partner: "acme".into(), ..entry("5", "acme", "forms/deal") },
    ];
    let first = record(&bench, entries.clone()).await;
    use Outcome::{Duplicate, Recorded, Rejected};
    assert_eq!(outcomes(&first), [Recorded, Recorded, Duplicate, Recorded, Rejected, Rejected, Rejected, Rejected]);
    assert_eq!((first.recorded_count, first.duplicate_count, first.rejected_count), (3, 1, 4));
    let wrong: Vec<(&str, &str)> = first.results.iter().flat_map(|r| &r.errors).map(|e| (e.field.as_str(), e.reason.as_str())).collect();
    let wanted = [
        ("entries[4].person", "INVALID_FIELD"),
        ("entries[5].view_time", "TIME_IN_FUTURE"),
        ("entries[6].activity_id", "ACTIVITY_ID_REUSED"),
        ("entries[7].partner", "INVALID_FIELD"),
    ];
    assert_eq!(wrong, wanted);
    assert_eq!(bench.events().await.len(), 3, "one event per partner, element and day");

    let again = record(&bench, entries).await;
    assert_eq!((again.recorded_count, again.duplicate_count, again.rejected_count), (0, 4, 4));
    assert_eq!(bench.events().await.len(), 3, "nothing changed");
}

#[tokio::test]
async fn batches_of_one_day_raise_the_version_of_one_activity() {
    let bench = bench().await;
    record(&bench, vec![entry("1", "acme", "courses/intro"), entry("2", "acme", "courses/intro")]).await;
    record(&bench, vec![entry("2", "acme", "courses/intro"), entry("3", "acme", "courses/intro")]).await;
    let events = bench.events().await;
    let last: PortalActivityRecorded = stoa_events::decode(&events[1]).unwrap();
    let activity = last.portal_activity.unwrap();
    assert_eq!((activity.view_count, activity.date.as_str(), events[1].version), (3, "2023-11-14", 2));
    assert_eq!((events[1].aggregate.as_str(), events[1].partner.as_str()), (activity.name.as_str(), "partners/acme"));
    assert_eq!(occurred(&events[1]), bench.now());
    let list = |filter: &str| ListPortalActivitiesRequest { filter: filter.to_owned(), ..ListPortalActivitiesRequest::default() };
    let filter = "partner = \"partners/acme\" AND date >= \"2023-11-14\" AND view_count > 2";
    let listed = bench.api.list_portal_activities(bench.as_vendor(list(filter))).await.unwrap().into_inner().portal_activities;
    assert_eq!(listed, [activity]);
}

#[tokio::test]
async fn a_partner_records_and_sees_its_own_activity() {
    let bench = bench().await;
    let entries = vec![entry("1", "", "courses/intro"), entry("2", "other", "courses/intro")];
    let response = bench.api.record_portal_activity(bench.as_partner("acme", batch(entries))).await.unwrap().into_inner();
    assert_eq!(outcomes(&response), [Outcome::Recorded, Outcome::Rejected]);
    assert_eq!(response.results[1].errors[0].reason, "SCOPE_EXCEEDED");
    record(&bench, vec![entry("2", "other", "courses/intro")]).await;
    let seen =
        bench.api.list_portal_activities(bench.as_partner("acme", ListPortalActivitiesRequest::default())).await.unwrap().into_inner();
    assert_eq!(seen.portal_activities.iter().map(|a| a.partner.as_str()).collect::<Vec<_>>(), ["partners/acme"]);
}

#[tokio::test]
async fn a_batch_is_bounded_and_fails_as_a_whole_if_the_owner_is_unreachable() {
    let bench = bench().await;
    for count in [0, 1001] {
        let entries = vec![entry("1", "acme", "courses/intro"); count];
        assert_eq!(reason(bench.api.record_portal_activity(bench.as_vendor(batch(entries))).await), "INVALID_FIELD");
    }
    let entries = vec![entry("1", "acme", "courses/intro"), entry("2", "unknown", "courses/intro")];
    assert_eq!(reason(bench.api.record_portal_activity(bench.as_vendor(batch(entries))).await), "UNAVAILABLE");
    assert!(bench.events().await.is_empty());
    let most = (0..1000).map(|i| entry(&i.to_string(), "acme", "courses/intro")).collect();
    assert_eq!(record(&bench, most).await.recorded_count, 1000);
}

#[tokio::test]
async fn a_partner_is_counted_only_while_enrolled_and_the_vendor_records_history() {
    let bench = bench().await;
    let theirs = bench.as_partner("idle", batch(vec![entry("1", "", "courses/intro")]));
    assert_eq!(reason(bench.api.record_portal_activity(theirs).await), NOT_ENROLLED);
    let past = PortalActivityEntry { view_time: bench.in_days(-90), ..entry("1", "idle", "courses/intro") };
    assert_eq!(outcomes(&record(&bench, vec![past]).await), [Outcome::Recorded]);
}

#[tokio::test]
async fn a_retry_gets_its_first_answer_even_if_the_partner_was_suspended_since() {
    let bench = bench().await;
    let request = RecordPortalActivityRequest { request_id: "once".into(), ..batch(vec![entry("1", "", "courses/intro")]) };
    let first = bench.api.record_portal_activity(bench.as_partner("acme", request.clone())).await.unwrap().into_inner();
    bench.suspend("acme").await;
    assert_eq!(bench.api.record_portal_activity(bench.as_partner("acme", request)).await.unwrap().into_inner(), first);
}
