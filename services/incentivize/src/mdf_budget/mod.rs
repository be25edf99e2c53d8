//! MDF budget: what there is to spend in a period. Approved requests commit
//! parts of it, never more in total than there is.

mod api;
mod operations;
pub(crate) mod store;

use stoa_kernel::{Error, Money, Result, names};
use stoa_proto::incentivize::v1::{ErrorReason, MdfBudget, MdfRequest};

pub(crate) use operations::{commit, release};
pub(crate) use store::MdfBudgets;

use crate::{amounts, dates};

/// Creates a budget from the caller's input.
pub(crate) fn new(id: &str, input: &MdfBudget) -> Result<MdfBudget> {
    let amount = amounts::positive("mdf_budget.amount", input.amount.as_ref())?;
    dates::period(("mdf_budget.start_date", &input.start_date), ("mdf_budget.end_date", &input.end_date))?;
    Ok(MdfBudget { name: names::name("mdfBudgets", id), committed_amount: Some(Money::zero(amount.currency).proto()), ..input.clone() })
}

/// Returns the budget with an amount committed to a request.
pub(crate) fn committed(budget: &MdfBudget, request: &MdfRequest, amount: Money) -> Result<MdfBudget> {
    let whole = amounts::stored(budget.amount.as_ref())?;
    let before = amounts::stored(budget.committed_amount.as_ref())?;
    amounts::same_currency("amount", amount, "the budget", whole)?;
    // Dates of one format compare as text.
    if request.usage_start_date < budget.start_date || request.usage_start_date > budget.end_date {
        let message = format!(
            "{} pays for usage from {} to {}, but the usage starts on {}. Choose the budget of that period.",
            budget.name, budget.start_date, budget.end_date, request.usage_start_date
        );
        return Err(Error::precondition(ErrorReason::MdfBudgetPeriodMismatch, message).with_field("mdf_budget", "is for another period"));
    }
    let remaining = amounts::subtract(whole, before)?;
    if amount.minor > remaining.minor {
        let message = format!("{} has {} left. Approve less or choose another budget.", budget.name, remaining.human());
        return Err(Error::precondition(ErrorReason::MdfBudgetExceeded, message)
            .with_field("amount", "is more than the budget has left")
            .with_metadata("remaining_minor_units", remaining.minor.to_string()));
    }
    Ok(with_committed(budget, before.add(amount)?))
}

/// Returns the budget with an amount that a request gave back.
pub(crate) fn released(budget: &MdfBudget, amount: Money) -> Result<MdfBudget> {
    let before = amounts::stored(budget.committed_amount.as_ref())?;
    let after = amounts::subtract(before, amount)?;
    if after.minor < 0 {
        return Err(Error::internal(format!("{} would get back more than it gave", budget.name)));
    }
    Ok(with_committed(budget, after))
}

fn with_committed(budget: &MdfBudget, committed: Money) -> MdfBudget {
    MdfBudget { committed_amount: Some(committed.proto()), ..budget.clone() }
}

#[cfg(test)]
mod tests {
    use stoa_proto::common::v1::Money as Amount;

    use super::*;

    fn usd(minor_units: i64) -> Option<Amount> {
        Some(Amount { minor_units, currency_code: "USD".into() })
    }

    fn budget() -> MdfBudget {
        let input = MdfBudget { amount: usd(100), start_date: "2026-01-01".into(), end_date: "2026-03-31".into(), ..Default::default() };
        new("b", &input).unwrap()
    }

    fn money(minor: i64) -> Money {
        amounts::stored(usd(minor).as_ref()).unwrap()
    }

    #[test]
    fn no_more_is_committed_than_there_is() {
        let request = |day: &str| MdfRequest { usage_start_date: day.into(), ..Default::default() };
        let inside = request("2026-03-31");
        let first = committed(&budget(), &inside, money(60)).unwrap();
        let error = committed(&first, &inside, money(41)).unwrap_err();
        assert_eq!((error.reason().as_str(), error.metadata()[0].1.as_str()), ("MDF_BUDGET_EXCEEDED", "40"));
        let full = committed(&first, &inside, money(40)).unwrap();
        assert_eq!(full.committed_amount, usd(100));
        assert_eq!(released(&full, money(100)).unwrap().committed_amount, usd(0));
        assert_eq!(released(&full, money(101)).unwrap_err().reason(), "INTERNAL");
        assert_eq!(committed(&first, &request("2026-04-01"), money(1)).unwrap_err().reason(), "MDF_BUDGET_PERIOD_MISMATCH");
        let eur = Money { minor: 1, currency: iso_currency::Currency::EUR };
        assert_eq!(committed(&first, &inside, eur).unwrap_err().reason(), "CURRENCY_MISMATCH");
    }

    #[test]
    fn invalid_budgets_are_refused_with_their_field() {
        for (amount, end, field, reason) in [
            (None, "2026-03-31", "mdf_budget.amount", "INVALID_FIELD"),
            (usd(-1), "2026-03-31", "mdf_budget.amount.minor_units", "INVALID_FIELD"),
            (usd(0), "2026-03-31", "mdf_budget.amount.minor_units", "INVALID_FIELD"),
            (usd(1), "2025-12-31", "mdf_budget.end_date", "PERIOD_INVALID"),
            (usd(1), "2026-02-30", "mdf_budget.end_date", "INVALID_FIELD"),
        ] {
            let error = new("b", &MdfBudget { amount, end_date: end.into(), ..budget() }).unwrap_err();
            assert_eq!((error.fields()[0].field.as_str(), error.reason().as_str()), (field, reason));
        }
    }
}
