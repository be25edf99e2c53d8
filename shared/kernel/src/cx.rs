//! The context of every operation: who calls, for which tenant, how far the
//! caller reaches, and the business instant.

use std::collections::BTreeSet;

use crate::{Clock, Error, Kind, Timestamp, ids};
use stoa_proto::common::v1::ErrorReason;

/// How far a caller reaches inside its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All objects of the tenant.
    Tenant,
    /// Objects of the partner with this ID, and of the partners below it that
    /// its programs let it see.
    Partner(String),
    /// The object with this name: the caller has no token but a signed link for
    /// it. No list and no method that takes a token shows it anything.
    Object(String),
}

/// The caller of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// `persons/{person}` or `services/{service}`.
    pub subject: String,
    /// The user on whose behalf a service calls. Empty otherwise.
    pub on_behalf_of: String,
    /// Issuer of the token of the person behind the call. Empty for a service of
    /// the suite that acts on its own.
    pub issuer: String,
    /// Roles from the token.
    pub roles: BTreeSet<String>,
    /// How far the caller reaches.
    pub reach: Reach,
    /// Connector registration that the token is bound to. Empty if there is
    /// none.
    pub connector: String,
    /// The service of the suite that the token opens, if another service made
    /// it. Empty for a token that opens all.
    pub target: String,
    /// Whether the caller may write only for the partners that it is assigned
    /// to: a CAM whose other roles do not grant the permission.
    pub assigned_only: bool,
}

impl Caller {
    /// Creates the caller for a service of the suite that acts on its own.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self {
            subject: format!("services/{name}"),
            on_behalf_of: String::new(),
            issuer: String::new(),
            roles: BTreeSet::new(),
            reach: Reach::Tenant,
            connector: String::new(),
            target: String::new(),
            assigned_only: false,
        }
    }

    /// The person behind the call, `persons/{person}`, or a service that acts
    /// on its own.
    #[must_use]
    pub fn person(&self) -> &str {
        if self.on_behalf_of.is_empty() { &self.subject } else { &self.on_behalf_of }
    }

    /// Whether this is a service of the suite that acts on its own, and neither for
    /// a person nor with a link or the token of another issuer.
    #[must_use]
    pub fn is_suite_alone(&self) -> bool {
        self.subject.starts_with("services/") && self.issuer.is_empty() && self.on_behalf_of.is_empty()
    }

    /// Refuses a token that another service made for a call to a service other
    /// than this: whoever gets hold of it must not open more with it.
    ///
    /// # Errors
    /// UNAUTHENTICATED `TOKEN_INVALID`.
    pub fn require_target(&self, service: &str) -> Result<(), Error> {
        if self.target.is_empty() || self.target == service {
            return Ok(());
        }
        let message = "the service token was made for another service";
        Err(Error::new(Kind::Unauthenticated, ErrorReason::TokenInvalid, message))
    }
}

/// The context of one operation.
#[derive(Debug, Clone)]
pub struct Cx {
    /// Tenant from the token; every query is bound to it.
    pub tenant: String,
    /// The caller.
    pub caller: Caller,
    /// Business time of the operation; does not move while it runs.
    pub now: Timestamp,
    /// ID of the request, for logs and support.
    pub request_id: String,
    /// Event that caused the operation; empty for a caller's request.
    pub causation: String,
    /// Instant by which an answer is due, in wall time.
    pub deadline: Option<std::time::Instant>,
}

impl Cx {
    /// Creates the context of a service that acts on its own, because of a due
    /// instant or an event.
    #[must_use]
    pub fn service(tenant: &str, service: &str, clock: &Clock, causation: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            caller: Caller::service(service),
            now: clock.now(),
            request_id: String::new(),
            causation: causation.to_owned(),
            deadline: None,
        }
    }

    /// Context for what the operation does because it is due, rather than
    /// because the caller asked for it.
    #[must_use]
    pub fn as_service(&self, service: &str) -> Self {
        Self { caller: Caller::service(service), ..self.clone() }
    }

    /// Refuses callers that are bound to a partner.
    ///
    /// # Errors
    /// PERMISSION_DENIED `SCOPE_EXCEEDED`.
    pub fn require_tenant_reach(&self) -> Result<(), Error> {
        match self.caller.reach {
            Reach::Tenant => Ok(()),
            Reach::Partner(_) | Reach::Object(_) => Err(Error::new(
                Kind::PermissionDenied,
                ErrorReason::ScopeExceeded,
                "only the vendor can do this. Use a token that is not bound to a partner.",
            )),
        }
    }

    /// Refuses callers that are bound to a partner other than `partner_id`, the
    /// owner of an object. A distributor, for example, sees the objects of its
    /// dealers but cannot change them.
    ///
    /// # Errors
    /// PERMISSION_DENIED `SCOPE_EXCEEDED`.
    pub fn require_own(&self, name: &str, partner_id: &str) -> Result<(), Error> {
        match &self.caller.reach {
            Reach::Partner(own) if own != partner_id => Err(Error::new(
                Kind::PermissionDenied,
                ErrorReason::ScopeExceeded,
                format!("{name} belongs to partners/{partner_id}. Only that partner or the vendor can change it."),
            )),
            Reach::Object(_) => Err(beyond_link()),
            Reach::Partner(_) | Reach::Tenant => Ok(()),
        }
    }

    /// Name of the object that the caller's signed link is for.
    ///
    /// # Errors
    /// PERMISSION_DENIED `SCOPE_EXCEEDED` if the caller has a token and no link.
    pub fn linked_object(&self) -> Result<&str, Error> {
        match &self.caller.reach {
            Reach::Object(name) => Ok(name),
            Reach::Tenant | Reach::Partner(_) => {
                Err(Error::new(Kind::PermissionDenied, ErrorReason::ScopeExceeded, "only a signed link opens this. Use the link."))
            }
        }
    }

    /// Instant of a fact that a request reports. Now if it reports none.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, with `TIME_IN_FUTURE` if the instant is in the future.
    pub fn occurred(&self, field: &str, given: Option<&prost_types::Timestamp>) -> Result<Timestamp, Error> {
        let Some(given) = given else { return Ok(self.now) };
        let at = Timestamp::from_proto(field, given)?;
        if at <= self.now {
            return Ok(at);
        }
        Err(Error::invalid(field, format!("must not be in the future. It is now {}.", self.now)).with_reason(ErrorReason::TimeInFuture))
    }

    /// ID of a new object: the one that the caller chose, or a new one. Only
    /// the vendor's callers may choose. A partner's would learn from the answer
    /// which IDs other partners' objects have.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming `field` if a partner's caller chose an ID, or
    /// unless it has at most 63 characters, all lowercase letters, digits and
    /// hyphens, and does not start with a hyphen (AIP-133).
    pub fn chosen_id(&self, field: &str, chosen: &str) -> Result<String, Error> {
        match &self.caller.reach {
            Reach::Partner(_) | Reach::Object(_) if !chosen.is_empty() => {
                Err(Error::invalid(field, "can be chosen only by the vendor. Leave it empty, and send a request_id to retry safely."))
            }
            _ => ids::chosen_or_new(field, chosen),
        }
    }

    /// ID of the partner that a write is for: the caller's own if the caller is
    /// bound to a partner, otherwise the one that the request names.
    ///
    /// # Errors
    /// PERMISSION_DENIED `SCOPE_EXCEEDED` if a partner names another partner,
    /// INVALID_ARGUMENT if the request has to name a partner and does not.
    pub fn partner_for_write(&self, field: &str, named: &str) -> Result<String, Error> {
        match &self.caller.reach {
            Reach::Tenant if named.is_empty() => Err(Error::invalid(field, "must not be empty")),
            Reach::Tenant => Ok(named.to_owned()),
            Reach::Object(_) => Err(beyond_link()),
            Reach::Partner(own) if named.is_empty() || named == own => Ok(own.clone()),
            Reach::Partner(_) => Err(Error::new(
                Kind::PermissionDenied,
                ErrorReason::ScopeExceeded,
                format!("{field} names another partner. Leave it empty or name your own."),
            )),
        }
    }
}

fn beyond_link() -> Error {
    Error::new(Kind::PermissionDenied, ErrorReason::ScopeExceeded, "the link does not allow this. Use a token.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_acts_on_its_own_only_for_nobody_else() {
        let own = Caller::service("sell");
        assert!(own.is_suite_alone());
        let others = [
            Caller { on_behalf_of: "persons/ann".to_owned(), ..own.clone() },
            Caller { on_behalf_of: "services/erp".to_owned(), ..own.clone() },
            Caller { subject: "services/erp".to_owned(), issuer: "https://id.example.com".to_owned(), ..own.clone() },
            Caller { subject: "persons/ann".to_owned(), ..own },
        ];
        assert!(others.iter().all(|caller| !caller.is_suite_alone()));
    }

    #[test]
    fn only_the_vendor_chooses_ids() {
        let mut cx = Cx::service("acme", "sell", &Clock::system(), "");
        assert_eq!(cx.chosen_id("deal_id", "d1").unwrap(), "d1");
        cx.caller.reach = Reach::Partner("p".to_owned());
        assert_eq!(cx.chosen_id("deal_id", "d1").unwrap_err().fields()[0].field, "deal_id");
        assert!(!cx.chosen_id("deal_id", "").unwrap().is_empty());
    }
}
