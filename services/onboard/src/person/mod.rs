//! Person: the one place where personal data is kept. Nothing of it enters an
//! event; erasure deletes the row.

mod api;
mod operations;
pub(crate) mod store;

use stoa_kernel::{Cx, etag, names};
use stoa_proto::onboard::v1::{Person, PersonReference};

/// A new person who works for a partner, or for the vendor where it is empty.
fn new(id: &str, input: &Person, partner: String, cx: &Cx) -> Person {
    Person { name: names::name("persons", id), partner, etag: etag::of(1), create_time: Some(cx.now.proto()), ..input.clone() }
}

/// What facts tell of a person.
fn reference(person: &Person) -> PersonReference {
    PersonReference { name: person.name.clone(), partner: person.partner.clone() }
}

#[cfg(test)]
mod tests;
