//! What a directory holds when a test starts.

use prost::Message;
use stoa_events::Event;
use stoa_kernel::{Timestamp, etag};
use stoa_proto::onboard::v1::{
    CamAssigned, CamAssignment, Enrollment, EnrollmentCreated, EnrollmentStatus, Partner, PartnerType, PartnerUpdated,
};

/// The standing of a partner in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Known, but not enrolled.
    Unknown,
    /// Enrolled since 1970.
    Enrolled,
    /// Enrolled and suspended.
    Suspended,
}

/// A partner of the directory.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Its ID.
    pub id: &'static str,
    /// The partner above that may see it. Empty for none.
    pub visible_to: &'static str,
    /// Its standing.
    pub standing: Standing,
    /// Product lines, by ID, that it may sell. Empty for all.
    pub product_lines: &'static [&'static str],
    /// The person, by ID, who is its CAM. Empty for none.
    pub cam: &'static str,
}

/// The network of most tests: the enrolled partners `acme` (assigned to the CAM
/// `cam`), `below` (which `acme` may see) and `other`, and `idle`, which is
/// suspended.
pub const NETWORK: [Seed; 4] = [
    Seed::enrolled("acme").assigned_to("cam"),
    Seed::enrolled("below").visible_to("acme"),
    Seed::enrolled("other"),
    Seed::enrolled("idle").standing(Standing::Suspended),
];

impl Seed {
    /// Creates an enrolled partner.
    #[must_use]
    pub const fn enrolled(id: &'static str) -> Self {
        Self { id, visible_to: "", standing: Standing::Enrolled, product_lines: &[], cam: "" }
    }

    /// Lets another partner see it.
    #[must_use]
    pub const fn visible_to(mut self, above: &'static str) -> Self {
        self.visible_to = above;
        self
    }

    /// Sets another standing.
    #[must_use]
    pub const fn standing(mut self, standing: Standing) -> Self {
        self.standing = standing;
        self
    }

    /// Limits it to these product lines.
    #[must_use]
    pub const fn selling(mut self, product_lines: &'static [&'static str]) -> Self {
        self.product_lines = product_lines;
        self
    }

    /// Assigns it to a person.
    #[must_use]
    pub const fn assigned_to(mut self, person: &'static str) -> Self {
        self.cam = person;
        self
    }

    /// Onboard's events about it. `version` is that of its enrollment.
    pub(crate) fn events(&self, tenant: &str, version: i64) -> Vec<Event> {
        let name = format!("partners/{}", self.id);
        let event = |subject: &str, data: Vec<u8>| Event { tenant: tenant.into(), subject: subject.into(), data, ..Event::default() };
        let above: Vec<String> = Some(self.visible_to.to_owned()).into_iter().filter(|v| !v.is_empty()).collect();
        let partner = Partner {
            name: name.clone(),
            r#type: PartnerType::Var as i32,
            ancestors: above.clone(),
            visible_to: above,
            etag: etag::of_version(1),
            ..Partner::default()
        };
        let mut events = vec![event("onboard.partner.updated", PartnerUpdated { partner: Some(partner) }.encode_to_vec())];
        if self.standing != Standing::Unknown {
            let status = if self.standing == Standing::Enrolled { EnrollmentStatus::Enrolled } else { EnrollmentStatus::Suspended };
            let enrollment = Enrollment {
                name: format!("enrollments/{}", self.id),
                partner: name.clone(),
                program: "programs/p".into(),
                tier: "programs/p/tiers/gold".into(),
                status: status.into(),
                effective_time: Some(Timestamp::default().proto()),
                product_lines: self.product_lines.iter().map(|line| format!("productLines/{line}")).collect(),
                etag: etag::of_version(version),
                ..Enrollment::default()
            };
            events.push(event("onboard.enrollment.created", EnrollmentCreated { enrollment: Some(enrollment) }.encode_to_vec()));
        }
        if !self.cam.is_empty() {
            let assignment = CamAssignment {
                name: format!("camAssignments/{}", self.id),
                partner: name,
                person: format!("persons/{}", self.cam),
                etag: etag::of_version(1),
                ..CamAssignment::default()
            };
            events.push(event("onboard.cam_assignment.assigned", CamAssigned { cam_assignment: Some(assignment) }.encode_to_vec()));
        }
        events
    }
}
