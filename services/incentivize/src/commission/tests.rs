//! Commissions from sell's events, on a store.

use std::sync::Arc;

use futures::FutureExt;
use prost::Message;
use sea_orm::ConnectionTrait;
use stoa_events::{Event, EventLog, Fact, Relay, ShufflingSource, Subscriber};
use stoa_kernel::{Cx, Timestamp, names};
use stoa_proto::{
    incentivize::v1::{
        Commission, CommissionRule, CommissionState, CreateCommissionRuleRequest, GetCommissionRequest, ListCommissionsRequest,
        commission_rule::Reward, commission_rule_service_server::CommissionRuleService, commission_service_server::CommissionService,
    },
    sell::v1::{Credit, Deal, DealCorrected, DealWon},
};

use crate::testing::{Bench, reason, usd};

impl Bench {
    async fn rule(&self, id: &str, rule: CommissionRule) {
        let rule = CommissionRule {
            display_name: id.into(),
            reward: Some(Reward::RateBasisPoints(400)),
            effective_time: Some(Timestamp::default().proto()),
            ..rule
        };
        let request = CreateCommissionRuleRequest { commission_rule_id: id.into(), commission_rule: Some(rule), ..Default::default() };
        self.api.create_commission_rule(self.vendor(request)).await.unwrap();
    }

    async fn deal(&self, fact: &str, version: i64, deal: Deal) -> stoa_kernel::Result<()> {
        let event = Event {
            event_id: format!("{}-{version}", deal.name),
            tenant: "t".into(),
            subject: format!("sell.deal.{fact}"),
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
        let mut all = self.api.list_commissions(self.vendor(request)).await.unwrap().into_inner().commissions;
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
async fn a_deleted_deal_cancels_and_imported_history_accrues_nothing() {
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
    assert!(bench.api.get_commission(bench.of("acme", get())).await.is_ok());
    for foreign in [bench.of("below", get()), bench.of("other", get()), bench.stranger(get())] {
        assert_eq!(reason(bench.api.get_commission(foreign).await), "NOT_FOUND");
    }
    let all = bench.api.list_commissions(bench.of("acme", ListCommissionsRequest::default())).await.unwrap().into_inner();
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
        let page = bench.api.list_commissions(bench.vendor(request)).await.unwrap().into_inner();
        seen.extend(page.commissions.into_iter().map(|row| row.deal));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, (0..7).map(|i| format!("deals/d{i}")).collect::<Vec<_>>());
    let bad = ListCommissionsRequest { filter: "amount > 3".into(), ..Default::default() };
    assert_eq!(reason(bench.api.list_commissions(bench.vendor(bad)).await), "FILTER_INVALID");
}

#[tokio::test]
async fn a_bus_that_shuffles_and_repeats_gives_the_same_ledger() {
    let mut balances = Vec::new();
    for seed in [None, Some(1), Some(2), Some(3)] {
        let bench = Bench::new().await;
        bench.rule("all", CommissionRule::default()).await;
        let sell = bench.log_of("sell").await;
        let cx = bench.cx();
        sell.write(cx, |tx, cx| history(tx, cx).boxed()).await.unwrap();
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

/// Forty deals, each won and twice corrected.
async fn history(tx: &stoa_store::Tx, cx: &Cx) -> stoa_kernel::Result<()> {
    for version in 1..=3 {
        for i in 0..40 {
            let deal = won(&format!("d{i}"), 1_000 * i + 77 * version, if i % 2 == 0 { "acme" } else { "other" });
            let fact = Fact::new(&deal.name, version);
            if version == 1 {
                stoa_events::append(tx, cx, fact, &DealWon { deal: Some(deal.clone()) }).await?;
            } else {
                stoa_events::append(tx, cx, fact, &DealCorrected { deal: Some(deal.clone()) }).await?;
            }
        }
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
