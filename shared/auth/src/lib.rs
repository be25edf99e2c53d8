//! Who calls, and what callers may do.
//!
//! A token is checked against the issuer that it names: the issuer's keys, and
//! the tenants, audiences and roles that the issuer may vouch for. Roles map to
//! permissions, methods name a permission in the proto, and [`Access`]
//! compares the two before a request reaches any service. Whatever is not
//! allowed is refused, and a token never reaches a log.

mod access;
mod cache;
mod claims;
mod default_roles;
mod issuer;
mod key;
mod link;
mod local_key;
mod matrix;
mod refusal;
mod roles;
mod rules;
mod service;
mod verify;
pub mod webhook;

#[cfg(test)]
mod testing;

pub use access::{Access, LINK_HEADER, Suspension};
pub use claims::{Act, Claims};
pub use key::{SetupError, check_crypto};
pub use link::{LINK_CHARS_MAX, Link, LinkKey};
pub use local_key::{LocalKey, TokenRequest};
pub use matrix::matrix;
pub use roles::{ADMIN, PLATFORM, Roles, SERVICE};
pub use rules::{Rule, Rules};
pub use service::{ServiceKey, ServiceSigner, ServiceVerifier};
pub use stoa_config::{ClaimNames, Issuer};
pub use verify::{Identity, TOKEN_BYTES_MAX, Verifier};
