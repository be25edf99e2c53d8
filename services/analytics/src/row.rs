//! What is stored of an aggregate's version.

use prost::Message;
use stoa_events::Event;
use stoa_kernel::{Error, Result, Timestamp};

/// One version of an aggregate, reduced to what the metrics need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) aggregate: String,
    pub(crate) version: i64,
    pub(crate) occurred: i64,
    pub(crate) recorded: i64,
    pub(crate) source: i32,
    pub(crate) position: i64,
    pub(crate) document: Document,
}

/// State of an aggregate after a version, as it is stored: one field, whose number
/// is the kind of fact and whose value is the kind's own message. To protobuf, that
/// is a message with one `oneof`.
///
/// The kinds' messages are the storage format, so fields are only ever added.
/// Instants are in microseconds. Partners are IDs without their collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document(Vec<u8>);

/// Wire type of a field that holds a message.
const LENGTH_DELIMITED: usize = 2;
const WIRE_TYPE_BITS: usize = 3;

impl Document {
    /// Encodes a state.
    pub(crate) fn new(kind: u8, state: &impl Message) -> Result<Self> {
        let mut bytes = Vec::with_capacity(state.encoded_len() + 8);
        // The key of a field and the length of a message are both varints.
        let key = usize::from(kind) << WIRE_TYPE_BITS | LENGTH_DELIMITED;
        prost::encode_length_delimiter(key, &mut bytes).map_err(Error::internal)?;
        state.encode_length_delimited(&mut bytes).map_err(Error::internal)?;
        Ok(Self(bytes))
    }

    /// Wraps a stored document.
    pub(crate) const fn stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn key(&self) -> Result<(u8, &[u8]), String> {
        let mut rest = self.0.as_slice();
        let key = prost::decode_length_delimiter(&mut rest).map_err(|e| e.to_string())?;
        if key & ((1 << WIRE_TYPE_BITS) - 1) != LENGTH_DELIMITED {
            return Err(format!("key {key} is not the key of a message"));
        }
        let kind = u8::try_from(key >> WIRE_TYPE_BITS).map_err(|e| e.to_string())?;
        Ok((kind, rest))
    }
}

impl Row {
    /// Returns the number of the kind of fact.
    pub(crate) fn kind(&self) -> Result<u8> {
        self.document.key().map(|(kind, _)| kind).map_err(|e| self.inconsistent(&e))
    }

    /// Decodes the kind's own message.
    pub(crate) fn state<S: Message + Default>(&self) -> Result<S> {
        let (_, rest) = self.document.key().map_err(|e| self.inconsistent(&e))?;
        S::decode_length_delimited(rest).map_err(|e| self.inconsistent(&e.to_string()))
    }

    /// Returns the error for a row that this code would not write.
    pub(crate) fn inconsistent(&self, what: &str) -> Error {
        Error::internal(format!("inconsistent: document of fact {} version {}: {what}", self.aggregate, self.version))
    }
}

/// Converts an instant to microseconds.
pub(crate) fn micros(time: Option<&prost_types::Timestamp>) -> Option<i64> {
    Timestamp::stored(time).map(Timestamp::micros)
}

/// Instant at which an event happened, in microseconds.
pub(crate) fn occurred(event: &Event) -> i64 {
    micros(event.occurred_time.as_ref()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(bytes: &[u8]) -> Row {
        let document = Document::stored(bytes.to_vec());
        Row { aggregate: "deals/1".into(), version: 1, occurred: 0, recorded: 0, source: 3, position: 1, document }
    }

    #[test]
    fn a_document_returns_its_kind_and_state() {
        for kind in [1, 15, 16, 255] {
            let document = Document::new(kind, &"state".to_owned()).unwrap();
            let row = row(document.bytes());
            assert_eq!((row.kind().unwrap(), row.state::<String>().unwrap()), (kind, "state".to_owned()));
        }
    }

    #[test]
    fn a_broken_document_is_an_error() {
        for broken in [&[][..], &[0x08, 0x01], &[0x80], &[0x12, 0x05, 0x0a]] {
            let error = row(broken).state::<String>().unwrap_err();
            assert!(format!("{error:?}").contains("fact deals/1 version 1"), "{error:?}");
        }
    }
}
