//! Reasons of failures, for programs to read.

use std::fmt;

use stoa_proto::{REASONS, resource::ReasonEnum};

/// A reason: a value of an `ErrorReason` enum of the API, without its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason(&'static str);

impl Reason {
    /// The reason with this name, if the API has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        REASONS.binary_search(&name).ok().and_then(|at| REASONS.get(at)).copied().map(Self)
    }

    /// The name, as in `ErrorInfo.reason`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl<E: ReasonEnum> From<E> for Reason {
    fn from(value: E) -> Self {
        let name = value.value_name();
        Self(name.strip_prefix(E::PREFIX).unwrap_or(name))
    }
}

/// Compares with a name, as tests and programs write it.
impl PartialEq<&str> for Reason {
    fn eq(&self, name: &&str) -> bool {
        self.0 == *name
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_proto::{common::v1::ErrorReason as Common, onboard::v1::ErrorReason as Onboard};

    #[test]
    fn a_reason_is_found_by_its_name() {
        for reason in [Reason::from(Common::NotFound), Reason::from(Onboard::TierRankTaken)] {
            assert_eq!(Reason::named(reason.as_str()), Some(reason));
        }
        assert_eq!(Reason::named("SOMETHING_ELSE"), None);
    }
}
