//! The service with a store of its own and a driven clock, for tests.

use std::ops::Deref;

use stoa_kernel::Timestamp;
use stoa_proto::sell::v1::{
    CreateDealRequest, CreateProductLineRequest, Customer, Deal, ProductLine, SubmitDealRegistrationRequest,
    deal_service_server::DealService, product_line_service_server::ProductLineService,
};
use stoa_testkit::{Seed, Standing};

pub(crate) use stoa_testkit::{occurred, reason};

use crate::Api;

pub(crate) struct Bench {
    pub(crate) api: Api,
    kit: stoa_testkit::Bench,
}

impl Deref for Bench {
    type Target = stoa_testkit::Bench;

    fn deref(&self) -> &Self::Target {
        &self.kit
    }
}

impl Bench {
    /// Creates the service with the product lines `gtx` and `mg`, and with
    /// partners in its directory: `acme`, which is assigned to `cam1`, and
    /// `other` are enrolled, `acme` sees `below`, which is suspended, and
    /// `narrow` may sell only `mg`.
    pub(crate) async fn new() -> Self {
        let kit = stoa_testkit::Bench::new(crate::NAME, crate::migrations(), Timestamp::from_micros(1_700_000_000_000_000)).await;
        kit.seed(&[
            Seed::enrolled("acme").assigned_to("cam1"),
            Seed::enrolled("below").visible_to("acme").standing(Standing::Suspended),
            Seed::enrolled("other"),
            Seed::enrolled("narrow").selling(&["mg"]),
        ])
        .await;
        let bench = Self { api: Api { deps: kit.deps.clone() }, kit };
        for line in ["gtx", "mg"] {
            let product_line = Some(ProductLine { display_name: line.to_uppercase(), ..Default::default() });
            let request = CreateProductLineRequest { product_line_id: line.into(), product_line, request_id: String::new() };
            bench.api.create_product_line(bench.as_vendor(request)).await.unwrap();
        }
        bench
    }

    /// Creates a deal of a partner for the product line `gtx`, with a customer
    /// that has this domain. The vendor creates it, because only the vendor
    /// chooses IDs.
    pub(crate) async fn deal(&self, partner: &str, id: &str, domain: &str) -> Deal {
        let customer = Customer { display_name: "Example".into(), domain: domain.into(), ..Default::default() };
        let partner = format!("partners/{partner}");
        let deal = Deal { partner, product_line: "productLines/gtx".into(), customer: Some(customer), ..Default::default() };
        let request = CreateDealRequest { deal_id: id.into(), deal: Some(deal), request_id: String::new() };
        self.api.create_deal(self.as_vendor(request)).await.unwrap().into_inner()
    }

    pub(crate) async fn submit(&self, partner: &str, name: &str) -> Result<Deal, tonic::Status> {
        let request = SubmitDealRegistrationRequest { name: name.into(), ..Default::default() };
        self.api.submit_deal_registration(self.as_partner(partner, request)).await.map(tonic::Response::into_inner)
    }

    /// Returns the names of the deal events, oldest first.
    pub(crate) async fn deal_events(&self) -> Vec<String> {
        self.subjects().await.iter().filter_map(|subject| subject.strip_prefix("deal.")).map(str::to_owned).collect()
    }
}
