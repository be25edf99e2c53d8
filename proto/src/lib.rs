//! The API of the suite, as the files under `stoa/` describe it.
//!
//! Messages and services are generated at build time. Everything that the proto
//! files say beyond shapes (who may call, limits, event subjects, personal
//! fields, fields that only the service sets) is read from the descriptors at run
//! time: see [`describe`], [`behavior`] and [`validate`].

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

/// Encoded descriptors of all files, with imports, comments and custom options.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/stoa.fds.bin"));

/// Descriptors of the whole API.
pub static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the bytes are ours, checked by every test")]
    DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the build embeds a valid descriptor set")
});

/// A request that changes something and can be retried by its request id
/// (AIP-155). Implemented for every request that has the field.
pub trait Mutation {
    /// Package and name of the method, for example `stoa.sell.v1.CreateDeal`.
    const METHOD: &'static str;

    /// Id that the caller gave the request; empty where it gave none.
    fn request_id(&self) -> &str;
}
include!(concat!(env!("OUT_DIR"), "/mutations.rs"));
