//! Deals of a random history, and the rules that reward them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stoa_kernel::{Timestamp, etag, names};
use stoa_proto::{
    common::v1::Money as Amount,
    incentivize::v1::{CommissionRule, commission_rule::Reward},
    onboard::v1::PartnerType,
    sell::v1::{Credit, Deal},
};

use super::CODES;
use crate::commission::Eligibility;

#[derive(Debug, Clone)]
pub(super) struct DealVersion {
    pub(super) deal: Deal,
    pub(super) version: i64,
}

pub(super) fn rules() -> Vec<CommissionRule> {
    let rule = |id: &str, reward| CommissionRule { name: names::name("commissionRules", id), reward: Some(reward), ..Default::default() };
    vec![
        rule("all", Reward::RateBasisPoints(400)),
        CommissionRule { partner_type: PartnerType::Var as i32, ..rule("var", Reward::RateBasisPoints(133)) },
        rule("flat", Reward::FlatAmount(Amount { minor_units: 500, currency_code: "JPY".into() })),
    ]
}

pub(super) fn eligible() -> BTreeMap<String, Eligibility> {
    let of = |partner_type| Eligibility { partner_type, tiers: vec!["programs/p/tiers/gold".to_owned()] };
    BTreeMap::from([("partners/a".to_owned(), of(PartnerType::Var)), ("partners/b".to_owned(), of(PartnerType::Msp))])
}

/// Generates histories of a few deals: won, corrected, lost again, in three currencies.
pub(super) fn deal_versions() -> impl Strategy<Value = Vec<DealVersion>> {
    let state = (0_usize..4, 0_i64..100_000, 0_i32..=10_000, prop::bool::weighted(0.8), 0_usize..3);
    prop::collection::vec(state, 0..25).prop_map(|states| {
        let mut versions = BTreeMap::<usize, i64>::new();
        let deal_version = |(deal, minor_units, share, is_won, code): (usize, i64, i32, bool, usize)| {
            let version = versions.entry(deal).or_default();
            *version += 1;
            let credit = |partner: &str, share_basis_points| Credit { partner: partner.to_owned(), share_basis_points };
            let deal = Deal {
                name: format!("deals/{deal}"),
                credits: vec![credit("partners/a", share), credit("partners/b", (10_000 - share) / 2)],
                amount: Some(Amount { minor_units, currency_code: CODES[code].to_owned() }),
                win_time: is_won.then(|| Timestamp::default().proto()),
                etag: etag::of_version(*version),
                ..Default::default()
            };
            DealVersion { deal, version: *version }
        };
        states.into_iter().map(deal_version).collect()
    })
}
