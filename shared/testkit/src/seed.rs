//! What a directory knows when a test starts.

use prost::Message;
use stoa_events::Event;
use stoa_kernel::{Timestamp, etag};
use stoa_proto::onboard::v1::{
    CamAssigned, CamAssignment, Enrollment, EnrollmentCreated, EnrollmentStatus, Partner, PartnerType, PartnerUpdated,
};

/// How a partner stands in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Known, and enrolled nowhere.
    Unknown,
    /// Enrolled since 1970.
    Enrolled,
    /// Enrolled and suspended.
    Suspended,
}

/// A partner of the directory.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Its id.
    pub id: &'static str,
    /// The partner above that may see it; empty for none.
    pub visible_to: &'static str,
    /// How it stands.
    pub standing: Standing,
    /// Product lines, by id, that it may sell; none for all.
    pub product_lines: &'static [&'static str],
    /// The person, by id, who is its CAM; empty for none.
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
    /// An enrolled partner.
    #[must_use]
    pub const fn enrolled(id: &'static str) -> Self {
        Self { id, visible_to: "", standing: Standing::Enrolled, product_lines: &[], cam: "" }
    }

    /// The same, seen by another partner.
    #[must_use]
    pub const fn visible_to(mut self, above: &'static str) -> Self {
        self.visible_to = above;
        self
    }

    /// The same, standing otherwise.
    #[must_use]
    pub const fn standing(mut self, standing: Standing) -> Self {
        self.standing = standing;
        self
    }

    /// The same, for these product lines only.
    #[must_use]
    pub const fn selling(mut self, product_lines: &'static [&'static str]) -> Self {
        self.product_lines = product_lines;
        self
    }

    /// The same, assigned to a person.
    #[must_use]
    pub const fn assigned_to(mut self, person: &'static str) -> Self {
        self.cam = person;
        self
    }

    /// What onboard's events say of it. `version` is that of its enrollment.
    pub(crate) fn events(&self, tenant: &str, version: i64) -> Vec<Event> {
        let name = format!("partners/{}", self.id);
        let event = |subject: &str, data: Vec<u8>| Event { tenant: tenant.into(), subject: subject.into(), data, ..Event::default() };
        let above: Vec<String> = Some(self.visible_to.to_owned()).into_iter().filter(|v| !v.is_empty()).collect();
        let partner = Partner {
            name: name.clone(),
            r#type: PartnerType::Var as i32,
            ancestors: above.clone(),
            visible_to: above,
            etag: etag::of(1),
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
                etag: etag::of(version),
                ..Enrollment::default()
            };
            events.push(event("onboard.enrollment.created", EnrollmentCreated { enrollment: Some(enrollment) }.encode_to_vec()));
        }
        if !self.cam.is_empty() {
            let assignment = CamAssignment {
                name: format!("camAssignments/{}", self.id),
                partner: name,
                person: format!("persons/{}", self.cam),
                etag: etag::of(1),
                ..CamAssignment::default()
            };
            events.push(event("onboard.cam_assignment.assigned", CamAssigned { cam_assignment: Some(assignment) }.encode_to_vec()));
        }
        events
    }
}
