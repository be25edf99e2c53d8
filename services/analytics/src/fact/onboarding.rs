//! When partners completed their onboarding plans. Dated.

use prost::Message;
use stoa_events::{Event, decode};
use stoa_kernel::{Result, names::last};
use stoa_proto::onboard::v1 as pb;

use super::kind::FactKind;
use crate::{
    column::{
        Placed,
        derive::{Dated, dated},
        intern::Interner,
    },
    row::{Document, Row, micros},
};

pub(super) const KIND: FactKind = FactKind { number: 5, noun: "onboard.onboarding_plan", fold };

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    partner: String,
    #[prost(int64, optional, tag = "2")]
    complete: Option<i64>,
}

fn fold(event: &Event) -> Result<Option<Document>> {
    let plan = decode::<pb::OnboardingPlanStarted>(event)?.onboarding_plan.unwrap_or_default();
    let state = Stored { partner: last(&plan.partner).to_owned(), complete: micros(plan.complete_time.as_ref()) };
    Document::new(KIND.number, &state).map(Some)
}

/// Derives the instants of completion.
pub(super) fn derive(rows: &[&Row], interner: &mut Interner, out: &mut Placed<i64>) -> Result<()> {
    dated(rows, out, |state: Stored| state.complete.map(|at| Dated { row: interner.partners.intern(&state.partner), at, value: at }))
}
