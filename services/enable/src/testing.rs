//! The service on a store of its own, for tests.

use std::ops::Deref;

use prost::Message;
use stoa_events::Event;
use stoa_kernel::{Timestamp, etag};
use stoa_proto::onboard::v1::{Enrollment, EnrollmentStatus, EnrollmentSuspended};
use stoa_testkit::{Seed, Standing};
pub(crate) use stoa_testkit::{occurred, reason};

use crate::Api;

/// How a partner without an enrollment in force is refused here: its owner has
/// the last word on it, and nobody can be reached.
pub(crate) const NOT_ENROLLED: &str = "UNAVAILABLE";

/// The shared bench with the service's API on it.
pub(crate) struct Bench {
    pub(crate) api: Api,
    bench: stoa_testkit::Bench,
}

impl Deref for Bench {
    type Target = stoa_testkit::Bench;

    fn deref(&self) -> &Self::Target {
        &self.bench
    }
}

impl Bench {
    /// The service with the enrolled partners `acme` (assigned to the CAM
    /// `cam`), `below` (which `acme` may see) and `other` in its directory, and
    /// with `idle`, which is suspended.
    pub(crate) async fn new() -> Self {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let bench = stoa_testkit::Bench::new(crate::NAME, crate::migrations(), now).await;
        let partners = [
            Seed::enrolled("acme").assigned_to("cam"),
            Seed::enrolled("below").visible_to("acme"),
            Seed::enrolled("other"),
            Seed::enrolled("idle").standing(Standing::Suspended),
        ];
        bench.seed(&partners).await;
        Self { api: Api { deps: bench.deps.clone() }, bench }
    }
    /// Tells the directory that a partner was suspended.
    pub(crate) async fn suspend(&self, partner: &str) {
        let mut enrollment = Enrollment {
            name: format!("enrollments/{partner}"),
            partner: format!("partners/{partner}"),
            effective_time: Some(Timestamp::default().proto()),
            etag: etag::of(2),
            ..Enrollment::default()
        };
        enrollment.set_status(EnrollmentStatus::Suspended);
        let event = Event {
            tenant: "t".into(),
            subject: "onboard.enrollment.suspended".into(),
            data: EnrollmentSuspended { enrollment: Some(enrollment) }.encode_to_vec(),
            ..Event::default()
        };
        self.deliver(&stoa_directory::subscriptions().remove(0), event).await.unwrap();
    }
}
