//! Every state with every command, written out.

use stoa_kernel::{Clock, Cx, Money, Result, Timestamp, money};
use stoa_proto::sell::v1::{
    ClosureCode, ConflictSource, CorrectDealRequest, Customer, Deal, PipelineStage as Stage, RegistrationState as State,
};

use super::{pipeline, protection, registration};

/// The state of the registration of an open deal after each command; `-` is
/// refused. `late` is past its due instant and not swept; `history` is imported
/// from a CRM.
const REGISTRATION: &str = "
from                | submit       | conflict   | approve  | reject   | ask             | withdraw  | sweep   | take
UNSPECIFIED         | SUBMITTED    | -          | -        | -        | -               | -         | -       | APPROVED
UNSPECIFIED history | SUBMITTED    | -          | -        | -        | -               | -         | -       | APPROVED
DRAFT               | SUBMITTED    | -          | -        | -        | -               | -         | -       | -
SUBMITTED           | -            | CONFLICTED | APPROVED | REJECTED | ACTION_REQUIRED | WITHDRAWN | -       | -
SUBMITTED late      | -            | -          | -        | -        | -               | -         | EXPIRED | -
UNDER_REVIEW        | -            | CONFLICTED | APPROVED | REJECTED | ACTION_REQUIRED | WITHDRAWN | -       | -
UNDER_REVIEW late   | -            | -          | -        | -        | -               | -         | EXPIRED | -
ACTION_REQUIRED     | UNDER_REVIEW | CONFLICTED | -        | REJECTED | -               | WITHDRAWN | -       | -
ACTION_REQUIRED late | -            | -          | -        | -        | -               | -         | EXPIRED | -
APPROVED            | -            | -          | -        | -        | -               | WITHDRAWN | -       | -
APPROVED history    | SUBMITTED    | -          | -        | -        | -               | WITHDRAWN | -       | -
REJECTED            | -            | -          | -        | -        | -               | -         | -       | -
CONFLICTED          | SUBMITTED    | -          | -        | REJECTED | -               | WITHDRAWN | -       | -
EXPIRED             | -            | -          | -        | -        | -               | -         | -       | -
WITHDRAWN           | -            | -          | -        | -        | -               | -         | -       | -
";

/// The state of the registration after each command once the deal is won, lost or deleted.
const REGISTRATION_OF_CLOSED: &str = "
from                | submit | conflict   | approve | reject   | ask | withdraw | sweep   | take
UNSPECIFIED         | -      | -          | -       | -        | -   | -        | -       | APPROVED
UNSPECIFIED history | -      | -          | -       | -        | -   | -        | -       | APPROVED
DRAFT               | -      | -          | -       | -        | -   | -        | -       | -
SUBMITTED           | -      | CONFLICTED | -       | REJECTED | -   | -        | -       | -
SUBMITTED late      | -      | -          | -       | -        | -   | -        | EXPIRED | -
UNDER_REVIEW        | -      | CONFLICTED | -       | REJECTED | -   | -        | -       | -
UNDER_REVIEW late   | -      | -          | -       | -        | -   | -        | EXPIRED | -
ACTION_REQUIRED     | -      | CONFLICTED | -       | REJECTED | -   | -        | -       | -
ACTION_REQUIRED late | -      | -          | -       | -        | -   | -        | EXPIRED | -
APPROVED            | -      | -          | -       | -        | -   | -        | -       | -
APPROVED history    | -      | -          | -       | -        | -   | -        | -       | -
REJECTED            | -      | -          | -       | -        | -   | -        | -       | -
CONFLICTED          | -      | -          | -       | REJECTED | -   | -        | -       | -
EXPIRED             | -      | -          | -       | -        | -   | -        | -       | -
WITHDRAWN           | -      | -          | -       | -        | -   | -        | -       | -
";

/// The stage after each command; `-` is refused.
const PIPELINE: &str = "
from            | PROSPECTING | ENGAGING | PROPOSING | NEGOTIATING | win | lose | correct to WON | correct to LOST | delete
PROSPECTING     | -           | ENGAGING | PROPOSING | NEGOTIATING | WON | LOST | -              | -               | PROSPECTING
ENGAGING        | PROSPECTING | -        | PROPOSING | NEGOTIATING | WON | LOST | -              | -               | ENGAGING
PROPOSING       | PROSPECTING | ENGAGING | -         | NEGOTIATING | WON | LOST | -              | -               | PROPOSING
NEGOTIATING     | PROSPECTING | ENGAGING | PROPOSING | -           | WON | LOST | -              | -               | NEGOTIATING
WON             | -           | -        | -         | -           | -   | -    | WON            | LOST            | -
LOST            | -           | -        | -         | -           | -   | -    | WON            | LOST            | -
ENGAGING deleted | -           | -        | -         | -           | -   | -    | -              | -               | -
";

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn cx() -> Cx {
    Cx::service("t", "sell", &Clock::driven(NOW).0, "")
}

/// Returns the cells of a table: from, command, expected.
fn cells(table: &str) -> Vec<(&str, &str, &str)> {
    let mut rows = table.trim().lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let head = rows.next().unwrap();
    rows.flat_map(|row| {
        assert_eq!(row.len(), head.len(), "{row:?}");
        (1..row.len()).map(|i| (row[0], head[i], row[i])).collect::<Vec<_>>()
    })
    .collect()
}

fn state(name: &str) -> State {
    State::from_str_name(&format!("REGISTRATION_STATE_{name}")).unwrap()
}

fn stage(name: &str) -> Stage {
    Stage::from_str_name(&format!("PIPELINE_STAGE_{name}")).unwrap()
}

/// Returns an open deal whose registration is in the state that a row of the table names.
fn deal(from: &str) -> Deal {
    let (name, mark) = from.split_once(' ').unwrap_or((from, ""));
    let state = state(name);
    let customer = Customer { display_name: "Example".into(), domain: "example.com".into(), ..Default::default() };
    let mut deal = Deal {
        name: "deals/d".into(),
        partner: "partners/p".into(),
        product_line: "productLines/gtx".into(),
        customer: Some(customer),
        imported: mark == "history",
        ..Default::default()
    };
    deal.set_pipeline_stage(Stage::Engaging);
    deal.set_registration_state(state);
    if !matches!(state, State::Unspecified | State::Draft) {
        deal.submit_time = Some(NOW.plus_days(-10).proto());
    }
    if registration::is_pending(state) {
        deal.decide_due_time = Some(NOW.plus_micros(if mark == "late" { 0 } else { 1 }).proto());
    }
    deal
}

fn command(deal: &Deal, command: &str) -> Option<Result<Deal>> {
    Some(match command {
        "submit" => registration::submitted(deal, NOW),
        "conflict" => registration::conflicted(deal, ConflictSource::Registration, NOW),
        "approve" => registration::approved(deal, NOW),
        "reject" => registration::rejected(deal, ClosureCode::Duplicate, "twice", NOW),
        "ask" => registration::action_required(deal, "say more", NOW),
        "withdraw" => registration::withdrawn(deal, NOW),
        "sweep" => return registration::expired(deal, NOW).map(|(deal, _)| Ok(deal)),
        "take" => registration::imported(deal, NOW.plus_days(-20), NOW),
        other => panic!("{other} is not a command"),
    })
}

fn check_registration(from: &str, deal: &Deal, column: &str, expected: &str) {
    match command(deal, column) {
        Some(Ok(next)) => {
            assert_eq!(next.registration_state(), state(expected), "{column} of {from} should give {expected}");
            assert_eq!(next.pipeline_stage, deal.pipeline_stage, "a registration does not change the stage");
            assert_eq!(next.conflict_source() != ConflictSource::Unspecified, expected == "CONFLICTED");
            assert_eq!(next.decide_due_time.is_some(), registration::is_pending(next.registration_state()));
            assert_eq!(next.imported, deal.imported && column != "submit", "a deal that is submitted here is no longer history");
        }
        Some(Err(error)) => {
            assert_eq!((expected, error.reason().as_str()), ("-", "STATE_INVALID"), "{column} of {from} should give {expected}: {error}");
        }
        None => assert_eq!(expected, "-", "{column} of {from} should give {expected}"),
    }
}

#[test]
fn the_tables_are_documented() {
    stoa_testkit::documented(registration::TABLE, include_str!("registration.rs"), "stoa.sell.v1.RegistrationState");
    stoa_testkit::documented(pipeline::TABLE, include_str!("pipeline.rs"), "stoa.sell.v1.PipelineStage");
}

#[test]
fn every_registration_state_with_every_command() {
    let cells = cells(REGISTRATION);
    assert_eq!(cells.len(), 15 * 8);
    for (from, column, expected) in cells {
        check_registration(from, &deal(from), column, expected);
    }
}

#[test]
fn every_registration_state_of_a_closed_deal_with_every_command() {
    for (from, column, expected) in cells(REGISTRATION_OF_CLOSED) {
        for end in ["WON", "LOST", "deleted"] {
            let mut deal = deal(from);
            match end {
                "deleted" => deal.delete_time = Some(NOW.proto()),
                end => deal.set_pipeline_stage(stage(end)),
            }
            check_registration(&format!("{from}, {end}"), &deal, column, expected);
        }
    }
}

#[test]
fn every_stage_with_every_command() {
    let amount = Money { minor: 1, currency: money::currency("c", "USD").unwrap() };
    let cells = cells(PIPELINE);
    assert_eq!(cells.len(), 7 * 9);
    for (from, column, expected) in cells {
        let mut deal = deal("DRAFT");
        let (name, mark) = from.split_once(' ').unwrap_or((from, ""));
        deal.set_pipeline_stage(stage(name));
        deal.delete_time = (mark == "deleted").then(|| NOW.proto());
        let correct = |outcome: Stage| CorrectDealRequest {
            outcome: outcome.into(),
            amount: Some(amount.proto()),
            reason: "typo".into(),
            ..Default::default()
        };
        let result = match column {
            "win" => pipeline::won(&deal, Some(amount), NOW),
            "lose" => pipeline::lost(&deal, "price", "", NOW),
            "correct to WON" => pipeline::corrected(&deal, &correct(Stage::Won), &cx()),
            "correct to LOST" => pipeline::corrected(&deal, &correct(Stage::Lost), &cx()),
            "delete" => pipeline::deleted(&deal, NOW),
            to => pipeline::staged(&deal, stage(to)),
        };
        match result {
            Ok(next) => {
                assert_eq!(next.pipeline_stage(), stage(expected), "{column} of {from} should give {expected}");
                assert_eq!(next.registration_state(), State::Draft, "a stage does not change the registration");
                assert_eq!(next.delete_time.is_some(), column == "delete");
            }
            Err(error) => assert_eq!((expected, error.reason().as_str()), ("-", "STATE_INVALID"), "{column} of {from}: {error}"),
        }
    }
}

/// Returns the state that the tables expect after a command, for the property
/// tests; `None` if the command is refused.
pub(super) fn expected(deal: &Deal, column: &str, now: Timestamp) -> Option<State> {
    let stored = deal.registration_state();
    let late = registration::is_pending(stored) && registration::state_at(deal, now) == State::Expired;
    let history = deal.imported && matches!(stored, State::Unspecified | State::Approved);
    let name = stored.as_str_name().trim_start_matches("REGISTRATION_STATE_");
    let from = if late {
        format!("{name} late")
    } else if history {
        format!("{name} history")
    } else {
        name.to_owned()
    };
    let table = if pipeline::is_open(deal) { REGISTRATION } else { REGISTRATION_OF_CLOSED };
    let cell = cells(table).into_iter().find(|(row, head, _)| *row == from && *head == column);
    let (_, _, to) = cell.unwrap();
    (to != "-").then(|| state(to))
}

#[test]
fn protection_is_extended_only_if_an_open_deal_was_approved_here() {
    for (from, column, _) in cells(REGISTRATION).into_iter().filter(|(_, column, _)| *column == "approve") {
        assert_eq!(column, "approve");
        let mut deal = deal(from);
        let approved = from == "APPROVED";
        deal.protect_end_time = approved.then(|| NOW.plus_days(1).proto());
        match protection::extended(&deal, 5, NOW) {
            Ok(next) => assert!(approved && protection::is_protected(&next, NOW.plus_days(5)), "{from}"),
            Err(error) => assert_eq!((approved, error.reason().as_str()), (false, "STATE_INVALID"), "{from}"),
        }
    }
}
