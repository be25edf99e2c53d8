//! What code knows about messages beyond their fields. Implemented from the
//! descriptors when the crate is built, so that nothing here is written by hand
//! for a noun.

use prost::{Message, Name};

/// A resource whose states are versions: a message with `name` and `etag`.
pub trait Aggregate: Message + Name + Default + Clone + PartialEq + Send + Sync + 'static {
    /// Pattern of its names, for example `programs/{program}/tiers/{tier}`.
    const PATTERN: &'static str;
    /// Its fields by number, in the order of the proto file. The name, the etag
    /// and the times of creation and update are left out: they are no changes.
    const FIELDS: &'static [(u32, &'static str)];

    /// Its resource name.
    fn resource_name(&self) -> &str;

    /// The etag of its version; empty before the first.
    fn etag(&self) -> &str;

    /// Name of the partner whose resource it is; empty for none.
    fn owner(&self) -> &str;

    /// Makes it the version of an etag, as of an instant: sets the etag and the
    /// time of the update, and with the `first` version the time of creation.
    fn touch(&mut self, etag: String, at: prost_types::Timestamp, first: bool);
}

/// A fact that a version of an aggregate is.
pub trait Event: Name {
    /// What the fact is about.
    type Aggregate: Aggregate;
    /// `service.noun.fact`.
    const SUBJECT: &'static str;

    /// The encoded event, from the aggregate and its encoding.
    fn data(aggregate: &Self::Aggregate, document: &[u8]) -> Vec<u8>;
}

/// An enum of the API.
pub trait ProtoEnum: Copy + Eq + Into<i32> + TryFrom<i32> + Send + Sync + 'static {
    /// What the names of its values begin with.
    const PREFIX: &'static str;

    /// Name of the value, as in the proto file.
    fn value_name(self) -> &'static str;

    /// The value of a name.
    fn from_value_name(name: &str) -> Option<Self>;
}

/// An enum whose values are reasons of failures.
pub trait ReasonEnum: ProtoEnum {}

/// Asks for one resource by its name.
pub trait GetRequest {
    /// Name of the resource.
    fn name(&self) -> &str;
}

/// Asks for one page of resources. A field that the request does not have is
/// empty.
pub trait ListRequest {
    /// What is listed.
    type Item;
    /// The page.
    type Response;
    /// Name of the method.
    const METHOD: &'static str;

    /// Resources per page; 0 for the default.
    fn page_size(&self) -> i32;
    /// Where the page begins; empty for the first.
    fn page_token(&self) -> &str;
    /// Name of the resource below which the listed ones stand.
    fn parent(&self) -> &str;
    /// Which resources are listed (AIP-160); empty for all.
    fn filter(&self) -> &str;
    /// The order (AIP-132); empty for the order of ids.
    fn order_by(&self) -> &str;
    /// The page with these resources.
    fn response(items: Vec<Self::Item>, next_page_token: String) -> Self::Response;
}

/// The message whose field 1 is a message with this encoding.
pub(crate) fn wrapped(document: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(document.len() + 6);
    prost::encoding::encode_key(1, prost::encoding::WireType::LengthDelimited, &mut data);
    prost::encoding::encode_varint(document.len() as u64, &mut data);
    data.extend_from_slice(document);
    data
}
