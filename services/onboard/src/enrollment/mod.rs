//! Enrollment: partner × program.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | ENROLLED | CreateEnrollment, BulkEnroll |
//! | ENROLLED | SUSPENDED | SuspendEnrollment |
//! | SUSPENDED | ENROLLED | ReactivateEnrollment |
//! | ENROLLED, SUSPENDED | TERMINATED | TerminateEnrollment |
//! | ENROLLED, SUSPENDED | LAPSED | its agreement's end, recorded by a sweep |

mod api;
mod bulk;
mod enroll;
mod status;
pub(crate) mod store;
mod sweep;

use stoa_kernel::{Cx, Error, Result, etag};
use stoa_proto::onboard::v1::{Enrollment, EnrollmentStatus as Status, TierCause};

pub(crate) use sweep::lapse_job;

/// Enrolled or suspended: counts as a member of the network.
fn is_live(status: Status) -> bool {
    matches!(status, Status::Enrolled | Status::Suspended)
}

/// The enrollment in its next status, or why it cannot get there.
fn moved(current: &Enrollment, from: &[Status], to: Status, cx: &Cx) -> Result<Enrollment> {
    if !from.contains(&current.status()) {
        let needs: Vec<&str> = from.iter().map(Status::as_str_name).collect();
        return Err(Error::state(&current.name, current.status().as_str_name(), &needs.join(" or ")));
    }
    let mut next = current.clone();
    next.set_status(to);
    Ok(revised(next, cx))
}

/// The enrollment with another tier; nothing where it has that tier pinned.
fn tier_assigned(current: &Enrollment, tier: &str, cause: TierCause, cx: &Cx) -> Result<Enrollment> {
    if !is_live(current.status()) {
        return Err(Error::state(&current.name, current.status().as_str_name(), "an enrollment that has not ended"));
    }
    let mut next = current.clone();
    next.tier = tier.to_owned();
    next.set_tier_cause(cause);
    next.tier_time = Some(cx.now.proto());
    Ok(revised(next, cx))
}

fn revised(mut enrollment: Enrollment, cx: &Cx) -> Enrollment {
    enrollment.etag = etag::next(&enrollment.etag);
    enrollment.update_time = Some(cx.now.proto());
    enrollment
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stoa_kernel::Clock;

    use super::*;

    /// The table above.
    const TABLE: [(&[Status], Status); 4] = [
        (&[Status::Enrolled], Status::Suspended),
        (&[Status::Suspended], Status::Enrolled),
        (&[Status::Enrolled, Status::Suspended], Status::Terminated),
        (&[Status::Enrolled, Status::Suspended], Status::Lapsed),
    ];

    proptest! {
        #[test]
        fn any_sequence_follows_the_table(commands in prop::collection::vec(0_usize..4, 0..15)) {
            let cx = Cx::service("t", "onboard", &Clock::system(), "");
            let mut enrollment = Enrollment { name: "enrollments/e".into(), etag: etag::of(1), ..Default::default() };
            enrollment.set_status(Status::Enrolled);
            for command in commands {
                let (from, to) = TABLE[command];
                match moved(&enrollment, from, to, &cx) {
                    Ok(next) => {
                        prop_assert!(is_live(enrollment.status()), "an ended enrollment stays ended");
                        prop_assert_eq!(next.status(), to);
                        enrollment = next;
                    }
                    Err(error) => prop_assert_eq!(error.reason(), "STATE_INVALID"),
                }
                let tier = tier_assigned(&enrollment, "programs/p/tiers/t", TierCause::Pin, &cx);
                prop_assert_eq!(tier.is_ok(), is_live(enrollment.status()));
            }
        }
    }
}
