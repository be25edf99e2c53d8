use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::TestRunner};
use prost::Message;
use stoa_events::Event;
use stoa_proto::onboard::v1::{
    Agreement, ListPartnersRequest, Program, ProgramUpdated, UpdatePartnerRequest, UpdateProgramRequest,
    partner_service_server::PartnerService, program_service_server::ProgramService,
};
use tonic::{Response, Status};

use super::*;
use crate::testing::{Bench, reason};

/// Maximum number of levels that the API allows.
const LEVELS_MAX: usize = 8;

async fn update(bench: &Bench, input: Partner, paths: &[&str]) -> Result<Response<Partner>, Status> {
    let update_mask = Some(FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() });
    let request = UpdatePartnerRequest { partner: Some(input), update_mask, ..Default::default() };
    bench.api.update_partner(bench.as_vendor(request)).await
}

async fn place(bench: &Bench, id: &str, parent: &str) -> Result<Response<Partner>, Status> {
    let parent = if parent.is_empty() { String::new() } else { format!("partners/{parent}") };
    update(bench, Partner { name: format!("partners/{id}"), parent, ..Default::default() }, &["parent"]).await
}

/// The expected hierarchy: parents by partner.
#[derive(Default)]
struct Model(BTreeMap<String, String>);

impl Model {
    /// Ids of a partner's ancestors, the topmost first.
    fn chain(&self, id: &str) -> Vec<String> {
        let mut chain: Vec<String> = std::iter::successors(self.0.get(id), |above| self.0.get(*above)).cloned().collect();
        chain.reverse();
        chain
    }

    /// Levels from a partner down, itself included.
    fn height(&self, id: &str) -> usize {
        1 + self.0.iter().filter(|(_, parent)| *parent == id).map(|(below, _)| self.height(below)).max().unwrap_or_default()
    }

    /// Returns why a move is refused, or makes it.
    fn place(&mut self, id: &str, parent: &str) -> Option<&'static str> {
        if self.0.get(id).map_or("", String::as_str) == parent {
            return None;
        }
        if id == parent || self.chain(parent).iter().any(|above| above == id) {
            return Some("HIERARCHY_CYCLE");
        }
        if !parent.is_empty() && self.chain(parent).len() + 1 + self.height(id) > LEVELS_MAX {
            return Some("HIERARCHY_TOO_DEEP");
        }
        match parent {
            "" => self.0.remove(id),
            _ => self.0.insert(id.to_owned(), parent.to_owned()),
        };
        None
    }
}

/// Half of the partners are in a program that makes descendants visible.
async fn follows_the_model(moves: Vec<(usize, usize)>) {
    const PARTNERS: usize = 12;
    let bench = Bench::new().await;
    bench.program("open", true).await;
    for i in 0..PARTNERS {
        let program = if i % 2 == 0 { "programs/open" } else { "programs/p" };
        bench.enroll_by(&format!("p{i}"), "", Agreement { program: program.into(), ..Default::default() }).await;
    }
    let mut model = Model::default();
    for (who, below) in moves {
        // The thirteenth parent stands for no parent.
        let (id, parent) = (format!("p{who}"), if below == PARTNERS { String::new() } else { format!("p{below}") });
        let got = place(&bench, &id, &parent).await;
        match model.place(&id, &parent) {
            None => assert!(got.is_ok(), "{id} below {parent}: {got:?}"),
            Some(expected) => assert_eq!(reason(got), expected, "{id} below {parent}"),
        }
    }
    for i in 0..PARTNERS {
        let partner = bench.partner(&format!("p{i}")).await;
        let chain = model.chain(&format!("p{i}"));
        assert_eq!(partner.ancestors, chain, "p{i}");
        assert_eq!(partner.visible_to, if i % 2 == 0 { chain } else { Vec::new() }, "p{i}");
    }
}

#[test]
fn after_any_moves_the_ancestors_are_the_chain_of_parents() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() });
    let moves = prop::collection::vec((0_usize..12, 0_usize..13), 20..60);
    runner
        .run(&moves, |moves| {
            runtime.block_on(follows_the_model(moves));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_line_has_eight_levels_and_no_cycle() {
    let bench = Bench::new().await;
    bench.enroll("l1").await;
    for level in 2..=8 {
        bench.enroll_by(&format!("l{level}"), &format!("l{}", level - 1), Agreement::default()).await;
    }
    bench.enroll("free").await;
    assert_eq!(reason(place(&bench, "free", "l8").await), "HIERARCHY_TOO_DEEP");
    assert_eq!(reason(place(&bench, "l1", "free").await), "HIERARCHY_TOO_DEEP", "its descendants would be too deep");
    assert_eq!(reason(place(&bench, "l1", "l8").await), "HIERARCHY_CYCLE");
    assert_eq!(reason(place(&bench, "l1", "l1").await), "HIERARCHY_CYCLE");
    assert_eq!(reason(place(&bench, "l1", "nobody").await), "REFERENCE_NOT_FOUND");
    assert_eq!(bench.partner("l8").await.ancestors.len(), 7, "refused moves move nobody");
}

#[tokio::test]
async fn concurrent_moves_close_no_cycle() {
    let bench = Bench::new().await;
    bench.enroll("a").await;
    bench.enroll("b").await;
    let (one, other) = tokio::join!(place(&bench, "a", "b"), place(&bench, "b", "a"));
    let refused = [one, other].into_iter().filter(Result::is_err).map(reason).collect::<Vec<_>>();
    assert_eq!(refused, ["HIERARCHY_CYCLE"]);
}

#[tokio::test]
async fn a_partner_is_changed_only_by_the_vendor_and_its_cam() {
    let bench = Bench::new().await;
    bench.enroll("acme").await;
    bench.enroll("other").await;
    bench.assign("cam", "acme").await;
    let request = |id: &str| {
        let partner = Partner { name: format!("partners/{id}"), territory: "emea".into(), ..Default::default() };
        UpdatePartnerRequest { partner: Some(partner), ..Default::default() }
    };
    assert!(bench.api.update_partner(bench.as_cam("cam", request("acme"))).await.is_ok());
    assert_eq!(reason(bench.api.update_partner(bench.as_cam("cam", request("other"))).await), "PARTNER_NOT_ASSIGNED");
    assert_eq!(reason(bench.api.update_partner(bench.as_cam("nobody", request("acme"))).await), "PARTNER_NOT_ASSIGNED");
    let list = async |request| bench.api.list_partners(request).await.unwrap().into_inner().partners.len();
    assert_eq!(list(bench.as_vendor(ListPartnersRequest::default())).await, 2);
    assert_eq!(list(bench.as_partner("acme", ListPartnersRequest::default())).await, 1);
    assert_eq!(list(bench.as_stranger(ListPartnersRequest::default())).await, 0);
}

async fn set_visible(bench: &Bench, descendants_visible: bool) {
    let program = Program { name: "programs/p".into(), descendants_visible, ..Default::default() };
    let paths = vec!["descendants_visible".to_owned()];
    let update_mask = Some(FieldMask { paths: paths.clone() });
    let request = UpdateProgramRequest { program: Some(program), update_mask, ..Default::default() };
    let program = bench.api.update_program(bench.as_vendor(request)).await.unwrap().into_inner();
    let event = Event {
        tenant: "t".into(),
        subject: "onboard.program.updated".into(),
        changed_fields: paths,
        data: ProgramUpdated { program: Some(program) }.encode_to_vec(),
        ..Event::default()
    };
    bench.deliver(&subscriptions(&bench.deps.clock)[0], event).await.unwrap();
}

#[tokio::test]
async fn a_program_changes_visibility_page_by_page() {
    let bench = Bench::new().await;
    bench.enroll("above").await;
    for rows in [0..90, 90..180, 180..250] {
        let row = |i| {
            let mut row = bench.row(&format!("d{i:03}"));
            row.partner.as_mut().unwrap().parent = "partners/above".into();
            row
        };
        bench.bulk(rows.map(row).collect()).await;
    }
    let seen = async || {
        let mut request = ListPartnersRequest { page_size: 1000, ..Default::default() };
        request.filter = "parent = \"partners/above\"".into();
        bench.api.list_partners(bench.as_partner("above", request)).await.unwrap().into_inner().partners.len()
    };
    assert_eq!(seen().await, 0);
    set_visible(&bench, true).await;
    // `above` is on the first page.
    assert_eq!(seen().await, 99, "the event's transaction refreshes one page");
    assert_eq!(bench.sweep("partner-visibility").await, 151, "the job refreshes the rest");
    assert_eq!(seen().await, 250);
    assert_eq!(bench.sweep("partner-visibility").await, 0);

    set_visible(&bench, false).await;
    set_visible(&bench, true).await;
    assert_eq!(bench.sweep("partner-visibility").await, 151, "another change starts over");
    assert_eq!(seen().await, 250);
}
