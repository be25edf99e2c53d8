//! The double-entry ledger. Debits are positive, credits negative; in every
//! transaction the postings of a currency add up to 0. No transaction is ever
//! changed.
//!
//! | what happened | debit | credit |
//! | --- | --- | --- |
//! | budget created | available | funding |
//! | request approved | reserved | available |
//! | request gives back | available | reserved |
//! | claim approved | used; expense | reserved; payable |
//! | claim paid | payable | cash |
//! | commission accrued (a reversal the other way round) | commission expense | commission payable |

mod operations;
pub(crate) mod store;
pub(crate) mod sums;

use std::collections::BTreeMap;

use stoa_kernel::{Error, Money, Result, etag, ids, names};
use stoa_proto::incentivize::v1::{
    Commission, LedgerAccount as Account, LedgerPosting, LedgerTransaction, LedgerTransactionKind as Kind, MdfBudget, MdfClaim, MdfRequest,
};

pub(crate) use operations::post;
pub(crate) use store::LedgerTransactions;

use crate::amounts;

/// What a transaction will record, before it is posted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    kind: Kind,
    source: String,
    version: i64,
    partner: String,
    postings: Vec<LedgerPosting>,
}

impl Entry {
    fn new(kind: Kind, source: (&str, &str), partner: &str, transfers: &[(Account, Account, Money)]) -> Result<Self> {
        let mut postings = Vec::with_capacity(2 * transfers.len());
        for (debit, credit, amount) in transfers {
            postings.push(LedgerPosting { account: *debit as i32, amount: Some(amount.proto()) });
            postings.push(LedgerPosting { account: *credit as i32, amount: Some(amounts::negated(*amount)?.proto()) });
        }
        balanced(&postings)?;
        let (source, etag) = source;
        Ok(Self { kind, source: source.to_owned(), version: etag::version(etag), partner: partner.to_owned(), postings })
    }

    /// Returns the transaction. Its id is derived from the kind, the source and
    /// the version of the source, so that the same fact cannot be posted twice.
    pub(crate) fn transaction(&self, post_date: String) -> LedgerTransaction {
        let id = ids::derived(&[self.kind.as_str_name(), &self.source, &self.version.to_string()]);
        LedgerTransaction {
            name: names::name("ledgerTransactions", &id),
            kind: self.kind as i32,
            source: self.source.clone(),
            partner: self.partner.clone(),
            postings: self.postings.clone(),
            post_date,
            ..LedgerTransaction::default()
        }
    }
}

/// Refuses postings that do not add up to 0 in every currency.
fn balanced(postings: &[LedgerPosting]) -> Result<()> {
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    for amount in postings.iter().filter_map(|p| p.amount.as_ref()) {
        *sums.entry(&amount.currency_code).or_default() += i128::from(amount.minor_units);
    }
    match sums.iter().find(|(_, sum)| **sum != 0) {
        Some((code, sum)) => Err(Error::internal(format!("postings in {code} add up to {sum}"))),
        None => Ok(()),
    }
}

/// Returns the entry of a budget that was created.
pub(crate) fn budget_created(budget: &MdfBudget) -> Result<Entry> {
    let amount = amounts::stored(budget.amount.as_ref())?;
    let source = (budget.name.as_str(), budget.etag.as_str());
    Entry::new(Kind::MdfBudgetCreated, source, "", &[(Account::MdfAvailable, Account::MdfFunding, amount)])
}

/// Returns the entry of a request that was approved.
pub(crate) fn reserved(request: &MdfRequest) -> Result<Entry> {
    let amount = amounts::stored(request.approved_amount.as_ref())?;
    let source = (request.name.as_str(), request.etag.as_str());
    Entry::new(Kind::MdfReserved, source, &request.partner, &[(Account::MdfReserved, Account::MdfAvailable, amount)])
}

/// Returns the entry of an amount that a request gave back to its budget.
pub(crate) fn released(request: &MdfRequest, amount: Money) -> Result<Entry> {
    let source = (request.name.as_str(), request.etag.as_str());
    Entry::new(Kind::MdfReleased, source, &request.partner, &[(Account::MdfAvailable, Account::MdfReserved, amount)])
}

/// Returns the entry of a claim that was approved.
pub(crate) fn claim_approved(claim: &MdfClaim) -> Result<Entry> {
    let amount = amounts::stored(claim.approved_amount.as_ref())?;
    let transfers = [(Account::MdfUsed, Account::MdfReserved, amount), (Account::MdfExpense, Account::MdfPayable, amount)];
    Entry::new(Kind::MdfClaimApproved, (&claim.name, &claim.etag), &claim.partner, &transfers)
}

/// Returns the entry of a claim that was paid.
pub(crate) fn claim_paid(claim: &MdfClaim) -> Result<Entry> {
    let amount = amounts::stored(claim.approved_amount.as_ref())?;
    Entry::new(Kind::MdfClaimPaid, (&claim.name, &claim.etag), &claim.partner, &[(Account::MdfPayable, Account::Cash, amount)])
}

/// Returns the entry of a commission that was earned, or taken back if its
/// amount is negative.
pub(crate) fn commission_accrued(commission: &Commission) -> Result<Entry> {
    let amount = amounts::stored(commission.amount.as_ref())?;
    let kind = if amount.minor < 0 { Kind::CommissionReversed } else { Kind::CommissionAccrued };
    let transfers = [(Account::CommissionExpense, Account::CommissionPayable, amount)];
    Entry::new(kind, (&commission.name, &commission.etag), &commission.partner, &transfers)
}

#[cfg(test)]
mod tests {
    use stoa_proto::common::v1::Money as Amount;

    use super::*;

    fn amount(minor_units: i64, code: &str) -> Option<Amount> {
        Some(Amount { minor_units, currency_code: code.into() })
    }

    #[test]
    fn a_transaction_that_does_not_add_up_is_refused() {
        let posting = |minor, code: &str| LedgerPosting { account: Account::Cash as i32, amount: amount(minor, code) };
        assert!(balanced(&[posting(5, "USD"), posting(-5, "USD"), posting(7, "JPY"), posting(-7, "JPY")]).is_ok());
        assert_eq!(balanced(&[posting(5, "USD"), posting(-5, "EUR")]).unwrap_err().reason(), "INTERNAL");
    }

    #[test]
    fn the_same_fact_has_the_same_id_and_another_version_has_a_different_id() {
        let claim = |version| MdfClaim {
            name: "mdfClaims/c".into(),
            approved_amount: amount(10, "USD"),
            etag: etag::of_version(version),
            ..Default::default()
        };
        let id = |entry: Entry| entry.transaction("2026-01-01".into()).name;
        assert_eq!(id(claim_paid(&claim(3)).unwrap()), id(claim_paid(&claim(3)).unwrap()));
        assert_ne!(id(claim_paid(&claim(3)).unwrap()), id(claim_paid(&claim(4)).unwrap()));
        assert_ne!(id(claim_paid(&claim(3)).unwrap()), id(claim_approved(&claim(3)).unwrap()));
    }

    #[test]
    fn a_reversal_posts_the_other_way_around() {
        let row = Commission { name: "commissions/c".into(), amount: amount(-8, "USD"), etag: etag::of_version(1), ..Default::default() };
        let entry = commission_accrued(&row).unwrap();
        assert_eq!(entry.kind, Kind::CommissionReversed);
        let signed: Vec<i64> = entry.postings.iter().map(|p| p.amount.clone().unwrap().minor_units).collect();
        assert_eq!(signed, [-8, 8]);
    }
}
