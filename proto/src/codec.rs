//! The codec of every generated client and server. When decoding a request, it
//! clears output-only fields and validates the rest, so that no message that
//! violates the proto files can reach a handler.

use std::marker::PhantomData;

use bytes::{Buf, Bytes};
use prost::{Message, Name};
use tonic::{
    Status,
    codec::{DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::{behavior, validate};

/// Protobuf codec that validates requests.
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
        item.encode(dst).map_err(|e| Status::internal(format!("the response cannot be encoded: {e}")))
    }
}

/// Decodes messages, and validates those that are requests.
pub struct ValidatingDecoder<U>(PhantomData<fn() -> U>);

impl<U: Message + Name + Default> Decoder for ValidatingDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = src.copy_to_bytes(src.remaining());
        let name = U::full_name();
        let bytes = if behavior::is_request(&name) { accepted(&name, bytes)? } else { bytes };
        U::decode(bytes).map(Some).map_err(|e| validate::undecodable(&name, e))
    }
}

/// Returns the request as handlers may see it. Encodes it again only if a field
/// had to be cleared.
fn accepted(name: &str, bytes: Bytes) -> Result<Bytes, Status> {
    let mut message = validate::decode(name, &bytes).map_err(|e| validate::undecodable(name, e))?;
    let cleared = behavior::clear_output_only(&mut message);
    validate::check(&message)?;
    Ok(if cleared { message.encode_to_vec().into() } else { bytes })
}
