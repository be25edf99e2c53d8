//! The codec of every generated client and server. It validates requests while
//! it decodes them, so that no handler can be reached by a message that breaks
//! the limits in the proto files.

use std::marker::PhantomData;

use bytes::Buf;
use prost::{Message, Name};
use tonic::{
    Status,
    codec::{DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::validate;

/// Protobuf codec that validates messages whose name ends with `Request`.
pub struct Codec<T, U>(PhantomData<fn() -> (T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProtoEncoder<T>;
    type Decoder = ValidatingDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProtoEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        ValidatingDecoder(PhantomData)
    }
}

/// Encodes a message.
pub struct ProtoEncoder<T>(PhantomData<fn() -> T>);

impl<T: Message> Encoder for ProtoEncoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, dst: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(dst).map_err(|e| Status::internal(format!("response cannot be encoded: {e}")))
    }
}

/// Decodes a message and checks it against the limits in its proto file.
pub struct ValidatingDecoder<U>(PhantomData<fn() -> U>);

impl<U: Message + Name + Default> Decoder for ValidatingDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = src.copy_to_bytes(src.remaining());
        if U::NAME.ends_with("Request") {
            validate::check_bytes(&U::full_name(), &bytes)?;
        }
        U::decode(bytes).map(Some).map_err(|e| validate::undecodable(&U::full_name(), e))
    }
}
