//! What must hold for every deal holds after any sequence of commands.

use proptest::prelude::*;
use stoa_kernel::{Clock, Money, etag, money};
use stoa_proto::sell::v1::{ClosureCode, ConflictSource, CorrectDealRequest};

use super::{table_tests::expected, *};

const START: i64 = 1_700_000_000_000_000;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_micros(START).plus_hours(hours)
}

fn cx_at(hours: i64) -> Cx {
    Cx::service("t", "sell", &Clock::driven(at(hours)).0, "")
}

fn draft() -> Deal {
    let customer = Customer { display_name: "Example".into(), domain: "example.com".into(), ..Default::default() };
    let input = Deal { product_line: "productLines/gtx".into(), customer: Some(customer), ..Default::default() };
    Deal { etag: etag::of_version(7), ..new("d", "partners/p", &input, &cx_at(0)).unwrap() }
}

#[derive(Debug, Clone)]
enum Command {
    Submit { held: bool },
    Approve,
    Reject,
    RequestAction,
    Withdraw,
    Extend(i32),
    Remind,
    Sweep,
    Advance(i32),
    Win,
    Lose,
    Correct(i32),
    Update,
    Import,
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        3 => any::<bool>().prop_map(|held| Command::Submit { held }),
        2 => Just(Command::Approve),
        1 => Just(Command::Reject),
        2 => Just(Command::RequestAction),
        1 => Just(Command::Withdraw),
        2 => (1..=90).prop_map(Command::Extend),
        2 => Just(Command::Remind),
        2 => Just(Command::Sweep),
        2 => (1..=4).prop_map(Command::Advance),
        1 => Just(Command::Win),
        1 => Just(Command::Lose),
        1 => (5..=6).prop_map(Command::Correct),
        1 => Just(Command::Update),
        1 => Just(Command::Import),
    ]
}

impl Command {
    /// Returns the command's column in the table of registrations, if it has one.
    fn column(&self) -> Option<&'static str> {
        Some(match self {
            Self::Submit { .. } => "submit",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::RequestAction => "ask",
            Self::Withdraw => "withdraw",
            Self::Sweep => "sweep",
            Self::Import => "take",
            _ => return None,
        })
    }
}

fn apply(deal: &Deal, command: &Command, cx: &Cx) -> Result<Deal> {
    match command {
        Command::Submit { held } => {
            let submitted = registration::submitted(deal, cx.now)?;
            if *held { registration::conflicted(&submitted, ConflictSource::Registration, cx.now) } else { Ok(submitted) }
        }
        Command::Approve => registration::approved(deal, cx.now),
        Command::Reject => registration::rejected(deal, ClosureCode::Duplicate, "twice", cx.now),
        Command::RequestAction => registration::action_required(deal, "say more", cx.now),
        Command::Withdraw => registration::withdrawn(deal, cx.now),
        Command::Extend(days) => protection::extended(deal, *days, cx.now),
        Command::Remind => match protection::next_reminder(deal).filter(|(_, at)| *at <= cx.now) {
            Some((days, _)) => Ok(protection::reminded(deal, days)),
            None => Err(Error::state(&deal.name, "not due", "a due reminder")),
        },
        Command::Sweep => {
            let expired = registration::expired(deal, cx.now).map(|(deal, _)| deal);
            expired.ok_or_else(|| Error::state(&deal.name, "not due", "a due registration"))
        }
        Command::Advance(stage) => pipeline::staged(deal, Stage::try_from(*stage).unwrap()),
        Command::Win => pipeline::won(deal, Some(Money { minor: 1, currency: money::currency("c", "USD").unwrap() }), cx.now),
        Command::Lose => pipeline::lost(deal, "price", "", cx.now),
        Command::Correct(outcome) => {
            let amount = Some(Money { minor: 2, currency: money::currency("c", "USD").unwrap() }.proto());
            let request = CorrectDealRequest { outcome: *outcome, amount, reason: "typo".into(), ..Default::default() };
            pipeline::corrected(deal, &request, cx)
        }
        Command::Update => {
            let customer = Customer { display_name: "Other".into(), domain: "example.org".into(), ..Default::default() };
            let (next, paths) = updated(deal, &Deal { customer: Some(customer), ..deal.clone() }, None, cx)?;
            if paths.is_empty() { Err(Error::state(&deal.name, "unchanged", "a change")) } else { Ok(next) }
        }
        Command::Import => registration::imported(deal, cx.now, cx.now),
    }
}

fn check_registration(before: &Deal, next: &Deal, command: &Command, now: Timestamp) -> Result<(), TestCaseError> {
    let (old, new) = (before.registration_state(), next.registration_state());
    if matches!(old, State::Rejected | State::Withdrawn | State::Expired) {
        prop_assert_eq!(old, new, "an ended registration stays as it ended");
    }
    prop_assert!(before.submit_time.is_none() || before.submit_time == next.submit_time, "registered since the first submission");
    prop_assert_eq!(next.submit_time.is_some(), !matches!(new, State::Draft | State::Unspecified));
    prop_assert_eq!(next.decide_due_time.is_some(), registration::is_pending(new));
    prop_assert_eq!(new == State::Rejected, next.closure_code() != ClosureCode::Unspecified);
    prop_assert_eq!(new == State::ActionRequired, !next.required_action.is_empty());
    prop_assert_eq!(new == State::Withdrawn, next.withdraw_time.is_some());
    prop_assert!(new != State::Approved || next.approve_time.is_some());
    prop_assert_eq!(new == State::Conflicted, next.conflict_source() != ConflictSource::Unspecified);
    if registration::state_at(before, now) == State::Expired && old != State::Expired {
        let may = matches!(command, Command::Sweep | Command::Advance(_) | Command::Win | Command::Lose | Command::Correct(_));
        prop_assert!(may || old == new, "nothing decides a registration that is past its due instant: {command:?}");
    }
    if claim::differ(before, next) && !before.imported {
        prop_assert!(!matches!(old, State::Submitted | State::UnderReview | State::Approved), "what is claimed stays");
    }
    Ok(())
}

fn check_pipeline(before: &Deal, next: &Deal, command: &Command) -> Result<(), TestCaseError> {
    if !pipeline::is_open(before) && !matches!(command, Command::Correct(_)) {
        prop_assert_eq!(before.pipeline_stage(), next.pipeline_stage(), "won and lost are final");
        prop_assert_eq!(&before.amount, &next.amount);
    }
    prop_assert_eq!(next.win_time.is_some(), next.pipeline_stage() == Stage::Won);
    prop_assert_eq!(next.lose_time.is_some(), next.pipeline_stage() == Stage::Lost);
    let corrected = matches!(command, Command::Correct(_));
    prop_assert_eq!(next.corrections.len(), before.corrections.len() + usize::from(corrected));
    if let Some(last) = next.corrections.last().filter(|_| corrected) {
        prop_assert_eq!(last.corrected_version, etag::version(&before.etag));
        prop_assert_eq!(last.pipeline_stage_before, before.pipeline_stage);
    }
    Ok(())
}

fn check_protection(before: &Deal, next: &Deal, command: &Command, now: Timestamp) -> Result<(), TestCaseError> {
    let (old, new) = (Timestamp::stored(before.protect_end_time.as_ref()), Timestamp::stored(next.protect_end_time.as_ref()));
    prop_assert!(next.extension_count <= 2);
    match command {
        Command::Approve => prop_assert_eq!(new, Some(now.plus_days(90))),
        Command::Extend(days) => prop_assert_eq!(new, old.map(|old| old.max(now).plus_days(i64::from(*days)))),
        Command::Withdraw => prop_assert!(!protection::is_protected(next, now)),
        _ => prop_assert_eq!(new, old),
    }
    if let Some((days, _)) = protection::next_reminder(next) {
        prop_assert!(next.reminded_days == 0 || days < next.reminded_days, "no reminder twice");
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_invariants(history: bool, commands in prop::collection::vec((command(), 0_i64..400), 0..40)) {
        let start = if history { Deal { registration_state: 0, imported: true, ..draft() } } else { draft() };
        let (mut deal, mut hours) = (start, 0);
        for (command, wait) in commands {
            hours += wait;
            let cx = cx_at(hours);
            let before = deal.clone();
            let to = command.column().map(|column| expected(&deal, column, cx.now));
            match apply(&deal, &command, &cx) {
                Ok(next) => {
                    let to = if matches!(command, Command::Submit { held: true }) { to.map(|_| Some(State::Conflicted)) } else { to };
                    prop_assert!(to.is_none_or(|to| to == Some(next.registration_state())), "{command:?} should give {to:?}");
                    check_registration(&before, &next, &command, cx.now)?;
                    check_pipeline(&before, &next, &command)?;
                    check_protection(&before, &next, &command, cx.now)?;
                    prop_assert!(check(&next).is_ok());
                    deal = next;
                }
                Err(error) => {
                    prop_assert!(to.is_none_or(|to| to.is_none()), "{command:?} should give {to:?}: {error}");
                    prop_assert!(["STATE_INVALID", "EXTENSION_LIMIT_REACHED"].contains(&error.reason().as_str()), "{}", error);
                }
            }
        }
    }
}

#[test]
fn protection_ends_at_its_instant() {
    let approved = registration::approved(&registration::submitted(&draft(), at(0)).unwrap(), at(24)).unwrap();
    let end = Timestamp::from_micros(START).plus_days(91);
    assert!(protection::is_protected(&approved, end.plus_micros(-1)));
    assert!(!protection::is_protected(&approved, end));
    assert!(conflict::holds(&approved, end.plus_micros(-1)) && !conflict::holds(&approved, end));
    assert!(pipeline::won(&approved, None, end).is_ok(), "an unprotected deal may still be won");
}

#[test]
fn a_lapsed_protection_is_extended_from_now_on() {
    let approved = registration::approved(&registration::submitted(&draft(), at(0)).unwrap(), at(0)).unwrap();
    let now = at(24 * 100);
    let extended = protection::extended(&approved, 10, now).unwrap();
    assert_eq!(Timestamp::stored(extended.protect_end_time.as_ref()), Some(now.plus_days(10)));
    assert_eq!(protection::next_reminder(&extended), Some((7, now.plus_days(3))), "the reminder of 14 days has passed");
    let twice = protection::extended(&extended, 10, now).unwrap();
    assert_eq!(protection::extended(&twice, 10, now).unwrap_err().reason(), "EXTENSION_LIMIT_REACHED");
}

#[test]
fn reminders_come_at_14_7_and_1_days() {
    let mut deal = registration::approved(&registration::submitted(&draft(), at(0)).unwrap(), at(0)).unwrap();
    let end = Timestamp::from_micros(START).plus_days(90);
    for days in [14, 7, 1] {
        assert_eq!(protection::next_reminder(&deal), Some((days, end.plus_days(-i64::from(days)))));
        deal = protection::reminded(&deal, days);
    }
    assert_eq!(protection::next_reminder(&deal), None);
}

#[test]
fn an_undecided_registration_is_expired_from_its_due_instant_on() {
    let submitted = registration::submitted(&draft(), at(0)).unwrap();
    assert!(registration::approved(&submitted, at(24 * 30 - 1)).is_ok());
    assert_eq!(registration::approved(&submitted, at(24 * 30)).unwrap_err().reason(), "STATE_INVALID");
    let (expired, due) = registration::expired(&submitted, at(24 * 40)).unwrap();
    assert_eq!((expired.registration_state(), due), (State::Expired, Timestamp::from_micros(START).plus_days(30)));
}

#[test]
fn an_incomplete_deal_names_everything_it_lacks() {
    let bare = Deal { name: "deals/d".into(), pipeline_stage: 1, etag: etag::of_version(1), ..Default::default() };
    let error = registration::submitted(&bare, at(0)).unwrap_err();
    assert_eq!((error.reason().as_str(), error.fields().len()), ("DEAL_INCOMPLETE", 4));
}

#[test]
fn history_claims_no_protection_and_asks_for_nothing() {
    let imported = Deal { registration_state: 0, imported: true, ..draft() };
    let since = Timestamp::from_micros(START).plus_days(-400);
    let taken = registration::imported(&imported, since, at(0)).unwrap();
    assert_eq!(Timestamp::stored(taken.submit_time.as_ref()), Some(since));
    assert!(taken.protect_end_time.is_none() && taken.decide_due_time.is_none());
    assert!(!conflict::holds(&taken, since) && protection::next_reminder(&taken).is_none());
    assert_eq!(protection::extended(&taken, 10, at(0)).unwrap_err().reason(), "STATE_INVALID");
}

#[test]
fn amounts_and_dates_are_checked() {
    let with = |minor, code: &str, date: &str| Deal {
        amount: Some(stoa_proto::common::v1::Money { minor_units: minor, currency_code: code.into() }),
        close_date: date.into(),
        ..draft()
    };
    assert!(check(&with(0, "USD", "2026-02-28")).is_ok());
    assert_eq!(check(&with(-1, "USD", "")).unwrap_err().fields()[0].field, "deal.amount.minor_units");
    assert_eq!(check(&with(1, "XYZ", "")).unwrap_err().reason(), "CURRENCY_UNKNOWN");
    assert_eq!(check(&with(1, "USD", "2026-02-30")).unwrap_err().reason(), "DATE_INVALID");
}
