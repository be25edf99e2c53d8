//! The context that every operation is handed: who calls, for which tenant, how
//! far the caller reaches, and the business instant.

use std::collections::BTreeSet;

use crate::{Clock, Error, Kind, Timestamp};
use stoa_proto::common::v1::ErrorReason;

/// How far a caller reaches inside its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All objects of the tenant.
    Tenant,
    /// Objects of one partner, by its id, and of those below it that its
    /// programs let it see.
    Partner(String),
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// `persons/{person}` or `services/{service}`.
    pub subject: String,
    /// The user behind a service that acts for one; empty otherwise.
    pub on_behalf_of: String,
    /// Roles from the token.
    pub roles: BTreeSet<String>,
    /// How far the caller reaches.
    pub reach: Reach,
    /// Connector registration that the token is bound to; empty for others.
    pub connector: String,
    /// Whether it may write for the partners only that it is assigned to: a CAM
    /// whose other roles do not grant what it does.
    pub assigned_only: bool,
}

impl Caller {
    /// A service of the suite that acts by itself.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self {
            subject: format!("services/{name}"),
            on_behalf_of: String::new(),
            roles: BTreeSet::new(),
            reach: Reach::Tenant,
            connector: String::new(),
            assigned_only: false,
        }
    }

    /// The person behind the call: `persons/{person}`, or a service that acts by
    /// itself.
    #[must_use]
    pub fn person(&self) -> &str {
        if self.on_behalf_of.is_empty() { &self.subject } else { &self.on_behalf_of }
    }
}

/// Context of one operation.
#[derive(Debug, Clone)]
pub struct Cx {
    /// Tenant from the token; every query is bound to it.
    pub tenant: String,
    /// Who calls.
    pub caller: Caller,
    /// Business time of the operation; does not move while it runs.
    pub now: Timestamp,
    /// Id of the request, for logs and support.
    pub request_id: String,
    /// Event that caused the operation; empty for a caller's request.
    pub causation: String,
    /// Wall instant by which an answer is due.
    pub deadline: Option<std::time::Instant>,
}

impl Cx {
    /// The context of a service that acts by itself: a due instant or an event.
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

    /// The same operation, in what it does because it is due rather than
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
            Reach::Partner(_) => Err(Error::new(
                Kind::PermissionDenied,
                ErrorReason::ScopeExceeded,
                "this is for the vendor's people; a partner's token cannot do it",
            )),
        }
    }

    /// Refuses callers that are bound to another partner than the one (by id)
    /// that an object belongs to: who sees it, as a distributor its dealer's,
    /// does not write it.
    ///
    /// # Errors
    /// PERMISSION_DENIED `SCOPE_EXCEEDED`.
    pub fn require_own(&self, name: &str, partner_id: &str) -> Result<(), Error> {
        match &self.caller.reach {
            Reach::Partner(own) if own != partner_id => Err(Error::new(
                Kind::PermissionDenied,
                ErrorReason::ScopeExceeded,
                format!("{name} belongs to partners/{partner_id}; only that partner or the vendor can change it"),
            )),
            _ => Ok(()),
        }
    }

    /// The instant of a fact that a request reports; now where it gives none.
    ///
    /// # Errors
    /// INVALID_ARGUMENT `TIME_IN_FUTURE`, or where it is no instant.
    pub fn occurred(&self, field: &str, given: Option<&prost_types::Timestamp>) -> Result<Timestamp, Error> {
        let Some(given) = given else { return Ok(self.now) };
        let at = Timestamp::from_proto(field, given)?;
        if at <= self.now {
            return Ok(at);
        }
        Err(Error::invalid(field, format!("must not lie in the future; it is {} now", self.now)).with_reason(ErrorReason::TimeInFuture))
    }

    /// The partner (by id) that a write is for: the caller's own where it is
    /// bound to one, else the one the request names.
    ///
    /// # Errors
    /// PERMISSION_DENIED `SCOPE_EXCEEDED` where a partner names another one.
    pub fn partner_for_write(&self, field: &str, named: &str) -> Result<String, Error> {
        match &self.caller.reach {
            Reach::Tenant if named.is_empty() => Err(Error::invalid(field, "must not be empty; set it")),
            Reach::Tenant => Ok(named.to_owned()),
            Reach::Partner(own) if named.is_empty() || named == own => Ok(own.clone()),
            Reach::Partner(_) => Err(Error::new(
                Kind::PermissionDenied,
                ErrorReason::ScopeExceeded,
                format!("{field} names another partner; leave it empty or name your own"),
            )),
        }
    }
}
