//! CAM assignment: which channel account manager looks after which partner.

mod api;
mod operations;
pub(crate) mod store;

use stoa_kernel::{Timestamp, etag, names};
use stoa_proto::onboard::v1::CamAssignment;

/// The assignment after a person took over; nothing where it is that person's.
fn assigned(current: Option<&CamAssignment>, partner: &str, person: &str, at: Timestamp) -> Option<CamAssignment> {
    if current.is_some_and(|c| c.person == person) {
        return None;
    }
    Some(CamAssignment {
        name: names::name("camAssignments", names::last(partner)),
        partner: partner.to_owned(),
        person: person.to_owned(),
        assign_time: Some(at.proto()),
        etag: etag::next(current.map_or("", |c| &c.etag)),
    })
}

#[cfg(test)]
mod tests;
