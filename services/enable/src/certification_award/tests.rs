use proptest::prelude::*;
use stoa_events::Event;
use stoa_kernel::{Reach, etag};
use stoa_proto::enable::v1::{
    Certification, CreateCertificationRequest, GetCertificationAwardRequest, ListCertificationAwardsRequest,
    RevokeCertificationAwardRequest, certification_award_service_server::CertificationAwardService,
    certification_service_server::CertificationService,
};
use stoa_testkit::states_agree;
use tonic::Code;

use super::*;
use crate::testing::{Bench, bench, occurred, reason};

const VALIDITY: i64 = 10;

fn on(day: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000).plus_days(day)
}

fn award() -> CertificationAward {
    let certification = Certification { validity_days: VALIDITY as i32, ..Certification::default() };
    earned("a", &AwardCertificationRequest::default(), "partners/p", &certification, on(0))
}

proptest! {
    /// Commands and sweeps on increasing days, with revocations as of any
    /// earlier day.
    #[test]
    fn any_sequence_keeps_the_invariants(commands in prop::collection::vec((any::<bool>(), 0_i64..4, 0_i64..20), 0..12)) {
        let (mut award, mut day) = (award(), 0);
        for (revoke, passed, back) in commands {
            day += passed;
            let (before, now) = (award.clone(), on(day));
            if revoke {
                let at = now.plus_days(-back);
                match revoked(&award, "why", at) {
                    Ok(next) => {
                        prop_assert_eq!(state_at(&before, at), State::Valid);
                        prop_assert!(before.revoke_time.is_none(), "revoked once");
                        prop_assert_eq!(state_at(&next, now), State::Revoked);
                        award = next;
                    }
                    Err(error) => prop_assert!(["STATE_INVALID", "INVALID_FIELD"].contains(&error.reason().as_str())),
                }
            } else if due_time(&award).is_some_and(|due| due <= now) {
                award = expired(&award);
                prop_assert_eq!(state_at(&before, now), State::Expired, "recording changes no answer");
                prop_assert_eq!(state_at(&award, now), State::Expired);
                prop_assert_eq!(due_time(&award), None, "recorded once");
            }
            prop_assert_eq!(award.state() == State::Revoked, award.revoke_time.is_some());
            prop_assert_eq!(&award.earn_time, &before.earn_time);
            prop_assert_eq!(&award.expire_time, &before.expire_time);
        }
    }
}

/// What revoking leads to from each recorded state of an award that is valid
/// from day 0 to 10: the new state, or the reason of the error.
#[test]
fn every_state_and_command_is_in_the_table() {
    let revoke = |award: &CertificationAward, as_of: i64| match revoked(award, "why", on(as_of)) {
        Ok(next) => next.state().as_str_name().trim_start_matches("CERTIFICATION_AWARD_STATE_").to_owned(),
        Err(error) => error.reason().as_str().to_owned(),
    };
    let earned = award();
    let ended = expired(&earned);
    let withdrawn = revoked(&earned, "why", on(4)).unwrap();
    // Award, day as of which it is revoked, result.
    for (award, as_of, wanted) in [
        (&earned, -1, "INVALID_FIELD"),
        (&earned, 0, "REVOKED"),
        (&earned, 5, "REVOKED"),
        (&earned, 9, "REVOKED"),
        (&earned, VALIDITY, "STATE_INVALID"),
        (&ended, -1, "INVALID_FIELD"),
        (&ended, 5, "REVOKED"),
        (&ended, VALIDITY, "STATE_INVALID"),
        (&withdrawn, -1, "STATE_INVALID"),
        (&withdrawn, 3, "STATE_INVALID"),
        (&withdrawn, 5, "STATE_INVALID"),
    ] {
        assert_eq!(revoke(award, as_of), wanted, "{:?} revoked as of day {as_of}", award.state());
    }
    // Award, when the sweep has its expiry to record.
    for (award, due) in [(&earned, Some(on(VALIDITY))), (&ended, None), (&withdrawn, None)] {
        assert_eq!(due_time(award), due, "{:?}", award.state());
    }
    // Award, day, state that reads show.
    for (award, day, shown) in [
        (&earned, 0, State::Valid),
        (&earned, VALIDITY, State::Expired),
        (&ended, 12, State::Expired),
        (&withdrawn, 3, State::Valid),
        (&withdrawn, 4, State::Revoked),
        (&withdrawn, VALIDITY, State::Revoked),
    ] {
        assert_eq!(as_of(award.clone(), on(day)).state(), shown, "{:?} on day {day}", award.state());
    }
}

#[test]
fn two_awards_hold_at_once_if_their_spans_overlap() {
    let from = |day: i64| CertificationAward {
        earn_time: Some(on(day).proto()),
        expire_time: Some(on(day + VALIDITY).proto()),
        ..CertificationAward::default()
    };
    let until = |day: i64| CertificationAward { revoke_time: Some(on(day).proto()), ..from(0) };
    for (a, b, wanted) in [
        (from(0), from(0), true),
        (from(0), from(VALIDITY - 1), true),
        (from(0), from(VALIDITY), false),
        (from(0), from(-VALIDITY), false),
        (until(4), from(3), true),
        (until(4), from(4), false),
        (until(0), from(0), false),
    ] {
        assert_eq!((overlap(&a, &b), overlap(&b, &a)), (wanted, wanted), "{a:?} {b:?}");
    }
}

#[tokio::test]
async fn a_person_holds_a_certification_once_at_a_time() {
    let bench = with_certification().await;
    bench.api.award_certification(bench.as_vendor(asked("a", "acme"))).await.unwrap();
    for partner in ["acme", "other"] {
        let twice = bench.api.award_certification(bench.as_vendor(asked("b", partner))).await.unwrap_err();
        assert_eq!(twice.code(), Code::AlreadyExists);
        assert_eq!(reason::<()>(Err(twice)), "CERTIFICATION_HELD");
    }
    assert_eq!(reason(bench.api.award_certification(bench.as_vendor(asked("a", "acme"))).await), "ALREADY_EXISTS");
    let before = AwardCertificationRequest { earn_time: bench.in_days(-VALIDITY), ..asked("history", "acme") };
    bench.api.award_certification(bench.as_vendor(before)).await.unwrap();

    bench.pass_days(2);
    let revoke = RevokeCertificationAwardRequest {
        name: "certificationAwards/a".into(),
        reason: "left".into(),
        ..RevokeCertificationAwardRequest::default()
    };
    bench.api.revoke_certification_award(bench.as_vendor(revoke)).await.unwrap();
    bench.api.award_certification(bench.as_vendor(asked("b", "other"))).await.unwrap();
    bench.pass_days(VALIDITY);
    bench.api.award_certification(bench.as_vendor(asked("c", "other"))).await.unwrap();
    assert_eq!(listed(&bench, "state = VALID").await, ["c VALID"]);
}

#[tokio::test]
async fn one_of_two_concurrent_awards_is_refused() {
    let bench = with_certification().await;
    let (a, b) = tokio::join!(
        bench.api.award_certification(bench.as_vendor(asked("a", "acme"))),
        bench.api.award_certification(bench.as_vendor(asked("b", "other")))
    );
    let refused: Vec<_> = [a, b].into_iter().filter(Result::is_err).collect();
    assert_eq!(refused.into_iter().map(reason).collect::<Vec<_>>(), ["CERTIFICATION_HELD"]);
}

#[tokio::test]
async fn a_cam_awards_and_revokes_for_assigned_partners_only() {
    let bench = with_certification().await;
    bench.api.award_certification(bench.as_vendor(asked("a", "acme"))).await.unwrap();
    let revoke = || RevokeCertificationAwardRequest {
        name: "certificationAwards/a".into(),
        reason: "fraud".into(),
        ..RevokeCertificationAwardRequest::default()
    };
    assert_eq!(reason(bench.api.revoke_certification_award(bench.as_cam("stranger", revoke())).await), "PARTNER_NOT_ASSIGNED");
    let foreign = AwardCertificationRequest { person: "persons/eve".into(), ..asked("b", "other") };
    assert_eq!(reason(bench.api.award_certification(bench.as_cam("cam", foreign)).await), "PARTNER_NOT_ASSIGNED");
    bench.api.revoke_certification_award(bench.as_cam("cam", revoke())).await.unwrap();
}

#[test]
fn an_award_is_valid_until_just_before_its_expire_time() {
    let award = award();
    let end = on(VALIDITY);
    assert_eq!(state_at(&award, on(0)), State::Valid);
    assert_eq!(state_at(&award, end.plus_micros(-1)), State::Valid);
    assert_eq!(state_at(&award, end), State::Expired);
    assert_eq!(revoked(&award, "why", end).unwrap_err().reason(), "STATE_INVALID");
    assert_eq!(revoked(&award, "why", on(-1)).unwrap_err().fields()[0].field, "revoke_time");
}

#[tokio::test]
async fn rows_and_reads_agree_on_the_state() {
    let bench = bench().await;
    let named = |id: &str, award: CertificationAward| CertificationAward { name: names::name("certificationAwards", id), ..award };
    let awards = vec![
        named("valid", award()),
        named("ended", expired(&award())),
        named("revoked", revoked(&award(), "why", on(0)).unwrap()),
        named("revoked-after-its-end", revoked(&expired(&award()), "why", on(0).plus_micros(1)).unwrap()),
    ];
    let end = on(VALIDITY);
    let instants = [on(0).plus_micros(1), end.plus_micros(-1), end, end.plus_micros(1)];
    let (store, cx) = (&bench.deps.store, bench.cx(Reach::Tenant));
    states_agree::<store::Awards, State>(store, &cx, ("state", |award| award.state), awards, &instants).await;
}

async fn with_certification() -> Bench {
    let bench = bench().await;
    let certification = Certification { display_name: "Sales".into(), validity_days: VALIDITY as i32, ..Certification::default() };
    let request =
        CreateCertificationRequest { certification_id: "sales".into(), certification: Some(certification), request_id: String::new() };
    bench.api.create_certification(bench.as_vendor(request)).await.unwrap();
    bench
}

fn asked(id: &str, partner: &str) -> AwardCertificationRequest {
    AwardCertificationRequest {
        certification_award_id: id.to_owned(),
        certification: "certifications/sales".into(),
        partner: format!("partners/{partner}"),
        person: "persons/ada".into(),
        ..AwardCertificationRequest::default()
    }
}

/// Awards the certification as of a day, to a person named after the award.
async fn award_as_of(bench: &Bench, id: &str, days: i64) -> CertificationAward {
    let request = AwardCertificationRequest { earn_time: bench.in_days(days), person: format!("persons/{id}"), ..asked(id, "acme") };
    bench.api.award_certification(bench.as_vendor(request)).await.unwrap().into_inner()
}

async fn get(bench: &Bench, id: &str) -> CertificationAward {
    let request = GetCertificationAwardRequest { name: format!("certificationAwards/{id}") };
    bench.api.get_certification_award(bench.as_vendor(request)).await.unwrap().into_inner()
}

async fn listed(bench: &Bench, filter: &str) -> Vec<String> {
    let request = ListCertificationAwardsRequest { filter: filter.to_owned(), ..ListCertificationAwardsRequest::default() };
    let found = bench.api.list_certification_awards(bench.as_vendor(request)).await.unwrap().into_inner().certification_awards;
    found.iter().map(|a| format!("{} {}", names::last(&a.name), a.state().as_str_name().rsplit('_').next().unwrap())).collect()
}

#[tokio::test]
async fn an_award_expires_at_its_expire_time_and_the_sweep_records_it_once() {
    let bench = with_certification().await;
    let job = expire_job(&bench.api.deps);
    let award = award_as_of(&bench, "a", -2).await;
    assert_eq!(award.state(), State::Valid);
    let due = bench.now().plus_days(VALIDITY - 2);
    assert_eq!(award.expire_time, Some(due.proto()));

    bench.handle.set(due.plus_micros(-1));
    assert_eq!((bench.run(&job).await, get(&bench, "a").await.state()), (0, State::Valid));
    bench.handle.set(due);
    assert_eq!(get(&bench, "a").await.state(), State::Expired, "before any sweep");
    assert_eq!(listed(&bench, "state = EXPIRED").await, ["a EXPIRED"]);
    assert_eq!(listed(&bench, "state = VALID").await, Vec::<String>::new());
    bench.handle.set(due.plus_days(3));
    assert_eq!((bench.run(&job).await, bench.run(&job).await), (1, 0));

    let events = bench.events().await;
    let recorded: Vec<(&str, i64)> = events.iter().map(|e| (e.subject.as_str(), e.version)).skip(1).collect();
    assert_eq!(recorded, [("enable.certification_award.earned", 1), ("enable.certification_award.expired", 2)]);
    assert_eq!(occurred(&events[2]), due, "as of its expire_time, not of the sweep");
    assert_eq!(events[2].actor, "services/enable");
    assert_eq!(listed(&bench, "state = EXPIRED AND partner = \"partners/acme\"").await, ["a EXPIRED"]);
}

#[tokio::test]
async fn a_revoked_award_does_not_expire() {
    let bench = with_certification().await;
    award_as_of(&bench, "a", 0).await;
    award_as_of(&bench, "b", 0).await;
    bench.handle.set(bench.now().plus_days(4));
    let revoke = |etag: String| RevokeCertificationAwardRequest {
        name: "certificationAwards/a".into(),
        reason: "fraud".into(),
        etag,
        revoke_time: bench.in_days(-1),
        ..RevokeCertificationAwardRequest::default()
    };
    let stale = bench.api.revoke_certification_award(bench.as_vendor(revoke(etag::of_version(9)))).await;
    assert_eq!(reason(stale), "ETAG_MISMATCH");
    let revoked = bench.api.revoke_certification_award(bench.as_vendor(revoke(etag::of_version(1)))).await.unwrap().into_inner();
    assert_eq!((revoked.state(), revoked.etag.as_str()), (State::Revoked, etag::of_version(2).as_str()));
    assert_eq!(reason(bench.api.revoke_certification_award(bench.as_vendor(revoke(String::new()))).await), "STATE_INVALID");
    assert_eq!(listed(&bench, "").await, ["a REVOKED", "b VALID"]);

    bench.handle.set(bench.now().plus_days(VALIDITY));
    assert_eq!(bench.run(&expire_job(&bench.api.deps)).await, 1, "only the other award");
    assert_eq!(listed(&bench, "state = REVOKED OR state = EXPIRED").await, ["a REVOKED", "b EXPIRED"]);
    let revocations: Vec<Event> = bench.events().await.into_iter().filter(|e| e.subject.ends_with(".revoked")).collect();
    assert_eq!(occurred(&revocations[0]), bench.now().plus_days(-VALIDITY - 1));
}

#[tokio::test]
async fn a_partner_awards_nothing_and_sees_its_own_awards() {
    let bench = with_certification().await;
    bench.api.award_certification(bench.as_vendor(asked("own", "acme"))).await.unwrap();
    let foreign = AwardCertificationRequest { person: "persons/eve".into(), ..asked("foreign", "other") };
    bench.api.award_certification(bench.as_vendor(foreign)).await.unwrap();
    assert_eq!(reason(bench.api.award_certification(bench.as_partner("acme", asked("x", "acme"))).await), "SCOPE_EXCEEDED");
    assert_eq!(reason(bench.api.award_certification(bench.as_vendor(asked("own", "acme"))).await), "ALREADY_EXISTS");
    let get = |id: &str| GetCertificationAwardRequest { name: format!("certificationAwards/{id}") };
    assert!(bench.api.get_certification_award(bench.as_partner("acme", get("own"))).await.is_ok());
    let hidden = bench.api.get_certification_award(bench.as_partner("acme", get("foreign"))).await.unwrap_err();
    let missing = bench.api.get_certification_award(bench.as_partner("acme", get("missing"))).await.unwrap_err();
    assert_eq!((hidden.code(), missing.code()), (Code::NotFound, Code::NotFound));
    assert_eq!(hidden.message().replace("foreign", "missing"), missing.message(), "the answers must not differ");
}
