//! Prospect: an organization in recruitment.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | (none) | IDENTIFIED | CreateProspect |
//! | IDENTIFIED, CONTACTED, ENGAGED, QUALIFIED, INVITED, NURTURE | a later one, up to APPLIED | AdvanceProspect |
//! | IDENTIFIED … APPLIED, NURTURE | DISQUALIFIED, NURTURE, LOST | CloseProspect |
//! | IDENTIFIED … APPLIED | CONVERTED | CreateEnrollment |

mod api;
pub(crate) mod store;

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, ids, names};
use stoa_proto::onboard::v1::{
    AdvanceProspectRequest, CloseProspectRequest, CreateProspectRequest, Prospect, ProspectAdvanced, ProspectClosed, ProspectConverted,
    ProspectCreated, ProspectState as State,
};
use stoa_store::Tx;

/// In recruitment: can be advanced, closed and converted.
fn is_open(state: State) -> bool {
    matches!(state, State::Identified | State::Contacted | State::Engaged | State::Qualified | State::Invited | State::Applied)
}

/// Moves a prospect forward. Steps may be left out; QUALIFIED is stamped when
/// it is reached or passed, first time.
fn advanced(current: &Prospect, target: State, cx: &Cx) -> Result<Prospect> {
    let state = current.state();
    let forward = (is_open(state) && (target as i32) > (state as i32)) || state == State::Nurture;
    if !forward {
        return Err(Error::state(&current.name, state.as_str_name(), "an earlier state of recruitment, or NURTURE"));
    }
    let mut next = current.clone();
    next.set_state(target);
    next.close_reason.clear();
    if (target as i32) >= (State::Qualified as i32) && next.qualify_time.is_none() {
        next.qualify_time = Some(cx.now.proto());
    }
    Ok(revised(next, cx))
}

fn closed(current: &Prospect, target: State, reason: &str, competitor: &str, cx: &Cx) -> Result<Prospect> {
    let state = current.state();
    let closes = is_open(state) || (state == State::Nurture && target != State::Nurture);
    if !closes {
        return Err(Error::state(&current.name, state.as_str_name(), "a prospect that is in recruitment"));
    }
    let mut next = current.clone();
    next.set_state(target);
    next.close_reason = reason.to_owned();
    next.competitor = competitor.to_owned();
    Ok(revised(next, cx))
}

fn converted(current: &Prospect, partner: &str, cx: &Cx) -> Result<Prospect> {
    let state = current.state();
    if !is_open(state) {
        return Err(Error::state(&current.name, state.as_str_name(), "a prospect that is in recruitment"));
    }
    let mut next = current.clone();
    next.set_state(State::Converted);
    next.partner = partner.to_owned();
    if next.qualify_time.is_none() {
        next.qualify_time = Some(cx.now.proto());
    }
    Ok(revised(next, cx))
}

fn revised(mut prospect: Prospect, cx: &Cx) -> Prospect {
    prospect.etag = etag::next(&prospect.etag);
    prospect.update_time = Some(cx.now.proto());
    prospect
}

/// Domain and country, lower-case; empty where there is no domain.
fn duplicate_key(prospect: &Prospect) -> String {
    if prospect.domain.is_empty() {
        return String::new();
    }
    format!("{}|{}", prospect.domain.trim().to_lowercase().trim_start_matches("www."), prospect.country_code)
}

async fn create(tx: &Tx, cx: &Cx, request: &CreateProspectRequest) -> Result<Prospect> {
    let id = ids::chosen_or_new("prospect_id", &request.prospect_id)?;
    let input = request.prospect.clone().unwrap_or_default();
    names::optional_id("prospect.owner", "persons", &input.owner)?;
    let mut prospect = Prospect {
        name: names::name("prospects", &id),
        close_reason: String::new(),
        competitor: String::new(),
        partner: String::new(),
        qualify_time: None,
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input
    };
    prospect.set_state(State::Identified);
    store::insert(tx, cx, &prospect).await?;
    stoa_events::append(tx, cx, Fact::new(&prospect.name, 1), &ProspectCreated { prospect: Some(prospect.clone()) }).await?;
    Ok(prospect)
}

async fn load(tx: &Tx, cx: &Cx, name: &str, sent: &str) -> Result<Prospect> {
    let id = names::id("name", "prospects", name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(name))?;
    etag::check(name, sent, etag::version(&current.etag))?;
    Ok(current)
}

async fn advance(tx: &Tx, cx: &Cx, request: &AdvanceProspectRequest) -> Result<Prospect> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let prospect = advanced(&current, request.target_state(), cx)?;
    store::save(tx, cx, &prospect).await?;
    let fact = Fact::new(&prospect.name, etag::version(&prospect.etag)).changed(vec!["state".to_owned()]);
    stoa_events::append(tx, cx, fact, &ProspectAdvanced { prospect: Some(prospect.clone()) }).await?;
    Ok(prospect)
}

async fn close(tx: &Tx, cx: &Cx, request: &CloseProspectRequest) -> Result<Prospect> {
    let current = load(tx, cx, &request.name, &request.etag).await?;
    let prospect = closed(&current, request.target_state(), &request.reason, &request.competitor, cx)?;
    store::save(tx, cx, &prospect).await?;
    let fact = Fact::new(&prospect.name, etag::version(&prospect.etag)).changed(vec!["state".to_owned()]);
    stoa_events::append(tx, cx, fact, &ProspectClosed { prospect: Some(prospect.clone()) }).await?;
    Ok(prospect)
}

/// The prospect became a partner; part of the enrollment's transaction.
pub(crate) async fn convert(tx: &Tx, cx: &Cx, current: &Prospect, partner: &str) -> Result<()> {
    let prospect = converted(current, partner, cx)?;
    store::save(tx, cx, &prospect).await?;
    let fact = Fact::new(&prospect.name, etag::version(&prospect.etag)).partner(partner).changed(vec!["state".to_owned()]);
    stoa_events::append(tx, cx, fact, &ProspectConverted { prospect: Some(prospect.clone()) }).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stoa_kernel::Clock;

    use super::*;

    #[derive(Debug, Clone)]
    enum Command {
        Advance(i32),
        Close(i32),
        Convert,
    }

    fn commands() -> impl Strategy<Value = Vec<Command>> {
        let one = prop_oneof![(2..=6).prop_map(Command::Advance), (8..=10).prop_map(Command::Close), Just(Command::Convert)];
        prop::collection::vec(one, 0..12)
    }

    fn apply(prospect: &Prospect, command: &Command, cx: &Cx) -> Result<Prospect> {
        match command {
            Command::Advance(to) => advanced(prospect, State::try_from(*to).unwrap(), cx),
            Command::Close(to) => closed(prospect, State::try_from(*to).unwrap(), "why", "", cx),
            Command::Convert => converted(prospect, "partners/p", cx),
        }
    }

    proptest! {
        #[test]
        fn any_sequence_keeps_the_invariants(commands in commands()) {
            let cx = Cx::service("t", "onboard", &Clock::system(), "");
            let mut prospect = Prospect { name: "prospects/p".into(), etag: etag::of(1), ..Default::default() };
            prospect.set_state(State::Identified);
            for command in commands {
                let before = prospect.clone();
                match apply(&prospect, &command, &cx) {
                    Ok(next) => {
                        prop_assert_eq!(etag::version(&next.etag), etag::version(&before.etag) + 1);
                        prop_assert!(!matches!(before.state(), State::Converted | State::Disqualified | State::Lost), "terminal states stay");
                        if is_open(before.state()) && is_open(next.state()) {
                            prop_assert!(next.state > before.state, "recruitment only moves forward");
                        }
                        let qualified = is_open(next.state()) && next.state >= State::Qualified as i32;
                        prop_assert!(!qualified || next.qualify_time.is_some());
                        prop_assert!(before.qualify_time.is_none() || next.qualify_time == before.qualify_time);
                        prop_assert_eq!(next.state() == State::Converted, !next.partner.is_empty());
                        prospect = next;
                    }
                    Err(error) => prop_assert_eq!(error.reason(), "STATE_INVALID"),
                }
            }
        }
    }

    #[test]
    fn the_duplicate_key_ignores_case_and_www() {
        let of = |domain: &str| duplicate_key(&Prospect { domain: domain.into(), country_code: "DE".into(), ..Default::default() });
        assert_eq!(of("WWW.Example.com"), of("example.com"));
        assert_eq!(of(""), "");
    }
}
