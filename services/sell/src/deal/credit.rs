//! Who is credited with a deal.

use std::collections::BTreeSet;

use prost_types::FieldMask;
use stoa_kernel::{Cx, Error, Reach, Result, names};
use stoa_proto::sell::v1::{Credit, ErrorReason};

/// The whole deal, in basis points.
const WHOLE: i32 = 10_000;

/// Returns credits that give the whole deal to its partner. A direct deal has no credits.
pub(crate) fn whole(partner: &str) -> Vec<Credit> {
    if partner.is_empty() { Vec::new() } else { vec![Credit { partner: partner.to_owned(), share_basis_points: WHOLE }] }
}

/// Returns the credits that were given, or the default.
pub(super) fn given_or_whole(partner: &str, given: &[Credit]) -> Vec<Credit> {
    if given.is_empty() { whole(partner) } else { given.to_vec() }
}

/// Whether the mask of an update names the credits.
pub(super) fn are_named(mask: Option<&FieldMask>) -> bool {
    mask.is_some_and(|mask| mask.paths.iter().any(|path| path == "credits" || path == "*"))
}

/// Checks that each partner appears once, that shares are positive and that
/// they add up to the whole at most. The rest is direct.
pub(super) fn check(field: &str, credits: &[Credit]) -> Result<()> {
    let wrong = |message: String| Error::invalid(field, message).with_reason(ErrorReason::CreditsInvalid);
    let mut seen = BTreeSet::new();
    for credit in credits {
        names::id(&format!("{field}.partner"), "partners", &credit.partner)?;
        if !seen.insert(&credit.partner) {
            return Err(wrong(format!("name {} twice. Add up its shares.", credit.partner)));
        }
        if credit.share_basis_points < 1 {
            return Err(wrong(format!("give {} no share. Leave it out.", credit.partner)));
        }
    }
    let sum: i64 = credits.iter().map(|c| i64::from(c.share_basis_points)).sum();
    if sum > i64::from(WHOLE) {
        return Err(wrong(format!("add up to {sum} basis points, but the whole deal is {WHOLE}. Lower the shares.")));
    }
    Ok(())
}

/// Refuses a partner's caller that credits another partner.
pub(super) fn check_reach(cx: &Cx, field: &str, credits: &[Credit]) -> Result<()> {
    if cx.caller.reach != Reach::Tenant {
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
    fn a_partner_appears_once_and_the_default_is_the_whole() {
        let half = Credit { partner: "partners/a".into(), share_basis_points: 5_000 };
        assert_eq!(check("c", &[half.clone(), half]).unwrap_err().reason(), "CREDITS_INVALID");
        assert_eq!(given_or_whole("partners/a", &[])[0].share_basis_points, 10_000);
        assert!(given_or_whole("", &[]).is_empty());
    }
}
