use stoa_kernel::etag;
use stoa_proto::onboard::v1::{CreateTierRequest, GetTierRequest, ListTiersRequest, UpdateTierRequest, tier_service_server::TierService};
use tonic::Code;

use super::*;
use crate::testing::{Bench, reason};

#[tokio::test]
async fn a_rank_belongs_to_one_tier_of_a_program() {
    let bench = Bench::new().await;
    bench.program("q", false).await;
    let create = async |parent: &str, rank: i32| {
        let tier = Tier { display_name: "Third".into(), rank, ..Default::default() };
        let request = CreateTierRequest { parent: parent.into(), tier_id: "third".into(), tier: Some(tier), ..Default::default() };
        bench.api.create_tier(bench.as_vendor(request)).await
    };
    assert_eq!(reason(create("programs/p", 2).await), "TIER_RANK_TAKEN");
    assert_eq!(create("programs/none", 3).await.unwrap_err().code(), Code::NotFound);
    let tier = create("programs/p", 3).await.unwrap().into_inner();
    let update = async |rank: i32, etag: &str| {
        let tier = Tier { rank, etag: etag.into(), name: tier.name.clone(), ..Default::default() };
        bench.api.update_tier(bench.as_vendor(UpdateTierRequest { tier: Some(tier), ..Default::default() })).await
    };
    assert_eq!(reason(update(1, &tier.etag).await), "TIER_RANK_TAKEN");
    assert_eq!(reason(update(4, "\"7\"").await), "ETAG_MISMATCH");
    assert_eq!(update(4, &tier.etag).await.unwrap().into_inner().etag, etag::of_version(2));
    assert!(create("programs/q", 3).await.is_ok(), "another program has its own ranks");
    let hidden = bench.api.get_tier(bench.as_stranger(GetTierRequest { name: tier.name.clone() })).await;
    assert_eq!(hidden.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn tiers_of_one_program_or_of_all_are_listed() {
    let bench = Bench::new().await;
    bench.program("q", false).await;
    let list = async |parent: &str, page_token: &str| {
        let request = ListTiersRequest { parent: parent.into(), page_size: 3, page_token: page_token.into() };
        let page = bench.api.list_tiers(bench.as_vendor(request)).await.unwrap().into_inner();
        (page.tiers.into_iter().map(|tier| tier.name).collect::<Vec<_>>(), page.next_page_token)
    };
    let tiers_of = |program: &str| [format!("programs/{program}/tiers/entry"), format!("programs/{program}/tiers/gold")];
    assert_eq!(list("programs/q", "").await, (tiers_of("q").to_vec(), String::new()));
    assert_eq!(list("programs/none", "").await.0, [""; 0]);
    let (first, more) = list("programs/-", "").await;
    let (rest, end) = list("programs/-", &more).await;
    assert_eq!(([first, rest].concat(), end), ([tiers_of("p"), tiers_of("q")].concat(), String::new()));
}
