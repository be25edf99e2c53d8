//! Random histories of MDF commands and of deals, on the pure rules: whatever
//! happens, the books are proven.

mod deals;

use std::collections::BTreeMap;

use proptest::prelude::*;
use stoa_kernel::{Clock, Cx, Money, Result, Timestamp, etag};
use stoa_proto::{
    common::v1::Money as Amount,
    incentivize::v1::{Commission, LedgerAccount, LedgerTransaction, MdfBudget, MdfClaim, MdfClaimState, MdfRequest, MdfRequestState},
};

use self::deals::{DealVersion, deal_versions, eligible, rules};
use super::{prove, prove::Totals};
use crate::{
    amounts,
    commission::{Source, due, rows},
    ledger::{self, Entry},
    mdf_budget, mdf_claim, mdf_request,
};

/// Currencies of budgets and of everything that depends on them.
const CODES: [&str; 3] = ["USD", "JPY", "KWD"];

struct World {
    now: Timestamp,
    ledger: BTreeMap<String, LedgerTransaction>,
    budgets: Vec<MdfBudget>,
    requests: Vec<MdfRequest>,
    claims: Vec<MdfClaim>,
    commissions: Vec<Commission>,
    deal_versions: BTreeMap<String, i64>,
}

/// Returns the request with the etag that it gets when it is recorded.
fn next_version(request: MdfRequest) -> MdfRequest {
    MdfRequest { etag: etag::next(&request.etag), ..request }
}

impl World {
    fn new() -> Self {
        Self {
            now: "2026-01-10".parse().unwrap(),
            ledger: BTreeMap::new(),
            budgets: Vec::new(),
            requests: Vec::new(),
            claims: Vec::new(),
            commissions: Vec::new(),
            deal_versions: BTreeMap::new(),
        }
    }

    fn cx(&self) -> Cx {
        let (clock, _) = Clock::driven(self.now);
        Cx::service("t", "incentivize", &clock, "")
    }

    fn post(&mut self, entry: &Entry) {
        let transaction = entry.transaction(self.now.date("UTC").unwrap().to_string());
        let known = self.ledger.insert(transaction.name.clone(), transaction);
        assert!(known.is_none(), "posted twice: {known:?}");
    }

    fn budget_of(&self, request: &MdfRequest) -> usize {
        self.budgets.iter().position(|b| b.name == request.mdf_budget).unwrap()
    }

    /// Applies a release to the budget and the books.
    fn give_back(&mut self, request: &MdfRequest, amount: Money) {
        if amount.minor != 0 {
            let budget = self.budget_of(request);
            self.budgets[budget] = mdf_budget::released(&self.budgets[budget], amount).unwrap();
            self.post(&ledger::released(request, amount).unwrap());
        }
    }

    /// Applies the expiry of a request, if it is due.
    fn settle(&mut self, at: usize) {
        if let Some((mut next, released)) = mdf_request::expired(&self.requests[at], &self.cx()).unwrap() {
            next.etag = etag::next(&next.etag);
            self.requests[at] = next.clone();
            self.give_back(&next, released);
        }
    }

    fn claim_changed(&mut self, claim: usize, next: MdfClaim, request: usize, mut change: mdf_request::Claimed) {
        change.request.etag = etag::next(&change.request.etag);
        self.claims[claim] = next;
        self.requests[request] = change.request.clone();
        self.give_back(&change.request, change.released);
    }

    fn request_command(&mut self, command: u8, at: usize, share: i64) -> Result<()> {
        if self.requests.is_empty() {
            return Ok(());
        }
        let wanted: &[MdfRequestState] = match command {
            0 => &[MdfRequestState::Draft],
            1 | 2 => &[MdfRequestState::Submitted],
            3 => &[MdfRequestState::Approved],
            _ => &[],
        };
        let at = pick(&self.requests, at, |request| wanted.contains(&request.state()));
        self.settle(at);
        let (cx, current) = (self.cx(), self.requests[at].clone());
        match command {
            0 => self.requests[at] = next_version(mdf_request::submitted(&current, &cx)?),
            1 => {
                let asked = amounts::stored(current.amount.as_ref())?;
                let amount = asked.share(share * 100)?;
                let next = next_version(mdf_request::approved(&current, Some(amount), &current.mdf_budget, "", &cx)?);
                for other in 0..self.requests.len() {
                    self.settle(other);
                }
                let budget = self.budget_of(&next);
                self.budgets[budget] = mdf_budget::committed(&self.budgets[budget], &next, amount)?;
                self.post(&ledger::reserved(&next)?);
                self.requests[at] = next;
            }
            2 => self.requests[at] = next_version(mdf_request::rejected(&current, "no", &cx)?),
            3 => self.requests[at] = next_version(mdf_request::started(&current)?),
            _ => {
                let (next, released) = mdf_request::canceled(&current, "no", &cx)?;
                let next = next_version(next);
                self.requests[at] = next.clone();
                self.give_back(&next, released);
            }
        }
        Ok(())
    }

    fn claim_command(&mut self, command: u8, at: usize, share: i64) -> Result<()> {
        if self.claims.is_empty() {
            return Ok(());
        }
        let wanted = match command {
            0 => MdfClaimState::Draft,
            1 | 2 => MdfClaimState::Submitted,
            _ => MdfClaimState::Approved,
        };
        let at = pick(&self.claims, at, |claim| claim.state() == wanted);
        let current = self.claims[at].clone();
        let request = self.requests.iter().position(|r| r.name == current.mdf_request).unwrap();
        self.settle(request);
        let (cx, parent) = (self.cx(), self.requests[request].clone());
        match command {
            0 => {
                let next = mdf_claim::submitted(&current, &[], &cx)?;
                let change = mdf_request::submitted_claim(&parent, amounts::stored(current.amount.as_ref())?, &cx)?;
                self.claim_changed(at, next, request, change);
            }
            1 => {
                let amount = amounts::stored(current.amount.as_ref())?.share(share * 100)?;
                let (mut next, lost) = mdf_claim::approved(&current, Some(amount), "", &cx)?;
                next.etag = etag::next(&next.etag);
                self.post(&ledger::claim_approved(&next)?);
                let change = mdf_request::cut(&parent, lost)?;
                self.claim_changed(at, next, request, change);
            }
            2 => {
                let (next, lost) = mdf_claim::rejected(&current, "no", &cx)?;
                let change = mdf_request::cut(&parent, lost)?;
                self.claim_changed(at, next, request, change);
            }
            _ => {
                let (mut next, amount) = mdf_claim::paid(&current, "", &cx)?;
                next.etag = etag::next(&next.etag);
                self.post(&ledger::claim_paid(&next)?);
                let change = mdf_request::paid(&parent, amount, &cx)?;
                self.claim_changed(at, next, request, change);
            }
        }
        Ok(())
    }

    fn create(&mut self, what: u8, at: usize, minor: i64) -> Result<()> {
        let code = CODES[at % CODES.len()];
        let amount = Some(Amount { minor_units: minor, currency_code: code.to_owned() });
        match what {
            0 => {
                let input = MdfBudget { amount, start_date: "2026-01-01".into(), end_date: "2026-12-31".into(), ..Default::default() };
                let budget = mdf_budget::new(&self.budgets.len().to_string(), &input)?;
                self.post(&ledger::budget_created(&budget)?);
                self.budgets.push(budget);
            }
            1 if !self.budgets.is_empty() => {
                let budget = &self.budgets[at % self.budgets.len()];
                let today = self.now.date("UTC")?.to_string();
                let currency_code = budget.amount.clone().unwrap_or_default().currency_code;
                let input = MdfRequest {
                    amount: Some(Amount { minor_units: minor, currency_code }),
                    mdf_budget: budget.name.clone(),
                    usage_start_date: today.clone(),
                    usage_end_date: today,
                    ..Default::default()
                };
                let id = self.requests.len().to_string();
                self.requests.push(mdf_request::new(&id, &input, "partners/a", "UTC")?);
            }
            _ if !self.requests.is_empty() => {
                let open = |r: &MdfRequest| matches!(r.state(), MdfRequestState::Approved | MdfRequestState::InExecution);
                let request = &self.requests[pick(&self.requests, at, open)];
                let currency_code = request.amount.clone().unwrap_or_default().currency_code;
                let minor_units = |amount: &Option<Amount>| amount.as_ref().map_or(0, |a| a.minor_units);
                let left = minor_units(&request.approved_amount) - minor_units(&request.claimed_amount);
                // Every other claim is for all that is left, so that requests
                // get completed.
                let minor = if minor % 2 == 0 && left > 0 { left } else { minor };
                let input = MdfClaim {
                    amount: Some(Amount { minor_units: minor, currency_code }),
                    proof_references: vec!["invoices/1".into()],
                    ..Default::default()
                };
                self.claims.push(mdf_claim::new(&self.claims.len().to_string(), &input, request)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Applies a version of a deal as the subscription does.
    fn deliver(&mut self, delivered: &DealVersion) {
        let known = self.deal_versions.get(&delivered.deal.name).copied().unwrap_or_default();
        if delivered.version <= known {
            return;
        }
        self.deal_versions.insert(delivered.deal.name.clone(), delivered.version);
        let existing: Vec<Commission> = self.commissions.iter().filter(|row| row.deal == delivered.deal.name).cloned().collect();
        let due = due(&delivered.deal, &rules(), &eligible()).unwrap();
        let event_id = format!("{}-{}", delivered.deal.name, delivered.version);
        let source = Source { event_id: &event_id, deal_version: delivered.version, now: self.now };
        let change = rows(source, &delivered.deal, &due, &existing, &eligible()).unwrap();
        for row in change.canceled {
            let place = self.commissions.iter().position(|r| r.name == row.name).unwrap();
            self.commissions[place] = row;
        }
        for row in change.new {
            self.post(&ledger::commission_accrued(&row).unwrap());
            self.commissions.push(row);
        }
    }

    fn books(&self) -> prove::Books {
        let mut books = prove::Books::new();
        for posting in self.ledger.values().flat_map(|t| &t.postings) {
            let amount = posting.amount.clone().unwrap();
            let sums = books.entry((amount.currency_code, posting.account())).or_default();
            let minor = i128::from(amount.minor_units);
            if minor > 0 { sums.debit += minor } else { sums.credit -= minor }
        }
        books
    }

    fn totals(&self) -> BTreeMap<String, Totals> {
        let mut totals: BTreeMap<String, Totals> = BTreeMap::new();
        let mut add = |amount: &Option<Amount>, pick: fn(&mut Totals) -> &mut i128| {
            if let Some(amount) = amount {
                *pick(totals.entry(amount.currency_code.clone()).or_default()) += i128::from(amount.minor_units);
            }
        };
        for budget in &self.budgets {
            add(&budget.amount, |t| &mut t.budgeted);
            add(&budget.committed_amount, |t| &mut t.committed);
        }
        for claim in &self.claims {
            add(&claim.approved_amount, |t| &mut t.approved);
            if claim.state() == MdfClaimState::Paid {
                add(&claim.approved_amount, |t| &mut t.paid);
            }
        }
        for row in &self.commissions {
            add(&row.amount, |t| &mut t.commissions);
        }
        totals
    }

    /// Checks that Σ claims ≤ approved ≤ budget and that the resources agree
    /// with each other.
    fn check(&self) {
        assert_eq!(prove::prove(&self.books(), &self.totals(), &[]), Vec::<String>::new());
        let minor = |amount: &Option<Amount>| amount.as_ref().map_or(0, |a| a.minor_units);
        for request in &self.requests {
            let held = minor(&request.approved_amount) - minor(&request.released_amount);
            let (claimed, paid) = (minor(&request.claimed_amount), minor(&request.paid_amount));
            assert!(0 <= paid && paid <= claimed && claimed <= held && held <= minor(&request.amount), "{request:?}");
            let claims = || self.claims.iter().filter(|c| c.mdf_request == request.name);
            let live: i64 = claims()
                .map(|c| match c.state() {
                    MdfClaimState::Submitted => minor(&c.amount),
                    MdfClaimState::Approved | MdfClaimState::Paid => minor(&c.approved_amount),
                    _ => 0,
                })
                .sum();
            assert_eq!(claimed, live);
            let open = [MdfRequestState::Approved, MdfRequestState::InExecution];
            assert!(!open.contains(&request.state()) || held == 0 || paid < held, "all is paid, but it is not completed");
        }
        for budget in &self.budgets {
            let held: i64 = self
                .requests
                .iter()
                .filter(|r| r.mdf_budget == budget.name)
                .map(|r| minor(&r.approved_amount) - minor(&r.released_amount))
                .sum();
            assert_eq!(minor(&budget.committed_amount), held);
            assert!(0 <= held && held <= minor(&budget.amount));
        }
    }

    /// Returns commissions by partner, deal and currency.
    fn statements(&self) -> BTreeMap<(String, String, String), i64> {
        let mut statements = BTreeMap::new();
        for row in &self.commissions {
            let amount = row.amount.clone().unwrap();
            *statements.entry((row.partner.clone(), row.deal.clone(), amount.currency_code)).or_default() += amount.minor_units;
        }
        statements.retain(|_, sum| *sum != 0);
        statements
    }
}

/// Picks an item to which a command applies, so that histories get far; now and
/// then any item.
fn pick<T>(all: &[T], at: usize, wanted: impl Fn(&T) -> bool) -> usize {
    let fitting: Vec<usize> = (0..all.len()).filter(|i| wanted(&all[*i])).collect();
    if fitting.is_empty() || at.is_multiple_of(7) { at % all.len() } else { fitting[at % fitting.len()] }
}

/// The percentage of a requested amount that is approved: mostly all, sometimes too much.
fn share() -> impl Strategy<Value = i64> {
    (1_i64..=105).prop_map(|percent| if percent < 60 { 100 } else { percent })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_books_are_proven(
        commands in prop::collection::vec((0_u8..40, 0_usize..30, share(), 1_i64..5000), 0..200),
        versions in deal_versions(),
    ) {
        let mut world = World::new();
        let mut versions = versions.iter();
        for (command, at, share, minor) in commands {
            // A refusal changes nothing; `check` sees whether it did.
            let _refused = match command {
                0 => world.create(0, at, minor * 4),
                1..=4 => world.create(1, at, minor),
                5..=9 => world.create(2, at, minor / 4 + 1),
                10..=14 => world.request_command(0, at, share),
                15..=18 => world.request_command(1, at, share),
                19..=21 if command == 20 || share % 4 == 1 => world.request_command(command - 17, at, share),
                19..=21 => Ok(()),
                22..=26 => world.claim_command(0, at, share),
                27..=30 => world.claim_command(1, at, share),
                31 => world.claim_command(2, at, share),
                32..=36 => world.claim_command(3, at, share),
                37 | 38 => { world.now = world.now.plus_days(share / 2 - 20); Ok(()) }
                _ => { versions.by_ref().take(2).for_each(|version| world.deliver(version)); Ok(()) }
            };
            world.check();
        }
    }

    #[test]
    fn order_and_repetition_of_events_do_not_matter(
        versions in deal_versions(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..80),
    ) {
        let (mut straight, mut mixed) = (World::new(), World::new());
        versions.iter().for_each(|version| straight.deliver(version));
        // In any order, some more than once; then all, so that none is missing.
        if !versions.is_empty() {
            order.iter().for_each(|index| mixed.deliver(index.get(&versions)));
        }
        versions.iter().rev().for_each(|version| mixed.deliver(version));
        mixed.check();
        prop_assert_eq!(straight.statements(), mixed.statements());
        let balances = |world: &World| -> BTreeMap<(String, LedgerAccount), i128> {
            world.books().into_iter().map(|(key, sums)| (key, sums.balance())).filter(|(_, n)| *n != 0).collect()
        };
        prop_assert_eq!(balances(&straight), balances(&mixed));
        // Delivered once more, the same events change nothing at all.
        let before = straight.ledger.clone();
        versions.iter().for_each(|version| straight.deliver(version));
        prop_assert_eq!(before, straight.ledger);
    }
}
