//! The requests of methods that take webhooks.

use bytes::Bytes;
use prost::Message;
use stoa_kernel::{Error, Result};

use crate::size::PREFIX_BYTES;

/// The request of every method that takes webhooks.
#[derive(Clone, PartialEq, Message)]
struct SignedRequest {
    #[prost(string, tag = "1")]
    link: String,
    #[prost(bytes = "vec", tag = "2")]
    payload: Vec<u8>,
}

/// The payload of a webhook, unread. `frame` is the whole request.
///
/// # Errors
/// INVALID_ARGUMENT if it is not one message, uncompressed.
pub(super) fn payload(frame: &Bytes) -> Result<Vec<u8>> {
    let request = only_message(frame).and_then(|message| SignedRequest::decode(message).ok());
    let request = request.ok_or_else(|| Error::invalid("payload", "cannot be read. Send one message, uncompressed."))?;
    Ok(request.payload)
}

/// The message of a request that consists of one, uncompressed.
fn only_message(frame: &Bytes) -> Option<&[u8]> {
    let (prefix, message) = frame.split_at_checked(PREFIX_BYTES)?;
    let (flag, length) = prefix.split_first()?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    (*flag == 0 && usize::try_from(length).is_ok_and(|length| length == message.len())).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_whole_message_has_a_payload() {
        let message = SignedRequest { link: "l".to_owned(), payload: b"{}".to_vec() }.encode_to_vec();
        let framed = |flag: u8, message: &[u8]| [&[flag][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat();
        let sound = framed(0, &message);
        assert_eq!(payload(&Bytes::from(sound.clone())).unwrap(), b"{}");
        for odd in [Vec::new(), framed(1, &message), sound[..sound.len() - 1].to_vec(), [sound.clone(), sound].concat(), framed(0, b"\xff")]
        {
            assert_eq!(payload(&Bytes::from(odd)).unwrap_err().fields()[0].field, "payload");
        }
    }
}
