//! Amounts in requests and in stored documents.

use stoa_kernel::{Error, Money, Result};
use stoa_proto::common::v1 as pb;
use stoa_proto::common::v1::ErrorReason;

/// Returns an amount of a request. It must be given, in a known currency and
/// more than 0.
pub(crate) fn positive(field: &str, money: Option<&pb::Money>) -> Result<Money> {
    let money = money.ok_or_else(|| Error::invalid(field, "is required. Set it."))?;
    let amount = Money::not_negative(field, money)?;
    if amount.minor == 0 {
        return Err(Error::invalid(format!("{field}.minor_units"), "must be more than 0"));
    }
    Ok(amount)
}

/// Returns an amount of a stored document.
pub(crate) fn stored(money: Option<&pb::Money>) -> Result<Money> {
    let money = money.ok_or_else(|| Error::internal("an amount is missing in a stored document"))?;
    Money::from_proto("amount", money).map_err(|e| Error::internal(format!("a stored amount is invalid: {e}")))
}

/// Like [`stored`]; 0 in the currency of `like` if the amount was never set.
pub(crate) fn stored_or_zero(money: Option<&pb::Money>, like: Money) -> Result<Money> {
    money.map_or(Ok(Money::zero(like.currency)), |m| stored(Some(m)))
}

/// Returns `a - b`.
pub(crate) fn subtract(a: Money, b: Money) -> Result<Money> {
    a.add(negated(b)?)
}

/// Returns `-a`.
pub(crate) fn negated(a: Money) -> Result<Money> {
    let minor = a
        .minor
        .checked_neg()
        .ok_or_else(|| Error::invalid("amount", "is outside the range of 64 bits").with_reason(ErrorReason::AmountOverflow))?;
    Ok(Money { minor, ..a })
}

/// Refuses an amount in a currency other than that of the chain that it belongs to.
pub(crate) fn same_currency(field: &str, amount: Money, owner: &str, chain: Money) -> Result<()> {
    if amount.currency == chain.currency {
        return Ok(());
    }
    let (is, needs) = (amount.currency.code(), chain.currency.code());
    let message = format!("is in {is}, but {owner} is in {needs}. Use {needs}.");
    Err(Error::precondition(ErrorReason::CurrencyMismatch, format!("{field} {message}")).with_field(field, message))
}
