//! The state of a registration in SQL, compared with the rule.

use stoa_kernel::{Reach, Timestamp, etag};
use stoa_proto::sell::v1::{Deal, RegistrationState as State};

use super::{registration::PENDING, store::Deals};
use crate::testing::Bench;

/// Returns a deal in a recorded state, due at an instant if one is given.
fn deal(state: State, due: Option<Timestamp>) -> Deal {
    let id = format!("{}-{}", i32::from(state), due.map_or(0, Timestamp::micros));
    let mut deal =
        Deal { name: format!("deals/{id}"), etag: etag::of_version(1), decide_due_time: due.map(Timestamp::proto), ..Deal::default() };
    deal.set_registration_state(state);
    deal
}

#[tokio::test]
async fn a_filter_by_state_finds_what_is_shown() {
    let bench = Bench::new().await;
    let now = bench.now();
    let instants = [-1, 0, 1].map(|micros| now.plus_micros(micros));
    let recorded = (0..=9).map(|state| State::try_from(state).unwrap());
    let written = recorded.flat_map(|state| {
        let dues: Vec<_> = if PENDING.contains(&state) { instants.map(Some).to_vec() } else { vec![None] };
        dues.into_iter().map(move |due| deal(state, due))
    });
    let state = ("registration_state", (|deal| deal.registration_state) as fn(&Deal) -> i32);
    let asked = [now.plus_micros(-2), instants[0], now, instants[2], now.plus_days(1)];
    stoa_testkit::states_agree::<Deals, State>(&bench.api.deps.store, &bench.cx(Reach::Tenant), state, written.collect(), &asked).await;
}
