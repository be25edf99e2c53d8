//! Traits of resources, events, enums and requests. Their implementations are
//! generated from the descriptors when the crate is built, so that none is
//! written by hand.

use prost::{Message, Name};

/// A versioned resource: a message with `name` and `etag`.
pub trait Aggregate: Message + Name + Default + Clone + PartialEq + Send + Sync + 'static {
    /// Pattern of its resource names, for example
    /// `programs/{program}/tiers/{tier}`.
    const PATTERN: &'static str;
    /// Numbers and names of its fields, in the order of the proto file. Excludes
    /// the name, the etag and the times of creation and update, which never count
    /// as changes.
    const FIELDS: &'static [(u32, &'static str)];

    /// Its resource name.
    fn resource_name(&self) -> &str;

    /// The etag of its version. Empty before the first version.
    fn etag(&self) -> &str;

    /// Resource name of the partner that it belongs to. Empty if none.
    fn partner(&self) -> &str;

    /// Marks a new version: sets the etag and the update time, and for the `first`
    /// version the creation time.
    fn set_version(&mut self, etag: String, at: prost_types::Timestamp, first: bool);
}

/// An event that records one version of an aggregate.
pub trait Event: Name {
    /// The aggregate that the event is about.
    type Aggregate: Aggregate;
    /// `service.noun.fact`.
    const SUBJECT: &'static str;

    /// Encodes the event. `document` is the encoded aggregate.
    fn encode_event(aggregate: &Self::Aggregate, document: &[u8]) -> Vec<u8>;
}

/// An enum of the API.
pub trait ProtoEnum: Copy + Eq + Into<i32> + TryFrom<i32> + Send + Sync + 'static {
    /// Prefix of the names of its values.
    const PREFIX: &'static str;

    /// Name of the value, as in the proto file.
    fn value_name(self) -> &'static str;

    /// The value with a name, as in the proto file.
    fn from_value_name(name: &str) -> Option<Self>;
}

/// An enum of error reasons.
pub trait ReasonEnum: ProtoEnum {}

/// A request for one resource.
pub trait GetRequest {
    /// Resource name.
    fn name(&self) -> &str;
}

/// A request for one page of resources. Fields that the request message lacks are
/// empty.
pub trait ListRequest {
    /// The listed resource.
    type Item;
    /// The response with one page.
    type Response;
    /// Name of the method.
    const METHOD: &'static str;

    /// Resources per page. 0 means the default.
    fn page_size(&self) -> i32;
    /// Token of the page. Empty for the first page.
    fn page_token(&self) -> &str;
    /// Name of the parent of the listed resources.
    fn parent(&self) -> &str;
    /// Filter (AIP-160). Empty for all resources.
    fn filter(&self) -> &str;
    /// Sort order (AIP-132). Empty for the default order.
    fn order_by(&self) -> &str;
    /// The response with these resources.
    fn response(items: Vec<Self::Item>, next_page_token: String) -> Self::Response;
}

/// Encodes a message whose field 1 is the message with this encoding.
pub(crate) fn wrapped(document: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(document.len() + 6);
    prost::encoding::encode_key(1, prost::encoding::WireType::LengthDelimited, &mut data);
    prost::encoding::encode_varint(document.len() as u64, &mut data);
    data.extend_from_slice(document);
    data
}
