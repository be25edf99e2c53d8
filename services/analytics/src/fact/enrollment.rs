//! Enrollments of partners in programs. Overlaid: the first version holds from the
//! instant at which the enrollment took effect.

use prost::Message;
use stoa_events::{Event, decode};
use stoa_kernel::{Result, names::last};
use stoa_proto::onboard::v1 as pb;

use super::kind::FactKind;
use crate::{
    column::{
        Placed,
        derive::{Overlaid, overlaid},
        intern::Interner,
        span::OPEN,
    },
    row::{Document, Row, micros, occurred},
};

pub(super) const KIND: FactKind = FactKind { number: 4, noun: "onboard.enrollment", fold };

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    partner: String,
    #[prost(string, tag = "2")]
    program: String,
    #[prost(string, tag = "3")]
    tier: String,
    #[prost(int32, tag = "4")]
    status: i32,
    #[prost(int64, tag = "5")]
    effective: i64,
    #[prost(int64, optional, tag = "6")]
    end: Option<i64>,
    #[prost(string, repeated, tag = "7")]
    product_lines: Vec<String>,
}

/// One enrollment of a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Enrollment {
    pub(crate) effective: i64,
    /// [`OPEN`] if the enrollment has no end.
    pub(crate) end: i64,
    pub(crate) enrollment: u32,
    pub(crate) program: u32,
    pub(crate) tier: u32,
    /// Tier with which the enrollment started.
    pub(crate) first_tier: u32,
    pub(crate) status: i32,
    /// List of product lines. Empty means all.
    pub(crate) lines: u32,
}

fn fold(event: &Event) -> Result<Option<Document>> {
    let enrollment = decode::<pb::EnrollmentCreated>(event)?.enrollment.unwrap_or_default();
    let state = Stored {
        partner: last(&enrollment.partner).to_owned(),
        effective: micros(enrollment.effective_time.as_ref()).unwrap_or_else(|| occurred(event)),
        end: micros(enrollment.end_time.as_ref()),
        program: enrollment.program,
        tier: enrollment.tier,
        status: enrollment.status,
        product_lines: enrollment.product_lines,
    };
    Document::new(KIND.number, &state).map(Some)
}

pub(super) fn derive(rows: &[&Row], interner: &mut Interner, out: &mut Placed<Enrollment>) -> Result<()> {
    let mut first_tier = None;
    overlaid(rows, out, |row, state: Stored| {
        let tier = interner.texts.intern(&state.tier);
        let lines: Vec<i64> = state.product_lines.iter().map(|line| i64::from(interner.texts.intern(line))).collect();
        let value = Enrollment {
            effective: state.effective,
            end: state.end.unwrap_or(OPEN),
            enrollment: interner.texts.intern(&row.aggregate),
            program: interner.texts.intern(&state.program),
            tier,
            first_tier: *first_tier.get_or_insert(tier),
            status: state.status,
            lines: interner.lists.intern(&lines),
        };
        Overlaid { row: interner.partners.intern(&state.partner), value, first_from: state.effective }
    })
}
