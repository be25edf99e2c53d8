//! Who may do what, and what happens to repeated requests.

use super::*;

#[tokio::test]
async fn a_partner_acts_only_for_itself() {
    let bench = bench().await;
    for (id, partner) in [("c", "partners/acme"), ("below", "partners/below"), ("other", "partners/other")] {
        bench.api.create_marketing_campaign(bench.as_vendor(drafted(id, partner))).await.unwrap();
    }
    for named in ["partners/below", "partners/other"] {
        assert_eq!(reason(bench.api.create_marketing_campaign(bench.as_partner("acme", drafted("", named))).await), "SCOPE_EXCEEDED");
    }
    let submit =
        |id: &str| SubmitMarketingCampaignRequest { name: format!("marketingCampaigns/{id}"), ..SubmitMarketingCampaignRequest::default() };
    assert_eq!(bench.api.submit_marketing_campaign(bench.as_partner("acme", submit("other"))).await.unwrap_err().code(), Code::NotFound);
    let seen = bench.api.submit_marketing_campaign(bench.as_partner("acme", submit("below"))).await.unwrap_err();
    assert_eq!(seen.code(), Code::PermissionDenied, "a partner sees its descendant's campaign but may not act on it");
    assert_eq!(bench.api.submit_marketing_campaign(bench.as_stranger(submit("c"))).await.unwrap_err().code(), Code::NotFound);
    let mine = bench.api.list_marketing_campaigns(bench.as_partner("acme", ListMarketingCampaignsRequest::default())).await.unwrap();
    assert_eq!(mine.into_inner().marketing_campaigns.len(), 2);
    let get = |id: &str| GetMarketingCampaignRequest { name: format!("marketingCampaigns/{id}") };
    assert!(bench.api.get_marketing_campaign(bench.as_partner("acme", get("below"))).await.is_ok());
    assert_eq!(bench.api.get_marketing_campaign(bench.as_partner("acme", get("other"))).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_partner_acts_only_while_enrolled_and_the_vendor_records_history() {
    let bench = bench().await;
    assert_eq!(reason(bench.api.create_marketing_campaign(bench.as_partner("idle", drafted("", ""))).await), NOT_ENROLLED);
    let history = CreateMarketingCampaignRequest { draft_time: bench.in_days(-90), ..drafted("old", "partners/idle") };
    bench.api.create_marketing_campaign(bench.as_vendor(history)).await.unwrap();

    let request = CreateMarketingCampaignRequest { request_id: "once".into(), ..drafted("", "") };
    let first = bench.api.create_marketing_campaign(bench.as_partner("acme", request.clone())).await.unwrap().into_inner();
    bench.api.create_marketing_campaign(bench.as_vendor(drafted("c", "partners/acme"))).await.unwrap();
    bench.suspend("acme").await;
    assert_eq!(reason(submit(&bench).await), NOT_ENROLLED);
    let again = bench.api.create_marketing_campaign(bench.as_partner("acme", request)).await.unwrap().into_inner();
    assert_eq!(first, again, "a retry gets its first answer");
    let submit = SubmitMarketingCampaignRequest { name: NAME.into(), ..SubmitMarketingCampaignRequest::default() };
    bench.api.submit_marketing_campaign(bench.as_vendor(submit)).await.unwrap();
    approve(&bench).await.unwrap();
    assert_eq!(reason(schedule(&bench, 5).await), NOT_ENROLLED);
    let planned = ScheduleMarketingCampaignRequest {
        name: NAME.into(),
        schedule_time: bench.in_days(5),
        ..ScheduleMarketingCampaignRequest::default()
    };
    bench.api.schedule_marketing_campaign(bench.as_vendor(planned)).await.unwrap();
    let deploy = DeployMarketingCampaignRequest { name: NAME.into(), ..DeployMarketingCampaignRequest::default() };
    assert_eq!(reason(bench.api.deploy_marketing_campaign(bench.as_partner("acme", deploy)).await), NOT_ENROLLED);
}

#[tokio::test]
async fn a_cam_acts_for_the_partners_that_are_assigned_to_it() {
    let bench = bench().await;
    let create = |id: &str, partner: &str| bench.as_cam("cam", drafted(id, partner));
    bench.api.create_marketing_campaign(create("c", "partners/acme")).await.unwrap();
    assert_eq!(reason(bench.api.create_marketing_campaign(create("x", "partners/other")).await), "PARTNER_NOT_ASSIGNED");
    let submit = || SubmitMarketingCampaignRequest { name: NAME.into(), ..SubmitMarketingCampaignRequest::default() };
    assert_eq!(reason(bench.api.submit_marketing_campaign(bench.as_cam("stranger", submit())).await), "PARTNER_NOT_ASSIGNED");
    bench.api.submit_marketing_campaign(bench.as_cam("cam", submit())).await.unwrap();
}

#[tokio::test]
async fn one_of_two_writers_with_the_same_etag_loses_and_a_retry_gets_its_first_answer() {
    let bench = bench().await;
    let request = CreateMarketingCampaignRequest { request_id: "r".into(), ..drafted("", "partners/acme") };
    let first = bench.api.create_marketing_campaign(bench.as_vendor(request.clone())).await.unwrap().into_inner();
    let again = bench.api.create_marketing_campaign(bench.as_vendor(request.clone())).await.unwrap().into_inner();
    assert_eq!(first, again);
    let other = CreateMarketingCampaignRequest { marketing_campaign_id: "z".into(), ..request };
    assert_eq!(reason(bench.api.create_marketing_campaign(bench.as_vendor(other)).await), "REQUEST_ID_REUSED");

    let update = |name: &str| UpdateMarketingCampaignRequest {
        marketing_campaign: Some(MarketingCampaign { display_name: name.to_owned(), ..first.clone() }),
        update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
        request_id: String::new(),
    };
    let (a, b) = tokio::join!(
        bench.api.update_marketing_campaign(bench.as_vendor(update("A"))),
        bench.api.update_marketing_campaign(bench.as_vendor(update("B")))
    );
    let lost: Vec<Answer> = [a, b].into_iter().filter(Result::is_err).collect();
    assert_eq!(lost.len(), 1);
    assert_eq!(reason(lost.into_iter().next().unwrap()), "ETAG_MISMATCH");
    assert_eq!(bench.subjects().await, ["marketing_campaign.created", "marketing_campaign.updated"]);
}
