//! Who is credited with a deal.

use std::collections::BTreeSet;

use prost_types::FieldMask;
use stoa_kernel::{Cx, Error, Reach, Result, names};
use stoa_proto::sell::v1::{Credit, ErrorReason};

/// The whole of a deal.
const WHOLE: i32 = 10_000;

/// All to the deal's partner; a direct deal has none.
pub(crate) fn whole(partner: &str) -> Vec<Credit> {
    if partner.is_empty() { Vec::new() } else { vec![Credit { partner: partner.to_owned(), share_basis_points: WHOLE }] }
}

/// The credits that were given, or the default.
pub(super) fn given_or_whole(partner: &str, given: &[Credit]) -> Vec<Credit> {
    if given.is_empty() { whole(partner) } else { given.to_vec() }
}

/// Whether an update names the credits, rather than that they are populated.
pub(super) fn are_named(mask: Option<&FieldMask>) -> bool {
    mask.is_some_and(|mask| mask.paths.iter().any(|path| path == "credits" || path == "*"))
}

/// Each partner stands once, shares are positive and add up to the whole at
/// most; the rest is direct.
pub(super) fn check(field: &str, credits: &[Credit]) -> Result<()> {
    let wrong = |message: String| Error::invalid(field, message).with_reason(ErrorReason::CreditsInvalid);
    let mut seen = BTreeSet::new();
    for credit in credits {
        names::id(&format!("{field}.partner"), "partners", &credit.partner)?;
        if !seen.insert(&credit.partner) {
            return Err(wrong(format!("name {} twice; add the shares up", credit.partner)));
        }
        if credit.share_basis_points < 1 {
            return Err(wrong(format!("give {} no share; leave it out", credit.partner)));
        }
    }
    let sum: i64 = credits.iter().map(|c| i64::from(c.share_basis_points)).sum();
    if sum > i64::from(WHOLE) {
        return Err(wrong(format!("add up to {sum} basis points; {WHOLE} is the whole deal")));
    }
    Ok(())
}

/// A partner's caller credits nobody but itself.
pub(super) fn check_reach(cx: &Cx, field: &str, credits: &[Credit]) -> Result<()> {
    if matches!(cx.caller.reach, Reach::Partner(_)) {
        for credit in credits {
            cx.partner_for_write(field, names::last(&credit.partner))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn credits_never_exceed_the_whole(shares in prop::collection::vec(-5_i32..=10_000, 0..6)) {
            let credits: Vec<Credit> = shares
                .iter()
                .enumerate()
                .map(|(i, share)| Credit { partner: format!("partners/p{i}"), share_basis_points: *share })
                .collect();
            let sound = shares.iter().all(|s| *s > 0) && shares.iter().sum::<i32>() <= WHOLE;
            match check("deal.credits", &credits) {
                Ok(()) => prop_assert!(sound),
                Err(error) => {
                    prop_assert!(!sound);
                    prop_assert_eq!(error.reason(), "CREDITS_INVALID");
                }
            }
        }
    }

    #[test]
    fn a_partner_stands_once_and_the_default_is_the_whole() {
        let half = Credit { partner: "partners/a".into(), share_basis_points: 5_000 };
        assert_eq!(check("c", &[half.clone(), half]).unwrap_err().reason(), "CREDITS_INVALID");
        assert_eq!(given_or_whole("partners/a", &[])[0].share_basis_points, 10_000);
        assert!(given_or_whole("", &[]).is_empty());
    }
}
