//! Commissions from sell's events, on a store.

use std::{collections::BTreeMap, sync::Arc};

use futures::FutureExt;
use prost::Message;
use sea_orm::ConnectionTrait;
use stoa_events::{Event, EventLog, Relay, ShufflingSource, Step, Subscriber, record};
use stoa_kernel::{Cx, Reach, Timestamp, names};
use stoa_proto::{
    incentivize::v1::{
        Commission, CommissionRule, CommissionState, CreateCommissionRuleRequest, ExpireCommissionRuleRequest, GetCommissionRequest,
        ListCommissionsRequest, commission_rule::Reward, commission_rule_service_server::CommissionRuleService,
        commission_service_server::CommissionService,
    },
    onboard::v1::{Enrollment, EnrollmentStatus},
    sell::v1::{Credit, Deal, DealCorrected, DealWon},
};

use crate::testing::{Bench, enrollment, reason, usd};

impl Bench {
    async fn rule(&self, id: &str, rule: CommissionRule) {
        let rule = CommissionRule {
            display_name: id.into(),
            reward: Some(Reward::RateBasisPoints(400)),
            effective_time: Some(Timestamp::default().proto()),
            ..rule
        };
        let request = CreateCommissionRuleRequest { commission_rule_id: id.into(), commission_rule: Some(rule), ..Default::default() };
        self.api.create_commission_rule(self.as_vendor(request)).await.unwrap();
    }

    async fn deal(&self, verb: &str, version: i64, deal: Deal) -> stoa_kernel::Result<()> {
        let event = Event {
            event_id: format!("{}-{version}", deal.name),
            tenant: "t".into(),
            subject: format!("sell.deal.{verb}"),
            aggregate: deal.name.clone(),
            version,
            occurred_time: Some(self.now().plus_days(-3).proto()),
            recorded_time: Some(self.now().plus_days(-1).proto()),
            data: DealWon { deal: Some(deal) }.encode_to_vec(),
            ..Event::default()
        };
        self.deliver(&super::subscriptions(&self.api.deps.clock)[0], event).await
    }

    async fn commissions(&self, filter: &str) -> Vec<Commission> {
        let request = ListCommissionsRequest { filter: filter.into(), ..Default::default() };
        let mut all = self.api.list_commissions(self.as_vendor(request)).await.unwrap().into_inner().commissions;
        all.sort_by_key(|row| (row.deal.clone(), row.deal_version));
        all
    }
}

fn won(id: &str, minor: i64, partner: &str) -> Deal {
    Deal {
        name: names::name("deals", id),
        credits: vec![Credit { partner: names::name("partners", partner), share_basis_points: 10_000 }],
        amount: usd(minor),
        win_time: Some("2026-01-30".parse::<Timestamp>().unwrap().proto()),
        ..Deal::default()
    }
}

fn minors(rows: &[Commission]) -> Vec<i64> {
    rows.iter().map(|row| row.amount.as_ref().unwrap().minor_units).collect()
}

#[tokio::test]
async fn a_won_deal_accrues_and_a_correction_takes_the_difference_back() {
    let bench = Bench::new().await;
    bench.rule("all", CommissionRule::default()).await;
    bench.deal("won", 4, won("d", 100_000, "acme")).await.unwrap();
    bench.deal("won", 4, won("d", 100_000, "acme")).await.unwrap();
    bench.deal("corrected", 6, won("d", 80_000, "acme")).await.unwrap();
    bench.deal("won", 4, won("d", 100_000, "acme")).await.unwrap();
    let rows = bench.commissions("partner = \"partners/acme\" AND state = ACCRUED").await;
    assert_eq!(minors(&rows), [4_000, -800]);
    let books = bench.books().await;
    assert!(books.balanced, "{:?}", books.findings);
    assert_eq!(books.transaction_count, 2);
    let events = bench.events().await;
    let accrued = events.iter().find(|e| e.subject == "incentivize.commission.accrued").unwrap();
    assert_eq!(accrued.causation_id, "deals/d-4");
    let posted: Vec<_> = events.iter().filter(|e| e.subject == "incentivize.ledger_transaction.posted").collect();
    let day = Timestamp::stored(posted[0].occurred_time.as_ref()).unwrap();
    assert_eq!(day.to_string(), "2026-01-31T00:00:00Z", "on the day the win was recorded");
}

#[tokio::test]
async fn a_deleted_deal_cancels_its_commissions_and_imported_history_accrues_nothing() {
    let bench = Bench::new().await;
    bench.rule("all", CommissionRule::default()).await;
    bench.deal("won", 1, won("d", 100_000, "acme")).await.unwrap();
    bench.deal("deleted", 2, won("d", 100_000, "acme")).await.unwrap();
    bench.deal("won", 1, Deal { imported: true, ..won("i", 100_000, "acme") }).await.unwrap();
    let rows = bench.commissions("").await;
    assert_eq!(minors(&rows), [4_000, -4_000]);
    assert!(rows.iter().all(|row| row.state() == CommissionState::Canceled));
    assert_eq!(bench.events().await.iter().filter(|e| e.subject == "incentivize.commission.canceled").count(), 1);
    assert!(bench.books().await.balanced);
}

#[tokio::test]
async fn rules_ask_the_directory_and_wait_for_it() {
    let bench = Bench::new().await;
    bench.rule("gold", CommissionRule { tier: "programs/p/tiers/gold".into(), ..Default::default() }).await;
    bench.rule("silver", CommissionRule { tier: "programs/p/tiers/silver".into(), ..Default::default() }).await;
    bench.deal("won", 1, won("d", 100_000, "acme")).await.unwrap();
    let rows = bench.commissions("").await;
    assert_eq!(rows.iter().map(|r| r.commission_rule.as_str()).collect::<Vec<_>>(), ["commissionRules/gold"]);
    let error = bench.deal("won", 1, won("e", 100_000, "newcomer")).await.unwrap_err();
    assert!(error.is_transient(), "the event is delivered again when the partner is known");
    assert!(bench.commissions("deal = \"deals/e\"").await.is_empty());
}

#[tokio::test]
async fn a_partner_sees_its_own_commissions() {
    let bench = Bench::new().await;
    bench.rule("all", CommissionRule::default()).await;
    bench.deal("won", 1, won("d", 100_000, "acme")).await.unwrap();
    bench.deal("won", 1, won("e", 100_000, "below")).await.unwrap();
    let name = bench.commissions("partner = \"partners/acme\"").await.remove(0).name;
    let get = || GetCommissionRequest { name: name.clone() };
    assert!(bench.api.get_commission(bench.as_partner("acme", get())).await.is_ok());
    for foreign in [bench.as_partner("below", get()), bench.as_partner("other", get()), bench.as_stranger(get())] {
        assert_eq!(reason(bench.api.get_commission(foreign).await), "NOT_FOUND");
    }
    let all = bench.api.list_commissions(bench.as_partner("acme", ListCommissionsRequest::default())).await.unwrap().into_inner();
    assert_eq!(all.commissions.len(), 2, "its own, and those below that it may see");
}

#[tokio::test]
async fn pages_hold_every_row_once() {
    let bench = Bench::new().await;
    bench.rule("all", CommissionRule::default()).await;
    for i in 0..7 {
        bench.deal("won", 1, won(&format!("d{i}"), 10_000 + i, "acme")).await.unwrap();
    }
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let request = ListCommissionsRequest { page_size: 3, page_token: token, ..Default::default() };
        let page = bench.api.list_commissions(bench.as_vendor(request)).await.unwrap().into_inner();
        seen.extend(page.commissions.into_iter().map(|row| row.deal));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, (0..7).map(|i| format!("deals/d{i}")).collect::<Vec<_>>());
    let bad = ListCommissionsRequest { filter: "amount > 3".into(), ..Default::default() };
    assert_eq!(reason(bench.api.list_commissions(bench.as_vendor(bad)).await), "FILTER_INVALID");
}

#[tokio::test]
async fn a_bus_that_shuffles_and_repeats_gives_the_same_ledger() {
    let mut balances = Vec::new();
    for seed in [None, Some(1), Some(2), Some(3)] {
        let bench = Bench::new().await;
        bench.rule("all", CommissionRule::default()).await;
        let sell = bench.store_of("sell", crate::migrations()).await;
        sell.run(&bench.cx(Reach::Tenant), (), history).await.unwrap();
        let relay = Relay::new(sell.clone(), "sell");
        while relay.run_once().await.unwrap() > 0 {}
        let log = Arc::new(EventLog::new(sell, "sell"));
        let source: Arc<dyn stoa_events::Source> = match seed {
            None => log,
            Some(seed) => Arc::new(ShufflingSource::new(log, seed)),
        };
        let subscription = super::subscriptions(&bench.api.deps.clock).remove(0);
        let subscriber = Subscriber::new(bench.api.deps.store.clone(), source, subscription, bench.api.deps.clock.clone());
        while subscriber.run_once().await.unwrap() > 0 {}
        assert_eq!(subscriber.parked_count().await.unwrap(), 0);
        let books = bench.books().await;
        assert!(books.balanced, "{:?}", books.findings);
        balances.push(books.balances.into_iter().map(|b| (b.account, b.balance)).collect::<Vec<_>>());
    }
    assert!(balances.windows(2).all(|pair| pair[0] == pair[1]), "{balances:?}");
}

/// Deals as sell keeps them.
mod sold {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;
    use stoa_proto::sell::v1::Deal;
    use stoa_store::{Documents, Key};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "commission_deal")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl Documents for Entity {
        type Document = Deal;

        fn row(Key { tenant, id, version, document }: Key, _: &Deal) -> Model {
            Model { tenant, id, version, document }
        }
    }
}

/// Records forty deals, each won and corrected twice, in the log of another service.
async fn history(tx: &stoa_store::Tx, cx: &Cx, _: &()) -> stoa_kernel::Result<()> {
    for i in 0..40_i64 {
        let deal = |version: i64| won(&format!("d{i}"), 1_000 * i + 77 * version, if i % 2 == 0 { "acme" } else { "other" });
        let steps = [Step::new::<DealWon>(deal(1)), Step::new::<DealCorrected>(deal(2)), Step::new::<DealCorrected>(deal(3))];
        record::<sold::Entity>(tx, cx, None, steps).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_store_refuses_to_change_the_ledger() {
    let bench = Bench::new().await;
    bench.rule("all", CommissionRule::default()).await;
    bench.deal("won", 1, won("d", 100_000, "acme")).await.unwrap();
    for statement in [
        "UPDATE ledger_posting SET amount = 1",
        "DELETE FROM ledger_posting",
        "UPDATE ledger_transaction SET partner = 'x'",
        "DELETE FROM ledger_transaction",
    ] {
        let done = bench.api.deps.store.write(statement, |tx, statement| {
            async move {
                let failed = tx.conn().execute_unprepared(statement).await.is_err();
                if failed { Err(stoa_kernel::Error::internal("refused")) } else { Ok(()) }
            }
            .boxed()
        });
        assert!(done.await.is_err(), "{statement}");
    }
    assert!(bench.books().await.balanced);
}

fn date(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_rule_that_has_ended_rewards_deals_that_were_won_before() {
    let bench = Bench::new().await;
    bench.rule("r", CommissionRule::default()).await;
    let end = |expire_time, etag: &str| ExpireCommissionRuleRequest {
        name: "commissionRules/r".into(),
        expire_time,
        etag: etag.into(),
        ..Default::default()
    };
    assert_eq!(reason(bench.api.expire_commission_rule(bench.as_partner("acme", end(None, ""))).await), "SCOPE_EXCEEDED");
    assert_eq!(reason(bench.api.expire_commission_rule(bench.as_vendor(end(bench.in_days(-1), ""))).await), "EXPIRE_TIME_PAST");
    assert_eq!(reason(bench.api.expire_commission_rule(bench.as_vendor(end(None, "\"9\""))).await), "ETAG_MISMATCH");
    let ends = bench.now().plus_days(5);
    let ended = bench.api.expire_commission_rule(bench.as_vendor(end(bench.in_days(5), "\"1\""))).await.unwrap().into_inner();
    assert_eq!((ended.expire_time, ended.etag.as_str()), (Some(ends.proto()), "\"2\""));
    assert_eq!(reason(bench.api.expire_commission_rule(bench.as_vendor(end(bench.in_days(6), ""))).await), "PERIOD_INVALID");

    // The bus is late: both events arrive after the rule has ended.
    bench.pass_days(9);
    let at = |id: &str, won_at: Timestamp| Deal { win_time: Some(won_at.proto()), ..won(id, 100_000, "acme") };
    bench.deal("won", 1, at("before", ends.plus_micros(-1))).await.unwrap();
    bench.deal("won", 1, at("after", ends)).await.unwrap();
    let rows = bench.commissions("").await;
    assert_eq!(rows.iter().map(|r| r.deal.as_str()).collect::<Vec<_>>(), ["deals/before"]);
    // A correction is computed with the rule under which the deal was won.
    let corrected = Deal { amount: usd(50_000), ..at("before", ends.plus_micros(-1)) };
    bench.deal("corrected", 2, corrected).await.unwrap();
    assert_eq!(minors(&bench.commissions("state = ACCRUED").await), [4_000, -2_000], "accrued rows stay");
    assert_eq!(reason(bench.api.expire_commission_rule(bench.as_vendor(end(None, ""))).await), "COMMISSION_RULE_EXPIRED");
    let event = bench.events().await.into_iter().find(|e| e.subject == "incentivize.commission_rule.expired").unwrap();
    assert_eq!((event.aggregate.as_str(), event.version), ("commissionRules/r", 2));
}

/// Versions that become known of `other`, which has been gold since 1970:
/// silver from 2026-01-10, gold again from 01-20, suspended from 01-25.
fn versions() -> Vec<(Enrollment, Timestamp)> {
    let (silver, gold, suspended) = (date("2026-01-10"), date("2026-01-20"), date("2026-01-25"));
    let mut last = enrollment("other", 4, "gold", gold);
    last.set_status(EnrollmentStatus::Suspended);
    vec![(enrollment("other", 2, "silver", silver), silver), (enrollment("other", 3, "gold", gold), gold), (last, suspended)]
}

#[tokio::test]
async fn a_commission_follows_the_tier_at_the_instant_of_the_win_in_whatever_order_events_arrive() {
    // The place of the deals among the versions, and the order of the versions.
    for (deals_after, order) in [(0, [0, 1, 2]), (3, [0, 1, 2]), (0, [2, 1, 0]), (1, [2, 0, 1]), (2, [1, 2, 0]), (3, [2, 1, 0])] {
        let bench = Bench::new().await;
        bench.rule("gold", CommissionRule { tier: "programs/p/tiers/gold".into(), ..Default::default() }).await;
        bench.rule("silver", CommissionRule { tier: "programs/p/tiers/silver".into(), ..Default::default() }).await;
        bench.rule("any", CommissionRule::default()).await;
        let known = versions();
        for place in 0..=order.len() {
            if place == deals_after {
                for day in ["2026-01-09", "2026-01-10", "2026-01-21", "2026-01-25"] {
                    let deal = Deal { win_time: Some(date(day).proto()), ..won(day, 100_000, "other") };
                    bench.deal("won", 1, deal).await.unwrap();
                }
            }
            if let Some(version) = order.get(place) {
                for _ in 0..2 {
                    let (enrollment, occurred) = known[*version].clone();
                    bench.enrollment(enrollment, occurred).await.unwrap();
                }
            }
        }
        let mut earned: BTreeMap<(String, String), i64> = BTreeMap::new();
        for row in bench.commissions("").await {
            let key = (names::last(&row.deal).to_owned(), names::last(&row.commission_rule).to_owned());
            *earned.entry(key).or_default() += row.amount.unwrap().minor_units;
        }
        let earned: Vec<String> =
            earned.iter().filter(|(_, sum)| **sum != 0).map(|((deal, rule), sum)| format!("{deal} {rule} {sum}")).collect();
        let wanted = [
            "2026-01-09 any 4000",
            "2026-01-09 gold 4000",
            "2026-01-10 any 4000",
            "2026-01-10 silver 4000",
            "2026-01-21 any 4000",
            "2026-01-21 gold 4000",
        ];
        assert_eq!(earned, wanted, "deals after {deals_after} of {order:?}");
        let books = bench.books().await;
        assert!(books.balanced, "{:?}", books.findings);
    }
}

#[tokio::test]
async fn what_becomes_known_late_is_a_row_of_its_own() {
    let bench = Bench::new().await;
    bench.rule("gold", CommissionRule { tier: "programs/p/tiers/gold".into(), ..Default::default() }).await;
    for id in ["d", "e"] {
        bench.deal("won", 3, won(id, 100_000, "acme")).await.unwrap();
    }
    let since = date("2026-01-15");
    bench.enrollment(enrollment("acme", 2, "silver", since), since).await.unwrap();
    let rows = bench.commissions("deal = \"deals/d\"").await;
    assert_eq!(minors(&rows).iter().sum::<i64>(), 0);
    assert!(rows.iter().all(|row| row.state() == CommissionState::Canceled && row.deal_version == 3));
    let taken_back = rows.iter().find(|row| !row.corrected_commission.is_empty()).unwrap();
    assert_eq!(
        (taken_back.source_event.as_str(), taken_back.tiers.as_slice()),
        ("enrollments/acme \"2\"", ["programs/p/tiers/silver".to_owned()].as_slice())
    );
    assert_eq!(bench.commissions("").await.len(), 4, "one event may correct many deals");

    // A tier that began after the win changes nothing.
    bench.enrollment(enrollment("acme", 3, "gold", bench.now()), bench.now()).await.unwrap();
    assert_eq!(bench.commissions("").await.len(), 4);
    // Neither does a correction of the deal, whatever the tier is by now.
    bench.deal("corrected", 4, won("d", 200_000, "acme")).await.unwrap();
    assert_eq!(bench.commissions("").await.len(), 4);
}

#[tokio::test]
async fn a_deal_and_an_enrollment_that_arrive_at_once_miss_nothing() {
    let bench = Bench::new().await;
    bench.rule("gold", CommissionRule { tier: "programs/p/tiers/gold".into(), ..Default::default() }).await;
    let since = date("2026-01-15");
    let deals = (0..8).map(|i| bench.deal("won", 1, won(&format!("d{i}"), 100_000, "acme")));
    let (settled, learned) =
        tokio::join!(futures::future::join_all(deals), bench.enrollment(enrollment("acme", 2, "silver", since), since));
    learned.unwrap();
    settled.into_iter().for_each(|done| done.unwrap());
    assert_eq!(minors(&bench.commissions("").await).iter().sum::<i64>(), 0, "silver at the win, whichever came first");
    assert!(bench.books().await.balanced);
}

#[tokio::test]
async fn without_an_enrollment_in_force_a_win_earns_nothing() {
    let bench = Bench::new().await;
    bench.rule("any", CommissionRule::default()).await;
    let ends = date("2026-01-30");
    let mut gone = Enrollment { end_time: Some(ends.proto()), ..enrollment("acme", 2, "gold", Timestamp::default()) };
    gone.set_status(EnrollmentStatus::Terminated);
    bench.enrollment(gone, ends).await.unwrap();
    let at = |id: &str, won_at: Timestamp| Deal { win_time: Some(won_at.proto()), ..won(id, 100_000, "acme") };
    bench.deal("won", 1, at("before", ends.plus_micros(-1))).await.unwrap();
    bench.deal("won", 1, at("after", ends)).await.unwrap();
    let shared = Deal {
        credits: ["acme", "other"].map(|id| Credit { partner: names::name("partners", id), share_basis_points: 5_000 }).to_vec(),
        ..at("shared", ends)
    };
    bench.deal("won", 1, shared).await.unwrap();
    let rows = bench.commissions("").await;
    let earned: Vec<_> = rows.iter().map(|row| (row.deal.as_str(), row.partner.as_str())).collect();
    assert_eq!(earned, [("deals/before", "partners/acme"), ("deals/shared", "partners/other")]);
}
