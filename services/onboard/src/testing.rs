//! The service with a store of its own, for tests.

use std::ops::Deref;

use stoa_kernel::{Reach, Timestamp};
use stoa_proto::onboard::v1::{
    Agreement, AssignCamRequest, BulkEnrollRequest, BulkEnrollResponse, BulkEnrollRow, CreateAgreementRequest, CreateEnrollmentRequest,
    CreatePersonRequest, CreateProgramRequest, CreateProspectRequest, CreateTierRequest, Enrollment, GetPartnerRequest, Partner,
    PartnerType, Person, Program, Prospect, SendAgreementRequest, SignAgreementRequest, Tier, agreement_service_server::AgreementService,
    cam_assignment_service_server::CamAssignmentService, enrollment_service_server::EnrollmentService,
    partner_service_server::PartnerService, person_service_server::PersonService, program_service_server::ProgramService,
    prospect_service_server::ProspectService, tier_service_server::TierService,
};
pub(crate) use stoa_testkit::{occurred, reason};

use crate::{Api, enrollment::bulk};

/// The shared bench with the service's API. Onboard needs no directory: it owns
/// the partners.
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
    /// Creates the service with the program `p`, which does not make
    /// descendants visible, and its tiers `entry` and `gold`.
    pub(crate) async fn new() -> Self {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let bench = stoa_testkit::Bench::new(crate::NAME, crate::migrations(), now).await;
        let bench = Self { api: Api { deps: bench.deps.clone() }, bench };
        bench.program("p", false).await;
        bench
    }

    pub(crate) async fn program(&self, id: &str, descendants_visible: bool) {
        let program = Program { display_name: id.into(), descendants_visible, ..Default::default() };
        let request = CreateProgramRequest { program_id: id.into(), program: Some(program), ..Default::default() };
        self.api.create_program(self.as_vendor(request)).await.unwrap();
        for (rank, tier) in [(1, "entry"), (2, "gold")] {
            let request = CreateTierRequest {
                parent: format!("programs/{id}"),
                tier_id: tier.into(),
                tier: Some(Tier { display_name: tier.into(), rank, ..Default::default() }),
                ..Default::default()
            };
            self.api.create_tier(self.as_vendor(request)).await.unwrap();
        }
    }

    pub(crate) async fn prospect(&self, id: &str) -> Prospect {
        let prospect = Prospect { display_name: id.into(), r#type: PartnerType::Var as i32, ..Default::default() };
        let request = CreateProspectRequest { prospect_id: id.into(), prospect: Some(prospect), ..Default::default() };
        self.api.create_prospect(self.as_vendor(request)).await.unwrap().into_inner()
    }

    /// Creates and sends an agreement, for the program `p` if it names none.
    pub(crate) async fn sent_agreement(&self, id: &str, mut agreement: Agreement) -> Agreement {
        if agreement.program.is_empty() {
            agreement.program = "programs/p".into();
        }
        let request = CreateAgreementRequest { agreement_id: id.into(), agreement: Some(agreement), ..Default::default() };
        let name = self.api.create_agreement(self.as_vendor(request)).await.unwrap().into_inner().name;
        self.api.send_agreement(self.as_vendor(SendAgreementRequest { name, ..Default::default() })).await.unwrap().into_inner()
    }

    /// Creates, sends and signs an agreement.
    pub(crate) async fn signed_agreement(&self, id: &str, agreement: Agreement) -> Agreement {
        let name = self.sent_agreement(id, agreement).await.name;
        self.api.sign_agreement(self.as_vendor(SignAgreementRequest { name, ..Default::default() })).await.unwrap().into_inner()
    }

    /// Enrolls a partner. Partner, enrollment and agreement have the same id.
    pub(crate) async fn enroll(&self, id: &str) -> Enrollment {
        self.enroll_by(id, "", Agreement::default()).await
    }

    /// Enrolls a partner below a parent (by id) under a given agreement.
    pub(crate) async fn enroll_by(&self, id: &str, parent: &str, agreement: Agreement) -> Enrollment {
        let prospect = self.prospect(id).await.name;
        let agreement = self.signed_agreement(id, Agreement { prospect, ..agreement }).await.name;
        let parent = if parent.is_empty() { String::new() } else { format!("partners/{parent}") };
        let request = CreateEnrollmentRequest { enrollment_id: id.into(), agreement, partner_id: id.into(), parent, ..Default::default() };
        self.api.create_enrollment(self.as_vendor(request)).await.unwrap().into_inner()
    }

    /// Sends rows of one bulk enrollment and returns the answers.
    pub(crate) async fn bulk(&self, rows: Vec<BulkEnrollRow>) -> Vec<BulkEnrollResponse> {
        let request = |row| BulkEnrollRequest { bulk_enrollment_id: "b".into(), row: Some(row) };
        bulk::answer(&self.deps.store, &self.cx(Reach::Tenant), rows.into_iter().map(request).collect()).await.unwrap()
    }

    /// Returns a row that enrolls a partner in `p`.
    pub(crate) fn row(&self, id: &str) -> BulkEnrollRow {
        let partner = Partner { display_name: id.into(), r#type: PartnerType::Dealer as i32, ..Default::default() };
        BulkEnrollRow {
            row_id: id.into(),
            partner_id: id.into(),
            partner: Some(partner),
            program: "programs/p".into(),
            ..Default::default()
        }
    }

    /// Creates a person of the vendor and assigns them to a partner (by id).
    pub(crate) async fn assign(&self, person: &str, partner: &str) {
        let request = CreatePersonRequest {
            person_id: person.into(),
            person: Some(Person { display_name: "Ada".into(), ..Default::default() }),
            ..Default::default()
        };
        self.api.create_person(self.as_vendor(request)).await.unwrap();
        let request =
            AssignCamRequest { partner: format!("partners/{partner}"), person: format!("persons/{person}"), ..Default::default() };
        self.api.assign_cam(self.as_vendor(request)).await.unwrap();
    }

    pub(crate) async fn partner(&self, id: &str) -> Partner {
        self.api.get_partner(self.as_vendor(GetPartnerRequest { name: format!("partners/{id}") })).await.unwrap().into_inner()
    }

    /// Runs a job of the service by its name and returns how many items it
    /// processed.
    pub(crate) async fn sweep(&self, job: &str) -> u64 {
        let jobs = crate::service(self.deps.clone()).jobs;
        self.run(jobs.iter().find(|j| j.name == job).unwrap()).await
    }
}
