use proptest::prelude::*;
use stoa_kernel::Clock;
use stoa_proto::common::v1::Money as Amount;

use super::*;

fn at(now: Timestamp) -> Cx {
    let (clock, _) = Clock::driven(now);
    Cx::service("t", "incentivize", &clock, "")
}

fn day(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn usd(minor_units: i64) -> Option<Amount> {
    Some(Amount { minor_units, currency_code: "USD".into() })
}

fn money(minor: i64) -> Money {
    amounts::stored(usd(minor).as_ref()).unwrap()
}

fn input() -> MdfRequest {
    MdfRequest {
        display_name: "Road show".into(),
        amount: usd(100),
        usage_start_date: "2026-03-01".into(),
        usage_end_date: "2026-03-31".into(),
        ..Default::default()
    }
}

fn draft(zone: &str) -> MdfRequest {
    new("r", &input(), "partners/p", zone).unwrap()
}

fn open(approved_minor: i64) -> MdfRequest {
    let cx = at(day("2026-02-01"));
    approved(&submitted(&draft("UTC"), &cx).unwrap(), Some(money(approved_minor)), "mdfBudgets/b", "", &cx).unwrap()
}

#[test]
fn the_claim_deadline_is_45_days_after_the_last_day_in_the_tenants_zone() {
    assert_eq!(deadline(&draft("UTC")), day("2026-05-16"));
    assert_eq!(deadline(&draft("America/New_York")), day("2026-05-16T04:00:00Z"));
}

#[test]
fn the_deadline_is_judged_by_the_instant() {
    let request = open(100);
    let due = deadline(&request);
    let before = at(due.plus_micros(-1));
    assert!(submitted_claim(&request, money(10), &before).is_ok());
    assert_eq!(expired(&request, &before).unwrap(), None);
    assert_eq!(submitted_claim(&request, money(10), &at(due)).unwrap_err().reason(), "MDF_CLAIM_DEADLINE_PASSED");
    let (ended, released) = expired(&request, &at(due.plus_days(3))).unwrap().unwrap();
    assert_eq!((ended.state(), released), (State::Expired, money(100)));
    assert_eq!(Timestamp::stored(ended.end_time.as_ref()), Some(due), "it ended at its due instant, not at the sweep's");
    let asked = submitted(&draft("UTC"), &at(day("2026-02-01"))).unwrap();
    assert_eq!(approved(&asked, None, "mdfBudgets/b", "", &at(due)).unwrap_err().reason(), "MDF_CLAIM_DEADLINE_PASSED");
}

#[test]
fn no_more_is_approved_than_requested_and_no_more_is_claimed_than_approved() {
    let cx = at(day("2026-02-01"));
    let asked = submitted(&draft("UTC"), &cx).unwrap();
    let too_much = approved(&asked, Some(money(101)), "mdfBudgets/b", "", &cx).unwrap_err();
    assert_eq!((too_much.reason().as_str(), too_much.fields()[0].field.as_str()), ("MDF_APPROVAL_EXCEEDS_REQUEST", "amount"));
    let euro = Money { minor: 1, currency: iso_currency::Currency::EUR };
    assert_eq!(approved(&asked, Some(euro), "mdfBudgets/b", "", &cx).unwrap_err().reason(), "CURRENCY_MISMATCH");
    let claimed = submitted_claim(&open(80), money(50), &cx).unwrap().request;
    assert_eq!(submitted_claim(&claimed, money(31), &cx).unwrap_err().reason(), "MDF_CLAIM_EXCEEDS_APPROVED");
    assert!(submitted_claim(&claimed, money(30), &cx).is_ok());
}

#[test]
fn a_claim_that_was_submitted_in_time_outlives_the_deadline() {
    let cx = at(day("2026-04-01"));
    let claimed = submitted_claim(&open(100), money(60), &cx).unwrap().request;
    let late = at(day("2026-06-01"));
    let (ended, released) = expired(&claimed, &late).unwrap().unwrap();
    assert_eq!(released, money(40), "what was not claimed");
    let cut = cut(&ended, money(25)).unwrap();
    assert_eq!(cut.released, money(25), "what the decision takes off the claim");
    let paid = paid(&cut.request, money(35), &late).unwrap().request;
    assert_eq!((paid.state(), paid.paid_amount), (State::Expired, usd(35)));
}

#[test]
fn paying_what_was_approved_completes_the_request() {
    let cx = at(day("2026-04-01"));
    let one = submitted_claim(&open(100), money(60), &cx).unwrap().request;
    let two = submitted_claim(&one, money(40), &cx).unwrap().request;
    let half = paid(&two, money(60), &cx).unwrap().request;
    assert_eq!(half.state(), State::Approved);
    assert_eq!(canceled(&half, "changed plans", &cx).unwrap_err().reason(), "MDF_CLAIMS_OPEN");
    assert_eq!(paid(&half, money(40), &cx).unwrap().request.state(), State::Completed);
    assert_eq!(paid(&half, money(41), &cx).unwrap_err().reason(), "INTERNAL");
}

#[test]
fn canceling_gives_back_what_is_not_paid() {
    let cx = at(day("2026-04-01"));
    let claimed = submitted_claim(&open(100), money(60), &cx).unwrap().request;
    let paid = paid(&claimed, money(60), &cx).unwrap().request;
    let (ended, released) = canceled(&paid, "changed plans", &cx).unwrap();
    assert_eq!((ended.state(), released), (State::Canceled, money(40)));
    assert_eq!(canceled(&ended, "again", &cx).unwrap_err().reason(), "STATE_INVALID");
}

/// The commands on a request.
const COMMANDS: [&str; 6] = ["submit", "approve", "reject", "start", "cancel", "expire"];

/// All states, and where each of `COMMANDS` leads from them; `None` if it is
/// refused. Written out, so that the table does not ask the rules that it
/// tests.
const TABLE: [(State, [Option<State>; 6]); 8] = {
    const NO: Option<State> = None;
    const CANCELED: Option<State> = Some(State::Canceled);
    const EXPIRED: Option<State> = Some(State::Expired);
    [
        (State::Draft, [Some(State::Submitted), NO, NO, NO, CANCELED, NO]),
        (State::Submitted, [NO, Some(State::Approved), Some(State::Rejected), NO, CANCELED, NO]),
        (State::Approved, [NO, NO, NO, Some(State::InExecution), CANCELED, EXPIRED]),
        (State::InExecution, [NO, NO, NO, NO, CANCELED, EXPIRED]),
        (State::Completed, [NO; 6]),
        (State::Rejected, [NO; 6]),
        (State::Expired, [NO; 6]),
        (State::Canceled, [NO; 6]),
    ]
};

/// Returns a request in a state, with 100 approved and nothing claimed.
fn in_state(state: State) -> MdfRequest {
    let mut request = open(100);
    request.set_state(state);
    request
}

fn apply(request: &MdfRequest, command: &str) -> Result<MdfRequest> {
    let cx = at(day("2026-02-01"));
    match command {
        "submit" => submitted(request, &cx),
        "approve" => approved(request, None, "mdfBudgets/b", "", &cx),
        "reject" => rejected(request, "no", &cx),
        "start" => started(request),
        "cancel" => canceled(request, "no", &cx).map(|(next, _)| next),
        _ => expired(request, &at(deadline(request)))?.map(|(next, _)| next).ok_or_else(|| Error::state("", "", "")),
    }
}

#[test]
fn every_state_and_command_is_in_the_table() {
    for (state, row) in TABLE {
        for (command, wanted) in COMMANDS.into_iter().zip(row) {
            match (apply(&in_state(state), command), wanted) {
                (Ok(next), Some(to)) => assert_eq!(next.state(), to, "{state:?} {command}"),
                (Err(error), None) => assert_eq!(error.reason(), "STATE_INVALID", "{state:?} {command}"),
                (result, wanted) => panic!("{state:?} {command} gives {result:?}, not {wanted:?}"),
            }
        }
    }
    let all: Vec<i32> = TABLE.iter().map(|(state, _)| *state as i32).collect();
    assert_eq!(all, (1..=8).collect::<Vec<_>>(), "no state is left out");
    assert!(State::try_from(9).is_err(), "a new state has a row");
}

#[test]
fn claims_are_accepted_only_while_open_but_paid_in_every_state() {
    let cx = at(day("2026-02-01"));
    for (state, _) in TABLE {
        let claimed = submitted_claim(&in_state(state), money(100), &cx);
        let is_taken = matches!(state, State::Approved | State::InExecution);
        assert_eq!(claimed.err().map(|e| e.reason().as_str()), (!is_taken).then_some("STATE_INVALID"), "{state:?}");
        // Claimed while it was open, and paid in this state.
        let mut owing = submitted_claim(&in_state(State::Approved), money(100), &cx).unwrap().request;
        owing.set_state(state);
        let after = paid(&owing, money(100), &cx).unwrap().request.state();
        assert_eq!(after, if is_taken { State::Completed } else { state }, "{state:?}");
    }
}

#[test]
fn a_request_is_shown_as_it_is_at_the_instant() {
    for (state, row) in TABLE {
        let request = submitted_claim(&in_state(State::Approved), money(30), &at(day("2026-02-01"))).unwrap().request;
        let request = MdfRequest { state: state as i32, ..request };
        let due = deadline(&request);
        assert_eq!(as_of(request.clone(), due.plus_micros(-1)), request, "{state:?}");
        let shown = as_of(request.clone(), due);
        if row[5].is_none() {
            assert_eq!(shown, request, "{state:?}");
            continue;
        }
        assert_eq!((shown.state(), &shown.released_amount), (State::Expired, &usd(70)));
        assert_eq!((shown.end_time, &shown.etag), (request.claim_deadline_time, &request.etag), "the version is the recorded one");
        let recorded = expired(&request, &at(due.plus_days(1))).unwrap().unwrap().0;
        assert_eq!((recorded.released_amount, recorded.end_time), (shown.released_amount, shown.end_time), "as it will be recorded");
    }
}

#[test]
fn invalid_requests_are_refused_with_their_field() {
    let refused = |input: MdfRequest| {
        let error = new("r", &input, "partners/p", "UTC").unwrap_err();
        (error.fields()[0].field.clone(), error.reason().as_str())
    };
    let field = |name: &str| format!("mdf_request.{name}");
    assert_eq!(refused(MdfRequest { amount: usd(-5), ..input() }), (field("amount.minor_units"), "INVALID_FIELD"));
    let unknown = Some(Amount { minor_units: 5, currency_code: "QQQ".into() });
    assert_eq!(refused(MdfRequest { amount: unknown, ..input() }), (field("amount.currency_code"), "CURRENCY_UNKNOWN"));
    assert_eq!(refused(MdfRequest { usage_end_date: "2026-02-28".into(), ..input() }), (field("usage_end_date"), "PERIOD_INVALID"));
    assert_eq!(refused(MdfRequest { marketing_campaign: "x".into(), ..input() }), (field("marketing_campaign"), "INVALID_FIELD"));
}

proptest! {
    #[test]
    fn any_sequence_of_commands_follows_the_table(commands in prop::collection::vec(0_u8..7, 0..20)) {
        let mut request = draft("UTC");
        let mut now = day("2026-02-01");
        for command in commands {
            let cx = at(now);
            let result = match command {
                0 => submitted(&request, &cx),
                1 => approved(&request, None, "mdfBudgets/b", "", &cx),
                2 => rejected(&request, "no", &cx),
                3 => started(&request),
                4 => canceled(&request, "no", &cx).map(|(next, _)| next),
                5 => expired(&request, &cx).map(|next| next.map_or(request.clone(), |(next, _)| next)),
                _ => { now = now.plus_days(30); continue }
            };
            let Ok(next) = result else { continue };
            let ended = !matches!(request.state(), State::Draft | State::Submitted | State::Approved | State::InExecution);
            prop_assert!(!ended || next == request, "an ended request stays as it is");
            prop_assert!((next.state() as i32) >= (request.state() as i32), "no way leads back");
            request = next;
        }
    }
}

#[test]
fn the_documentation_shows_the_table() {
    stoa_testkit::documented(super::TABLE, include_str!("mod.rs"), "stoa.incentivize.v1.MdfRequestState");
}

#[tokio::test]
async fn a_filter_by_state_agrees_with_what_is_shown() {
    let bench = crate::testing::Bench::new().await;
    let cx = bench.cx(stoa_kernel::Reach::Tenant);
    let due = deadline(&draft("UTC"));
    let written = (1..=8).map(|state| MdfRequest {
        name: format!("mdfRequests/s{state}"),
        state,
        etag: stoa_kernel::etag::of_version(1),
        ..open(100)
    });
    let instants = [due.plus_micros(-1), due, due.plus_micros(1)];
    stoa_testkit::states_agree::<MdfRequests, State>(&bench.deps.store, &cx, ("state", |r| r.state), written.collect(), &instants).await;
}
