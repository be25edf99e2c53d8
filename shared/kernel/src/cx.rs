//! The context that every operation is handed: who calls, for which tenant, how
//! far the caller reaches, and the business instant.

use std::collections::BTreeSet;

use crate::{Clock, Error, Kind, Timestamp};

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
            caller: Caller {
                subject: format!("services/{service}"),
                on_behalf_of: String::new(),
                roles: BTreeSet::new(),
                reach: Reach::Tenant,
                connector: String::new(),
            },
            now: clock.now(),
            request_id: String::new(),
            causation: causation.to_owned(),
            deadline: None,
        }
    }

    /// Refuses callers that are bound to a partner.
    ///
    /// # Errors
    /// PERMISSION_DENIED `SCOPE_EXCEEDED`.
    pub fn require_tenant_reach(&self) -> Result<(), Error> {
        match self.caller.reach {
            Reach::Tenant => Ok(()),
            Reach::Partner(_) => {
                Err(Error::new(Kind::PermissionDenied, "SCOPE_EXCEEDED", "this is for the vendor's people; a partner's token cannot do it"))
            }
        }
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
                "SCOPE_EXCEEDED",
                format!("{field} names another partner; leave it empty or name your own"),
            )),
        }
    }
}
