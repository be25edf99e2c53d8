use stoa_proto::onboard::v1::{
    CloseProspectRequest, CreateProspectRequest, GetProspectRequest, PartnerType, ReopenProspectRequest, UpdateProspectRequest,
    prospect_service_server::ProspectService,
};
use tonic::Code;

use super::*;
use crate::testing::{Bench, reason};

const COMMANDS: [Command; 10] = [
    Command::Advance(Contacted),
    Command::Advance(Engaged),
    Command::Advance(Qualified),
    Command::Advance(Invited),
    Command::Advance(Applied),
    Command::Close(Disqualified),
    Command::Close(Nurture),
    Command::Close(Lost),
    Command::Reopen,
    Command::Convert,
];

/// Whether each command, in the order above, is accepted in each state.
const ACCEPTED: [(State, [bool; 10]); 10] = {
    const Y: bool = true;
    const N: bool = false;
    [
        (Identified, [Y, Y, Y, Y, Y, Y, Y, Y, N, Y]),
        (Contacted, [N, Y, Y, Y, Y, Y, Y, Y, N, Y]),
        (Engaged, [N, N, Y, Y, Y, Y, Y, Y, N, Y]),
        (Qualified, [N, N, N, Y, Y, Y, Y, Y, N, Y]),
        (Invited, [N, N, N, N, Y, Y, Y, Y, N, Y]),
        (Applied, [N, N, N, N, N, Y, Y, Y, N, Y]),
        (Converted, [N, N, N, N, N, N, N, N, N, N]),
        (Disqualified, [N, N, N, N, N, N, N, N, Y, N]),
        (Nurture, [Y, Y, Y, Y, Y, Y, N, Y, N, N]),
        (Lost, [N, N, N, N, N, N, N, N, Y, N]),
    ]
};

fn now() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000)
}

fn apply(prospect: &Prospect, command: Command) -> Result<Prospect> {
    match command {
        Command::Close(to) => closed(prospect, to, "why", "who", now()),
        Command::Convert => converted(prospect, "partners/p", now()),
        command => with_next_state(prospect, command, now()),
    }
}

#[test]
fn the_table_is_documented() {
    stoa_testkit::documented(TABLE, include_str!("mod.rs"), "stoa.onboard.v1.ProspectState");
}

#[test]
fn every_command_follows_the_table_from_every_state() {
    for (state, row) in ACCEPTED {
        for (command, accepted) in COMMANDS.into_iter().zip(row) {
            let to = match command {
                Command::Advance(to) | Command::Close(to) => to,
                Command::Create | Command::Reopen => Identified,
                Command::Convert => Converted,
            };
            let prospect = Prospect { name: "prospects/p".into(), state: state as i32, ..Default::default() };
            match apply(&prospect, command) {
                Ok(next) => {
                    assert!(accepted, "{state:?} {command:?}");
                    assert_eq!(next.state(), to);
                    assert_eq!(next.close_reason.is_empty(), !matches!(command, Command::Close(_)));
                    let qualified = matches!(to, Qualified | Invited | Applied | Converted);
                    assert_eq!(next.qualify_time.is_some(), qualified, "{state:?} {command:?}");
                    assert_eq!(next.partner.is_empty(), to != Converted);
                }
                Err(error) => {
                    assert!(!accepted, "{state:?} {command:?}");
                    assert_eq!(error.reason(), "STATE_INVALID");
                }
            }
        }
    }
}

#[test]
fn a_prospect_is_qualified_once() {
    let prospect = Prospect { name: "prospects/p".into(), state: Identified as i32, ..Default::default() };
    let first = with_next_state(&prospect, Command::Advance(Qualified), now()).unwrap();
    let lost = closed(&first, Lost, "why", "", now().plus_days(1)).unwrap();
    let reopened = with_next_state(&lost, Command::Reopen, now().plus_days(2)).unwrap();
    let again = with_next_state(&reopened, Command::Advance(Applied), now().plus_days(3)).unwrap();
    assert_eq!(again.qualify_time, Some(now().proto()));
}

#[test]
fn the_duplicate_key_ignores_case_and_www() {
    let key = |domain: &str| duplicate_key(&Prospect { domain: domain.into(), country_code: "DE".into(), ..Default::default() });
    assert_eq!(key("WWW.Example.com"), key("example.com"));
    assert_eq!(key(""), "");
}

fn organization(domain: &str) -> Prospect {
    Prospect { display_name: domain.into(), r#type: PartnerType::Var as i32, domain: domain.into(), ..Default::default() }
}

#[tokio::test]
async fn an_organization_is_one_prospect_which_is_reopened_after_a_loss() {
    let bench = Bench::new().await;
    let create = async |id: &str, domain: &str| {
        let request = CreateProspectRequest { prospect_id: id.into(), prospect: Some(organization(domain)), ..Default::default() };
        bench.api.create_prospect(bench.as_vendor(request)).await
    };
    let name = create("one", "example.com").await.unwrap().into_inner().name;
    let close = CloseProspectRequest { name: name.clone(), target_state: Lost as i32, reason: "price".into(), ..Default::default() };
    let lost = bench.api.close_prospect(bench.as_vendor(close)).await.unwrap().into_inner();
    let duplicate = create("two", "www.EXAMPLE.com").await.unwrap_err();
    assert!(duplicate.message().contains("prospects/one"), "{}", duplicate.message());
    assert_eq!(reason::<()>(Err(duplicate)), "PROSPECT_DUPLICATE");

    let reopen = |etag: &str| ReopenProspectRequest { name: name.clone(), etag: etag.into(), ..Default::default() };
    assert_eq!(reason(bench.api.reopen_prospect(bench.as_vendor(reopen("\"1\""))).await), "ETAG_MISMATCH");
    let open = bench.api.reopen_prospect(bench.as_vendor(reopen(&lost.etag))).await.unwrap().into_inner();
    assert_eq!((open.state(), open.close_reason.as_str()), (Identified, ""));
    assert_eq!(reason(bench.api.reopen_prospect(bench.as_vendor(reopen(""))).await), "STATE_INVALID");
}

#[tokio::test]
async fn a_prospect_cannot_be_updated_to_another_ones_organization() {
    let bench = Bench::new().await;
    for (id, domain) in [("one", "one.com"), ("two", "two.com")] {
        let request = CreateProspectRequest { prospect_id: id.into(), prospect: Some(organization(domain)), ..Default::default() };
        bench.api.create_prospect(bench.as_vendor(request)).await.unwrap();
    }
    let update = async |prospect: Prospect| {
        let request = UpdateProspectRequest { prospect: Some(prospect), ..Default::default() };
        bench.api.update_prospect(bench.as_vendor(request)).await
    };
    let named = |f: fn(&mut Prospect)| {
        let mut prospect = Prospect { name: "prospects/two".into(), ..Default::default() };
        f(&mut prospect);
        prospect
    };
    let changed = update(named(|p| p.territory = "emea".into())).await.unwrap().into_inner();
    assert_eq!((changed.territory.as_str(), changed.domain.as_str(), changed.etag.as_str()), ("emea", "two.com", "\"2\""));
    assert_eq!(reason(update(named(|p| p.domain = "one.com".into())).await), "PROSPECT_DUPLICATE");
    assert!(update(named(|p| p.domain = "www.two.com".into())).await.is_ok(), "its own domain is no duplicate");
    assert_eq!(reason(update(named(|p| p.etag = "\"1\"".into())).await), "ETAG_MISMATCH");
    assert_eq!(reason(update(named(|p| p.owner = "nobody".into())).await), "INVALID_FIELD");
    let updates = bench.subjects().await.into_iter().filter(|s| s == "prospect.updated").count();
    assert_eq!(updates, 2, "refused updates leave no event");

    bench.enroll("three").await;
    let converted = Prospect { name: "prospects/three".into(), territory: "emea".into(), ..Default::default() };
    assert_eq!(reason(update(converted).await), "STATE_INVALID");
    let hidden = bench.api.get_prospect(bench.as_stranger(GetProspectRequest { name: "prospects/two".into() })).await;
    assert_eq!(hidden.unwrap_err().code(), Code::NotFound);
}
