//! The copy, folded from events in any order, and what is read from it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use prost::Message;
use sea_orm::sea_query::{Expr, Query};
use stoa_directory::{
    copied_enrollments, copied_in_force, copied_partner, is_suspended, partner, partners, require_enrolled, require_partners,
    require_writer,
};
use stoa_events::Event;
use stoa_kernel::{Reach, Timestamp, etag};
use stoa_proto::onboard::v1::{Enrollment, EnrollmentCreated, EnrollmentStatus as Status, Partner, PartnerUpdated};
use stoa_testkit::{Bench, Seed, Standing};

async fn bench() -> Bench {
    let migrations = stoa_events::migrations().into_iter().chain(stoa_directory::migrations()).collect();
    Bench::new("enable", migrations, "2026-03-02".parse().unwrap()).await
}

fn event(tenant: &str, id: &str, version: i64) -> Event {
    let partner = Partner {
        name: format!("partners/{id}"),
        display_name: format!("{tenant} {version}"),
        etag: etag::of_version(version),
        ..Default::default()
    };
    let data = PartnerUpdated { partner: Some(partner) }.encode_to_vec();
    Event { tenant: tenant.into(), subject: "onboard.partner.updated".into(), version, data, ..Default::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever the order and the number of repetitions, the highest version
    /// stays, and each tenant keeps its own.
    #[test]
    fn the_highest_version_stays(events in prop::collection::vec((0..2_usize, 0..3_usize, 1..6_i64), 1..40)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let bench = bench().await;
            let directory = stoa_directory::subscriptions().remove(0);
            let (tenants, ids) = (["t", "u"], ["a", "b", "c"]);
            let mut highest: BTreeMap<(usize, usize), i64> = BTreeMap::new();
            for (tenant, id, version) in &events {
                bench.deliver(&directory, event(tenants[*tenant], ids[*id], *version)).await.unwrap();
                let known = highest.entry((*tenant, *id)).or_default();
                *known = (*known).max(*version);
            }
            for (t, tenant) in tenants.iter().enumerate() {
                for (i, id) in ids.iter().enumerate() {
                    let copied = copied_partner(bench.deps.store.read(), tenant, id).await.unwrap();
                    let expected = highest.get(&(t, i)).map(|version| format!("{tenant} {version}"));
                    assert_eq!(copied.map(|p| p.display_name), expected, "of {tenant} {id}");
                }
            }
        });
    }
}

#[tokio::test]
async fn who_may_write_for_whom() {
    let bench = bench().await;
    bench.seed(&[Seed::enrolled("dealer").visible_to("distributor").assigned_to("ann"), Seed::enrolled("distributor")]).await;
    let writer = async |cx, partner: &str| {
        let done = require_writer(bench.deps.store.read(), &cx, "deals/one", partner).await;
        done.map_err(|error| error.reason().as_str())
    };
    let mut cam = bench.cx(Reach::Tenant);
    cam.caller.assigned_only = true;
    cam.caller.subject = "persons/ann".into();
    assert_eq!(writer(bench.cx(Reach::Tenant), "dealer").await, Ok(()));
    assert_eq!(writer(bench.cx(Reach::Partner("dealer".into())), "dealer").await, Ok(()));
    assert_eq!(writer(bench.cx(Reach::Partner("distributor".into())), "dealer").await, Err("SCOPE_EXCEEDED"));
    assert_eq!(writer(cam.clone(), "dealer").await, Ok(()));
    assert_eq!(writer(cam.clone(), "distributor").await, Err("PARTNER_NOT_ASSIGNED"));
    cam.caller.subject = "persons/bob".into();
    assert_eq!(writer(cam, "dealer").await, Err("PARTNER_NOT_ASSIGNED"));
}

#[tokio::test]
async fn a_suspended_partner_is_not_enrolled() {
    let bench = bench().await;
    bench.seed(&[Seed::enrolled("on"), Seed::enrolled("off").standing(Standing::Suspended)]).await;
    let statuses = async |id| {
        let all = copied_enrollments(bench.deps.store.read(), "t", id).await.unwrap();
        all.iter().map(Enrollment::status).collect::<Vec<_>>()
    };
    assert!(!is_suspended(statuses("on").await));
    assert!(is_suspended(statuses("off").await));
    let cx = bench.cx(Reach::Tenant);
    assert!(require_enrolled(&bench.deps, &cx, "partner", "partners/on").await.is_ok());
    // The copy may lag behind, so the owner is asked, which cannot be reached
    // here.
    let refused = require_enrolled(&bench.deps, &cx, "partner", "partners/off").await.unwrap_err();
    assert_eq!(refused.reason(), "UNAVAILABLE");
}

#[test]
fn a_partner_that_left_is_not_suspended() {
    assert!(!is_suspended([]));
    assert!(!is_suspended([Status::Terminated, Status::Lapsed]));
    assert!(is_suspended([Status::Terminated, Status::Suspended]));
    assert!(!is_suspended([Status::Enrolled, Status::Suspended]));
}

/// An enrollment is in force from its first instant until its end, whatever a
/// sweep has recorded by then.
#[tokio::test]
async fn an_enrollment_is_in_force_by_the_instant() {
    let bench = bench().await;
    bench.seed(&[Seed::enrolled("p").standing(Standing::Unknown)]).await;
    let at = |days| Some(bench.now().plus_days(days).proto());
    let enrollment = Enrollment {
        name: "enrollments/e".into(),
        partner: "partners/p".into(),
        status: Status::Enrolled.into(),
        effective_time: at(1),
        end_time: at(3),
        etag: etag::of_version(1),
        ..Default::default()
    };
    let data = EnrollmentCreated { enrollment: Some(enrollment) }.encode_to_vec();
    let event = Event { tenant: "t".into(), subject: "onboard.enrollment.created".into(), data, ..Default::default() };
    bench.deliver(&stoa_directory::subscriptions().remove(0), event).await.unwrap();
    let start: Timestamp = bench.now();
    for (days, in_force) in [(0, false), (1, true), (2, true), (3, false)] {
        bench.handle.set(start.plus_days(days));
        let found = require_enrolled(&bench.deps, &bench.cx(Reach::Tenant), "partner", "partners/p").await;
        assert_eq!(found.is_ok(), in_force, "after {days} days");
        let query = Query::select().expr(Expr::val("p")).to_owned();
        let copied = copied_in_force(bench.deps.store.read(), &bench.cx(Reach::Tenant), query).await.unwrap();
        assert_eq!(copied.len(), usize::from(in_force), "after {days} days");
    }
}

#[tokio::test]
async fn an_empty_partner_has_no_enrollments() {
    let bench = bench().await;
    bench.seed(&[Seed::enrolled("p").assigned_to("ann")]).await;
    let of = async |partner: &str| {
        let query = Query::select().expr(Expr::val(partner)).to_owned();
        copied_in_force(bench.deps.store.read(), &bench.cx(Reach::Tenant), query).await.unwrap().len()
    };
    assert_eq!((of("p").await, of("").await), (1, 0), "the other rows of the copy belong to no partner");
}

#[tokio::test]
async fn several_partners_are_found_at_once() {
    let bench = bench().await;
    bench.seed(&[Seed::enrolled("a"), Seed::enrolled("b").visible_to("a"), Seed::enrolled("c")]).await;
    let find = async |reach: Reach, ids: &[&str]| {
        let found = partners(&bench.deps, &bench.cx(reach), &ids.iter().copied().collect()).await;
        found.map(|found| found.into_iter().map(|(id, partner)| format!("{id} {}", partner.name)).collect::<Vec<_>>())
    };
    assert_eq!(find(Reach::Tenant, &["c", "a"]).await.unwrap(), ["a partners/a", "c partners/c"]);
    assert_eq!(find(Reach::Partner("a".into()), &["a", "b"]).await.unwrap(), ["a partners/a", "b partners/b"]);
    assert_eq!(find(Reach::Tenant, &[]).await.unwrap(), Vec::<String>::new());
    assert_eq!(find(Reach::Tenant, &["a", "x"]).await.unwrap_err().reason(), "UNAVAILABLE", "the owner would have to be asked");
}

/// A caller could tell the two apart by the time that it takes if only one of
/// them were asked for elsewhere.
#[tokio::test]
async fn the_owner_is_asked_about_a_partner_that_is_not_visible_as_about_a_missing_one() {
    let bench = bench().await;
    bench.seed(&[Seed::enrolled("a"), Seed::enrolled("hidden")]).await;
    let cx = bench.cx(Reach::Partner("a".into()));
    for id in ["hidden", "missing"] {
        let (name, one) = (format!("partners/{id}"), BTreeSet::from([id]));
        let asked = [
            partner(&bench.deps, &cx, id).await.map(|_| ()),
            partners(&bench.deps, &cx, &one).await.map(|_| ()),
            require_partners(&bench.deps, &cx, "partner", ["partners/a", name.as_str()]).await,
        ];
        for answer in asked {
            assert_eq!(answer.unwrap_err().reason(), "UNAVAILABLE", "{id}");
        }
    }
    assert!(require_partners(&bench.deps, &cx, "partner", ["partners/a", "partners/a"]).await.is_ok());
    let malformed = require_partners(&bench.deps, &cx, "credits", ["persons/a"]).await.unwrap_err();
    assert_eq!(malformed.fields()[0].field, "credits");
}
