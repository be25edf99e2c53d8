//! The proof of the books: postings against each other, and against the
//! resources that caused them. Pure.

use std::collections::BTreeMap;

use stoa_proto::incentivize::v1::LedgerAccount as Account;

/// Debits and credits (both not negative) of one account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) debit: i128,
    pub(crate) credit: i128,
}

impl Sums {
    pub(crate) const fn balance(self) -> i128 {
        self.debit - self.credit
    }
}

/// Sums by currency and account.
pub(crate) type Books = BTreeMap<(String, Account), Sums>;

/// What the resources add up to in one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Budgets.
    pub(crate) budgeted: i128,
    /// What budgets hold for requests.
    pub(crate) committed: i128,
    /// Claims approved or paid.
    pub(crate) approved: i128,
    /// Claims paid.
    pub(crate) paid: i128,
    /// Commissions, net of reversals.
    pub(crate) commissions: i128,
}

impl Totals {
    /// Returns the balance that every account must show.
    const fn expected(self) -> [(Account, i128); 9] {
        [
            (Account::CommissionExpense, self.commissions),
            (Account::CommissionPayable, -self.commissions),
            (Account::MdfFunding, -self.budgeted),
            (Account::MdfAvailable, self.budgeted - self.committed),
            (Account::MdfReserved, self.committed - self.approved),
            (Account::MdfUsed, self.approved),
            (Account::MdfExpense, self.approved),
            (Account::MdfPayable, self.paid - self.approved),
            (Account::Cash, -self.paid),
        ]
    }
}

/// Returns the sum of all postings of each currency: 0 in sound books.
pub(crate) fn sums(books: &Books) -> BTreeMap<String, i128> {
    let mut sums = BTreeMap::new();
    for ((currency, _), account) in books {
        *sums.entry(currency.clone()).or_default() += account.balance();
    }
    sums
}

/// Returns what is wrong with the books; empty if they are proven.
pub(crate) fn prove(books: &Books, totals: &BTreeMap<String, Totals>, unbalanced: &[String]) -> Vec<String> {
    let mut findings: Vec<String> = unbalanced.iter().map(|name| format!("{name} does not add up to 0")).collect();
    for (currency, sum) in sums(books).into_iter().filter(|(_, sum)| *sum != 0) {
        findings.push(format!("all postings in {currency} add up to {sum}"));
    }
    let mut currencies: Vec<&String> = totals.keys().chain(books.keys().map(|(currency, _)| currency)).collect();
    currencies.sort();
    currencies.dedup();
    for currency in currencies {
        for (account, expected) in totals.get(currency).copied().unwrap_or_default().expected() {
            let shows = books.get(&(currency.clone(), account)).copied().unwrap_or_default().balance();
            let name = account.as_str_name();
            if shows != expected {
                findings.push(format!("{name} shows {shows} {currency}, but its resources add up to {expected}"));
            }
            if matches!(account, Account::MdfAvailable | Account::MdfReserved) && shows < 0 {
                findings.push(format!("{name} is overdrawn: {shows} {currency}"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books(accounts: &[(Account, i128)]) -> Books {
        let sums = |n: i128| Sums { debit: n.max(0), credit: (-n).max(0) };
        accounts.iter().map(|(account, n)| (("USD".to_owned(), *account), sums(*n))).collect()
    }

    #[test]
    fn sound_books_are_proven_and_every_fault_is_found() {
        let totals = Totals { budgeted: 100, committed: 60, approved: 30, paid: 10, commissions: 7 };
        let of = BTreeMap::from([("USD".to_owned(), totals)]);
        let sound = totals.expected();
        assert_eq!(prove(&books(&sound), &of, &[]), Vec::<String>::new());
        assert_eq!(prove(&books(&sound), &of, &["ledgerTransactions/x".to_owned()]).len(), 1);
        for i in 0..sound.len() {
            let mut changed = sound;
            changed[i].1 += 1;
            assert_eq!(prove(&books(&changed), &of, &[]).len(), 2, "the sum and the account {:?}", changed[i].0);
        }
        assert!(!prove(&books(&sound), &BTreeMap::new(), &[]).is_empty());
    }

    #[test]
    fn an_overdrawn_budget_is_found() {
        let totals = Totals { budgeted: 100, committed: 130, ..Default::default() };
        let of = BTreeMap::from([("USD".to_owned(), totals)]);
        assert_eq!(prove(&books(&totals.expected()), &of, &[]), ["LEDGER_ACCOUNT_MDF_AVAILABLE is overdrawn: -30 USD"]);
    }
}
