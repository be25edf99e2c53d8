//! The codec of every generated client and server. While it decodes a request it
//! clears what only the service sets, and validates the rest, so that no handler
//! can be reached by a message that breaks what the proto files say.

use std::marker::PhantomData;

use bytes::{Buf, Bytes};
use prost::{Message, Name};
use tonic::{
    Status,
    codec::{DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::{behavior, validate};

/// Protobuf codec that validates what methods take.
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

/// Decodes a message; a request is held to what its proto file says.
pub struct ValidatingDecoder<U>(PhantomData<fn() -> U>);

impl<U: Message + Name + Default> Decoder for ValidatingDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = src.copy_to_bytes(src.remaining());
        let name = U::full_name();
        let bytes = if behavior::is_request(&name) { sound(&name, bytes)? } else { bytes };
        U::decode(bytes).map(Some).map_err(|e| validate::undecodable(&name, e))
    }
}

/// A request as handlers may see it. It is written anew only if something had
/// to be cleared.
fn sound(name: &str, bytes: Bytes) -> Result<Bytes, Status> {
    let mut message = validate::decode(name, &bytes).map_err(|e| validate::undecodable(name, e))?;
    let cleared = behavior::clear_output_only(&mut message);
    validate::check(&message)?;
    Ok(if cleared { message.encode_to_vec().into() } else { bytes })
}
