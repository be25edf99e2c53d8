use prost::Message;
use stoa_kernel::{Cx, Reach, etag};
use stoa_proto::onboard::v1::{
    CancelAgreementRequest, CreateAgreementRequest, CreateEnrollmentRequest, DeclineAgreementRequest, GetAgreementRequest,
    ListAgreementsRequest, SendAgreementRequest, SignAgreementRequest, agreement_service_server::AgreementService,
    enrollment_service_server::EnrollmentService,
};
use stoa_store::{Tx, documents};
use tonic::{Code, Status};

use super::{store::Agreements, *};
use crate::testing::{Bench, occurred, reason};

const COMMANDS: [Command; 7] =
    [Command::Send, Command::Sign, Command::TakeEffect, Command::Decline, Command::Void, Command::Terminate, Command::Expire];

/// The state that each command, in the order above, leads to from each state.
const LEADS_TO: [(State, [Option<State>; 7]); 8] = {
    const N: Option<State> = None;
    [
        (Draft, [Some(Sent), N, N, N, Some(Voided), N, N]),
        (Sent, [N, Some(PartnerSigned), N, Some(Declined), Some(Voided), N, N]),
        (PartnerSigned, [N, N, Some(Effective), N, Some(Voided), N, N]),
        (Effective, [N, N, N, N, N, Some(Terminated), Some(Expired)]),
        (Expired, [N; 7]),
        (Terminated, [N; 7]),
        (Declined, [N; 7]),
        (Voided, [N; 7]),
    ]
};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn agreement(state: State) -> Agreement {
    Agreement { name: "agreements/a".into(), state: state as i32, etag: etag::of_version(1), ..Default::default() }
}

#[test]
fn the_table_is_documented() {
    stoa_testkit::documented(TABLE, include_str!("mod.rs"), "stoa.onboard.v1.AgreementState");
}

/// Writes an agreement as given, without an event.
async fn place(tx: &Tx, cx: &Cx, agreement: &Agreement) -> Result<()> {
    documents::insert::<Agreements>(tx, cx, agreement, agreement.encode_to_vec()).await
}

#[tokio::test]
async fn rows_and_reads_agree_on_the_state() {
    let bench = Bench::new().await;
    let ends = [None, Some(NOW), Some(NOW.plus_micros(1)), Some(NOW.plus_days(1))];
    let written = LEADS_TO.iter().flat_map(|(state, _)| {
        ends.iter().enumerate().map(|(nth, end)| Agreement {
            name: format!("agreements/{}-{nth}", *state as i32),
            expire_time: end.map(Timestamp::proto),
            ..agreement(*state)
        })
    });
    let instants = [NOW.plus_micros(-1), NOW, NOW.plus_micros(1), NOW.plus_micros(2), NOW.plus_days(1)];
    let (cx, written) = (bench.cx(Reach::Tenant), written.collect());
    stoa_testkit::states_agree::<Agreements, State>(&bench.deps.store, &cx, ("state", |a| a.state), written, &instants).await;
}

#[test]
fn every_command_follows_the_table_from_every_state() {
    for (state, row) in LEADS_TO {
        for (command, expected) in COMMANDS.into_iter().zip(row) {
            let got = with_next_state(&agreement(state), command);
            assert_eq!(got.as_ref().ok().map(Agreement::state), expected, "{state:?} {command:?}");
            assert!(got.err().is_none_or(|error| error.reason() == "STATE_INVALID"));
        }
    }
}

/// Makes the call for a command and returns the state that it leads to. Any
/// command without a call of its own stands for a cancellation to DECLINED.
async fn call(bench: &Bench, name: &str, command: Command) -> Result<State, Status> {
    let name = name.to_owned();
    let reason = "why".to_owned();
    let cancel =
        |name, state: State| CancelAgreementRequest { name, target_state: state as i32, reason: "why".into(), ..Default::default() };
    let answer = match command {
        Command::Send => bench.api.send_agreement(bench.as_vendor(SendAgreementRequest { name, ..Default::default() })).await?,
        Command::Sign => bench.api.sign_agreement(bench.as_vendor(SignAgreementRequest { name, ..Default::default() })).await?,
        Command::Decline => {
            bench.api.decline_agreement(bench.as_vendor(DeclineAgreementRequest { name, reason, ..Default::default() })).await?
        }
        Command::Void => bench.api.cancel_agreement(bench.as_vendor(cancel(name, State::Voided))).await?,
        _ => bench.api.cancel_agreement(bench.as_vendor(cancel(name, State::Declined))).await?,
    };
    Ok(answer.into_inner().state())
}

#[tokio::test]
async fn every_call_follows_the_table_from_every_state() {
    let bench = Bench::new().await;
    for (state, row) in LEADS_TO {
        // The last call is the vendor's cancellation to DECLINED, which follows
        // the same rules as the partner's call.
        for (index, command) in [(0, Command::Send), (1, Command::Sign), (3, Command::Decline), (4, Command::Void), (3, Command::Expire)] {
            let name = format!("agreements/{}-{command:?}", state as i32).to_lowercase();
            let current =
                Agreement { name: name.clone(), prospect: "prospects/x".into(), program: "programs/p".into(), ..agreement(state) };
            bench.deps.store.run(&bench.cx(Reach::Tenant), current, place).await.unwrap();
            match (call(&bench, &name, command).await, row[index]) {
                (Ok(got), expected) => assert_eq!(Some(got), expected, "{state:?} {command:?}"),
                (error, expected) => {
                    assert_eq!(expected, None, "{state:?} {command:?}");
                    assert_eq!(reason(error), "STATE_INVALID");
                }
            }
        }
    }
}

#[test]
fn an_agreement_ends_after_it_starts() {
    let at = |micros| Some(Timestamp::from_micros(micros).proto());
    let agreement = |start, end| Agreement { effective_time: at(start), expire_time: at(end), ..Default::default() };
    assert!(check_dates(&agreement(1, 2)).is_ok());
    assert_eq!(check_dates(&agreement(2, 2)).unwrap_err().reason(), "AGREEMENT_DATES_INVALID");
}

#[test]
fn an_agreement_takes_effect_only_if_it_is_signed_has_begun_and_has_not_expired() {
    let with = |state, from: i64, until: i64| Agreement {
        effective_time: Some(NOW.plus_days(from).proto()),
        expire_time: Some(NOW.plus_days(until).proto()),
        ..agreement(state)
    };
    assert_eq!(start(&with(State::PartnerSigned, -9, 9), NOW).unwrap(), NOW.plus_days(-9));
    assert_eq!(start(&agreement(State::PartnerSigned), NOW).unwrap(), NOW);
    for (agreement, reason) in [
        (with(State::Sent, -9, 9), "AGREEMENT_NOT_SIGNED"),
        (with(State::PartnerSigned, 1, 9), "TIME_IN_FUTURE"),
        (with(State::PartnerSigned, -9, 0), "AGREEMENT_DATES_INVALID"),
    ] {
        let refused = start(&agreement, NOW).unwrap_err();
        assert_eq!(refused.reason(), reason);
        assert_eq!(refused.fields()[0].field, "agreement");
    }
}

#[tokio::test]
async fn an_agreement_has_one_party_that_exists() {
    let bench = Bench::new().await;
    bench.enroll("acme").await;
    let create = async |prospect: &str, partner: &str| {
        let agreement =
            Agreement { prospect: prospect.into(), partner: partner.into(), program: "programs/p".into(), ..Default::default() };
        let request = CreateAgreementRequest { agreement: Some(agreement), ..Default::default() };
        bench.api.create_agreement(bench.as_vendor(request)).await
    };
    assert_eq!(reason(create("", "").await), "AGREEMENT_PARTY_INVALID");
    assert_eq!(reason(create("prospects/acme", "partners/acme").await), "AGREEMENT_PARTY_INVALID");
    assert_eq!(reason(create("", "partners/nobody").await), "REFERENCE_NOT_FOUND");
    assert_eq!(reason(create("prospects/nobody", "").await), "REFERENCE_NOT_FOUND");
    assert!(create("", "partners/acme").await.is_ok());
}

#[tokio::test]
async fn a_partner_signs_and_declines_its_own_agreements_but_a_distributor_not_its_dealers() {
    let bench = Bench::new().await;
    bench.program("open", true).await;
    bench.enroll("distributor").await;
    bench.enroll_by("dealer", "distributor", Agreement { program: "programs/open".into(), ..Default::default() }).await;
    for id in ["one", "two"] {
        bench.sent_agreement(id, Agreement { partner: "partners/dealer".into(), ..Default::default() }).await;
    }
    let sign = |name: &str| SignAgreementRequest { name: name.into(), ..Default::default() };
    let decline = |name: &str| DeclineAgreementRequest { name: name.into(), reason: "no".into(), ..Default::default() };

    let seen = bench.api.get_agreement(bench.as_partner("distributor", GetAgreementRequest { name: "agreements/one".into() })).await;
    assert_eq!(seen.unwrap().into_inner().state(), State::Sent, "it sees the agreement but may not change it");
    assert_eq!(reason(bench.api.sign_agreement(bench.as_partner("distributor", sign("agreements/one"))).await), "SCOPE_EXCEEDED");
    assert_eq!(reason(bench.api.decline_agreement(bench.as_partner("distributor", decline("agreements/one"))).await), "SCOPE_EXCEEDED");

    let signed = bench.api.sign_agreement(bench.as_partner("dealer", sign("agreements/one"))).await.unwrap().into_inner();
    assert_eq!(signed.state(), State::PartnerSigned);
    let declined = bench.api.decline_agreement(bench.as_partner("dealer", decline("agreements/two"))).await.unwrap().into_inner();
    assert_eq!((declined.state(), declined.end_reason.as_str()), (State::Declined, "no"));
    assert_eq!(reason(bench.api.decline_agreement(bench.as_partner("dealer", decline("agreements/one"))).await), "STATE_INVALID");

    let cancel = CancelAgreementRequest {
        name: "agreements/one".into(),
        target_state: State::Voided as i32,
        reason: "no".into(),
        ..Default::default()
    };
    assert_eq!(reason(bench.api.cancel_agreement(bench.as_partner("dealer", cancel)).await), "SCOPE_EXCEEDED", "only the vendor cancels");
    let hidden = bench.api.get_agreement(bench.as_stranger(GetAgreementRequest { name: "agreements/one".into() })).await;
    assert_eq!(hidden.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn an_enrollment_needs_a_signed_agreement_that_has_begun() {
    let bench = Bench::new().await;
    let prospect = bench.prospect("acme").await.name;
    bench.sent_agreement("sent", Agreement { prospect: prospect.clone(), ..Default::default() }).await;
    bench.signed_agreement("later", Agreement { prospect, effective_time: bench.in_days(1), ..Default::default() }).await;
    let enroll = async |agreement: &str| {
        let request = CreateEnrollmentRequest { agreement: format!("agreements/{agreement}"), ..Default::default() };
        bench.api.create_enrollment(bench.as_vendor(request)).await
    };
    assert_eq!(reason(enroll("sent").await), "AGREEMENT_NOT_SIGNED");
    assert_eq!(reason(enroll("later").await), "TIME_IN_FUTURE");
    bench.pass_days(1);
    assert!(enroll("later").await.is_ok());
}

#[tokio::test]
async fn an_agreement_expires_at_its_expire_time_and_not_with_the_sweep() {
    let bench = Bench::new().await;
    let until = bench.in_days(10);
    bench.enroll_by("acme", "", Agreement { expire_time: until, ..Default::default() }).await;
    let states = async || {
        let get = bench.as_vendor(GetAgreementRequest { name: "agreements/acme".into() });
        let filter = "state = EXPIRED".to_owned();
        let list = bench.as_vendor(ListAgreementsRequest { filter, ..Default::default() });
        let listed = bench.api.list_agreements(list).await.unwrap().into_inner().agreements;
        (bench.api.get_agreement(get).await.unwrap().into_inner().state(), listed.len())
    };
    bench.pass_days(9);
    assert_eq!(states().await, (State::Effective, 0));
    bench.pass_days(3);
    assert_eq!(states().await, (State::Expired, 1), "not recorded yet");
    assert_eq!(bench.sweep("enrollment-lapse").await, 1);
    assert_eq!(states().await, (State::Expired, 1));
    let ended = bench.events().await.into_iter().find(|e| e.subject == "onboard.agreement.ended").unwrap();
    assert_eq!(Some(occurred(&ended).proto()), until);
}
