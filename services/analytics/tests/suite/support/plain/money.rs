//! Plain computation of revenue.

use std::collections::BTreeMap;

use stoa_proto::sell::v1::Deal;

use super::{DAY, Known, Version, micros};

/// Revenue of one partner.
#[derive(Default, Clone, Debug)]
pub struct Earned {
    pub minor: i64,
    pub wins: i64,
    pub unconverted: BTreeMap<String, (i64, i64)>,
}

#[derive(Clone, PartialEq)]
struct Lot {
    at: i64,
    total: i64,
    currency: String,
    /// Partner and share. The direct rest has an empty name.
    shares: Vec<(String, i64)>,
}

fn won(deal: &Deal) -> Option<Lot> {
    let at = micros(deal.win_time.as_ref()).filter(|_| deal.delete_time.is_none())?;
    let amount = deal.amount.clone().unwrap();
    let mut shares: Vec<(String, i64)> = deal.credits.iter().map(|c| (c.partner.clone(), i64::from(c.share_basis_points))).collect();
    if shares.is_empty() && !deal.partner.is_empty() {
        shares.push((deal.partner.clone(), 10_000));
    }
    let rest = 10_000 - shares.iter().map(|s| s.1).sum::<i64>();
    if rest > 0 {
        shares.push((String::new(), rest));
    }
    Some(Lot { at, total: amount.minor_units, currency: amount.currency_code, shares })
}

/// Returns what all versions of one deal posted. The win counts on the date that
/// the deal gives. A correction of that date replaces it. Every later change of the
/// money is a correction that counts on its own date: it reverses the lot in force
/// and posts the new one.
fn posted(versions: &[Version<Deal>]) -> Vec<Lot> {
    let mut lots: Vec<Lot> = Vec::new();
    let mut current: Option<Lot> = None;
    for said in versions {
        let now = won(&said.state);
        let corrects = !lots.is_empty();
        if let (Some(was), Some(is)) = (&current, &now)
            && lots[0].at == was.at
        {
            lots[0].at = is.at;
        }
        if current.as_ref().map(money) != now.as_ref().map(money) {
            for (lot, sign) in [(&current, -1), (&now, 1)] {
                let at = |lot: &Lot| if corrects { said.occurred } else { lot.at };
                lots.extend(lot.iter().map(|lot| Lot { at: at(lot), total: sign * lot.total, ..lot.clone() }));
            }
        }
        current = now;
    }
    lots
}

fn money(lot: &Lot) -> (i64, &str, &[(String, i64)]) {
    (lot.total, &lot.currency, &lot.shares)
}

/// Splits by largest remainder. The earlier part wins a tie.
fn split(total: i64, shares: &[(String, i64)]) -> Vec<i64> {
    let sum: i64 = shares.iter().map(|s| s.1).sum();
    let size = total.abs();
    let mut parts: Vec<i64> = shares.iter().map(|s| size * s.1 / sum).collect();
    while parts.iter().sum::<i64>() < size {
        let gap = |i: usize| size * shares[i].1 - parts[i] * sum;
        let most = (0..parts.len()).max_by_key(|i| (gap(*i), std::cmp::Reverse(*i))).unwrap();
        parts[most] += 1;
    }
    parts.into_iter().map(|p| p * total.signum()).collect()
}

fn decimals(currency: &str) -> u32 {
    if currency == "JPY" { 0 } else { 2 }
}

impl Known {
    /// Converts an amount to the reporting currency, by the last rate dated at or
    /// before `until`.
    pub fn convert(&self, minor: i64, currency: &str, until: i64) -> Option<i64> {
        let reporting = self.settings().0;
        if currency == reporting {
            return Some(minor);
        }
        let dated = self.rates.iter().filter(|r| r.base_currency == currency && r.quote_currency == reporting);
        let rate = dated.filter(|r| self.start_of(&r.date) <= until).max_by(|a, b| a.date.cmp(&b.date))?.rate_nanos;
        let scale = 10_i128.pow(decimals(&reporting));
        let unit = 10_i128.pow(decimals(currency)) * 1_000_000_000;
        let exact = i128::from(minor.abs()) * i128::from(rate) * scale;
        i64::try_from((exact + unit / 2) / unit * i128::from(minor.signum())).ok()
    }

    /// Revenue of all partners in a window. Direct revenue has the empty name.
    pub fn earned(&self, window_days: i64) -> BTreeMap<String, Earned> {
        let mut all: BTreeMap<String, Earned> = BTreeMap::new();
        for lot in self.deals.values().flat_map(|versions| posted(versions)) {
            if lot.at < self.as_of - window_days * DAY || lot.at >= self.as_of {
                continue;
            }
            let converted = self.convert(lot.total, &lot.currency, lot.at);
            let parts = split(converted.unwrap_or(lot.total), &lot.shares);
            for ((partner, _), part) in lot.shares.iter().zip(parts) {
                let earned = all.entry(partner.clone()).or_default();
                earned.wins += lot.total.signum();
                if converted.is_some() {
                    earned.minor += part;
                } else {
                    let sum = earned.unconverted.entry(lot.currency.clone()).or_default();
                    *sum = (sum.0 + part, sum.1 + 1);
                }
            }
        }
        all
    }
}
