//! The API of the suite, defined by the files in `stoa/`.
//!
//! Messages and services are generated at build time. Everything else in the
//! proto files (access rules, limits, event subjects, personal data, output-only
//! fields) is read from the descriptors at run time: see [`describe`],
//! [`behavior`] and [`validate`].

pub mod behavior;
pub mod call;
pub mod codec;
pub mod describe;
pub mod json;
pub mod resource;
pub mod validate;

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

mod generated {
    #![expect(
        missing_docs,
        clippy::all,
        clippy::too_many_lines,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code; its documentation is in the proto files"
    )]
    include!(concat!(env!("OUT_DIR"), "/stoa.rs"));
}
pub use generated::stoa::*;

mod traits {
    #![expect(clippy::all, reason = "generated code")]
    use super::*;
    use crate::resource::{self, Aggregate, Event, GetRequest, ListRequest, ProtoEnum, ReasonEnum};
    include!(concat!(env!("OUT_DIR"), "/traits.rs"));
}
pub use traits::REASONS;

/// Encoded descriptors of all files, including imports, comments and custom
/// options.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/stoa.fds.bin"));

/// Descriptors of the whole API.
pub static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the build embeds the bytes, and every test decodes them")]
    DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the build embeds a valid descriptor set")
});

/// A request that changes something and can be retried with the same request ID
/// (AIP-155). Implemented for every request with a `request_id`.
pub trait Mutation {
    /// Package and name of the method, for example `stoa.sell.v1.CreateDeal`.
    const METHOD: &'static str;

    /// The request ID, or an empty string if the caller gave none.
    fn request_id(&self) -> &str;
}
include!(concat!(env!("OUT_DIR"), "/mutations.rs"));
