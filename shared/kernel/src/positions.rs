//! Positions of logs as callers see them. A log has the events of all tenants, so
//! two of its positions tell how much everybody wrote in between. A caller
//! therefore gets other numbers: a keyed permutation, different for each tenant
//! and log. Equal positions stay equal, and everything else is hidden.

use aws_lc_rs::hmac;

use crate::page::PageKey;

/// Bits of each half of a number. All numbers together have up to 18 digits.
const HALF_BITS: u32 = 29;
const HALF: u64 = (1 << HALF_BITS) - 1;
/// Four rounds make a permutation that looks random; more cost little.
const ROUNDS: u8 = 8;
/// Maximum position of a log: a century at 5,000 events per second.
const POSITION_MAX: u64 = 1 << 44;

/// The positions of one log for the callers of one tenant.
#[derive(Debug)]
pub struct Positions(hmac::Key);

impl Positions {
    /// Creates the positions of the log of `service` for a tenant. All processes
    /// with the same key read each other's.
    #[must_use]
    pub fn new(key: &PageKey, tenant: &str, service: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.derive(&["positions", tenant, service]).as_ref()))
    }

    /// The number that callers see for a position. 0, which is before the first
    /// position, stays 0.
    #[must_use]
    pub fn seal(&self, position: i64) -> i64 {
        let number = match u64::try_from(position) {
            Ok(position @ 1..=POSITION_MAX) => walk(position, |number| self.forward(number)),
            _ => 0,
        };
        i64::try_from(number).unwrap_or_default()
    }

    /// The position that a caller's number stands for. `None` if it was made up,
    /// or is another tenant's or another log's.
    #[must_use]
    pub fn open(&self, number: i64) -> Option<i64> {
        let position = match u64::try_from(number).ok()? {
            0 => 0,
            number if number >> (2 * HALF_BITS) == 0 => walk(number, |number| self.back(number)),
            _ => return None,
        };
        i64::try_from(position).ok().filter(|_| position <= POSITION_MAX)
    }

    fn forward(&self, number: u64) -> u64 {
        let halves = (number >> HALF_BITS, number & HALF);
        let (left, right) = (0..ROUNDS).fold(halves, |(left, right), round| (right, left ^ self.mix(round, right)));
        left << HALF_BITS | right
    }

    fn back(&self, number: u64) -> u64 {
        let halves = (number >> HALF_BITS, number & HALF);
        let (left, right) = (0..ROUNDS).rev().fold(halves, |(left, right), round| (right ^ self.mix(round, left), left));
        left << HALF_BITS | right
    }

    fn mix(&self, round: u8, half: u64) -> u64 {
        let tag = hmac::sign(&self.0, &[&[round][..], &half.to_be_bytes()].concat());
        tag.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)) & HALF
    }
}

/// Applies a permutation until the result is not 0, which is a permutation of the
/// other numbers.
fn walk(number: u64, step: impl Fn(u64) -> u64) -> u64 {
    let mut number = step(number);
    while number == 0 {
        number = step(number);
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn positions(tenant: &str, service: &str) -> Positions {
        Positions::new(&PageKey::new(b"secret"), tenant, service)
    }

    proptest! {
        #[test]
        fn a_position_survives(position in 1..=POSITION_MAX as i64) {
            let positions = positions("t", "sell");
            let number = positions.seal(position);
            prop_assert!(number > 0 && number.to_string().len() <= 18);
            prop_assert_eq!(positions.open(number), Some(position));
        }
    }

    #[test]
    fn the_start_of_a_log_is_no_secret() {
        let positions = positions("t", "sell");
        assert_eq!((positions.seal(0), positions.open(0)), (0, Some(0)));
        assert_eq!((positions.open(-1), positions.open(1 << 58), positions.open(i64::MAX)), (None, None, None));
    }

    #[test]
    fn numbers_say_nothing_about_their_order() {
        let positions = positions("t", "sell");
        let numbers: Vec<i64> = (1..=1000).map(|position| positions.seal(position)).collect();
        let rising = numbers.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((400..600).contains(&rising), "{rising} of 999 rise");
    }

    #[test]
    fn each_tenant_and_log_has_its_own_numbers() {
        let number = positions("t", "sell").seal(17);
        for (tenant, service) in [("u", "sell"), ("t", "onboard"), ("ts", "ell"), ("t", "sel")] {
            assert_ne!(positions(tenant, service).seal(17), number);
            assert_eq!(positions(tenant, service).open(number), None, "{tenant} {service}");
        }
        assert_eq!(positions("t", "sell").open(17), None, "a position itself");
    }
}
