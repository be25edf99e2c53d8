//! Metric 30: channel revenue, in the reporting currency.

use std::collections::{BTreeMap, HashMap};

use stoa_kernel::{Money, Timestamp, money};

use crate::{
    column::span::Cut,
    fact::deal::Posting,
    frame::Frame,
    metrics::{days_before, minor},
};

/// Rates of one currency: first instant, and rate in nanos.
type Rates = Vec<(i64, i64)>;

/// Revenue of one partner in the window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Revenue {
    /// Net sum in minor units of the reporting currency.
    pub(crate) minor: i64,
    /// Number of shares of won deals. A reversal by a correction counts as -1.
    pub(crate) wins: i64,
    /// Revenue without a rate.
    pub(crate) unconverted: Unconverted,
}

/// Sums and numbers of shares by currency.
pub(crate) type Unconverted = BTreeMap<u32, (i128, i64)>;

/// Converts the postings of one question.
#[derive(Debug)]
pub(crate) struct Converter<'a> {
    frame: &'a Frame,
    cut: Cut,
    /// First instant of the window.
    start: i64,
    /// Number of the reporting currency's code; `None` if the frame does not have it.
    reporting: Option<u32>,
    code: String,
    rates: HashMap<u32, Rates>,
}

impl<'a> Converter<'a> {
    pub(crate) fn new(frame: &'a Frame, cut: Cut, window_days: i64) -> Self {
        let (code, zone) = frame.settings_at(cut);
        let reporting = frame.texts.find(code);
        let rates = rates(frame, cut, reporting, zone);
        Self { frame, cut, start: days_before(cut.as_of, window_days), reporting, code: code.to_owned(), rates }
    }

    /// Returns the reporting currency.
    pub(crate) fn currency(&self) -> &str {
        &self.code
    }

    /// Returns the revenue of a partner in the window.
    pub(crate) fn revenue(&self, partner: u32) -> Revenue {
        let row = self.frame.facts.postings.row(partner);
        let from = row.partition_point(|f| f.value.at < self.start);
        let mut revenue = Revenue::default();
        let mut sum = 0_i128;
        for posting in row.get(from..).unwrap_or_default().iter().filter(|f| f.span.holds(self.cut)).map(|f| &f.value) {
            revenue.wins += posting.total.signum();
            match self.convert(posting) {
                Some(share) => sum += i128::from(share),
                None => {
                    let entry = revenue.unconverted.entry(posting.currency).or_default();
                    entry.0 += i128::from(posting.minor);
                    entry.1 += 1;
                }
            }
        }
        revenue.minor = minor(sum);
        revenue
    }

    /// Converts a share to the reporting currency. The whole amount is converted and
    /// then split, so that the shares add up to it.
    fn convert(&self, posting: &Posting) -> Option<i64> {
        if Some(posting.currency) == self.reporting {
            return Some(posting.minor);
        }
        let rates = self.rates.get(&posting.currency)?;
        let before = rates.partition_point(|(since, _)| *since <= posting.at);
        let (_, nanos) = rates.get(before.checked_sub(1)?)?;
        let total = self.amount(posting.total, posting.currency, *nanos)?;
        let shares = money::split(total, self.frame.lists.get(posting.weights)).ok()?;
        shares.get(posting.part as usize).copied()
    }

    fn amount(&self, minor: i64, currency: u32, nanos: i64) -> Option<i64> {
        let from = money::currency("", self.frame.texts.get(currency)).ok()?;
        let to = money::currency("", &self.code).ok()?;
        Money { minor, currency: from }.convert(to, nanos).ok().map(|m| m.minor)
    }

    /// Converts an amount at the cut, for comparison with revenue.
    pub(crate) fn at_cut(&self, minor: i64, currency: u32) -> Option<i64> {
        if Some(currency) == self.reporting {
            return Some(minor);
        }
        let rates = self.rates.get(&currency)?;
        let before = rates.partition_point(|(since, _)| *since < self.cut.as_of);
        let (_, nanos) = rates.get(before.checked_sub(1)?)?;
        self.amount(minor, currency, *nanos)
    }
}

/// Rates to the reporting currency that are known at the cut, by the instant at
/// which their business date starts.
fn rates(frame: &Frame, cut: Cut, reporting: Option<u32>, zone: &str) -> HashMap<u32, Rates> {
    let mut found: HashMap<u32, Rates> = HashMap::new();
    for fact in frame.facts.rates.row(0).iter().filter(|f| Some(f.value.quote) == reporting && f.span.holds(cut)) {
        if let Some(since) = start_of(frame.texts.get(fact.value.date), zone) {
            found.entry(fact.value.base).or_default().push((since, fact.value.nanos));
        }
    }
    found.values_mut().for_each(|rates| rates.sort_unstable());
    found
}

fn start_of(date: &str, zone: &str) -> Option<i64> {
    let date = date.parse().ok()?;
    Timestamp::start_of(date, zone).ok().map(Timestamp::micros)
}
