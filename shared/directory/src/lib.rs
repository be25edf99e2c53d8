//! The directory: the copy of onboard's partners, enrollments, tiers, tenant
//! settings and CAM assignments that every other pillar keeps in its own store.
//!
//! Onboard's events are folded into the copy by version, so that order and
//! duplicates do not matter. If it has no row yet, the owner is asked once,
//! before the write transaction, and its answer enters the copy like an event.

pub mod ancestors;
mod copy;
mod fold;
mod migration;
mod read_through;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::FutureExt;
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, SelectStatement},
};
use stoa_kernel::{Cx, Error, Reach, Result, Timestamp, names};
use stoa_proto::common::v1::ErrorReason;
use stoa_proto::onboard::v1::{Enrollment, EnrollmentStatus, Partner, TenantSettings, Tier};
use stoa_rpc::Suspension;
use stoa_service::Deps;

pub use ancestors::{vendor_only, visible};
pub use fold::subscriptions;
pub use migration::migrations;
pub use write::{acting_partner, enrolled_for_write, partner_for_write, require_assigned, require_writer};

/// Settings of a tenant that has set none.
#[must_use]
pub fn default_settings() -> TenantSettings {
    TenantSettings {
        name: "tenantSettings".to_owned(),
        reporting_currency: "USD".to_owned(),
        time_zone: "UTC".to_owned(),
        fiscal_year_start_month: 1,
        ..TenantSettings::default()
    }
}

/// The settings of a tenant, from the copy. Defaults if it has none yet.
///
/// # Errors
/// If the store cannot be read.
pub async fn settings<C: ConnectionTrait>(conn: &C, tenant: &str) -> Result<TenantSettings> {
    Ok(copy::find(conn, tenant, "tenantSettings").await?.unwrap_or_else(default_settings))
}

/// A tier by its name, from the copy.
///
/// # Errors
/// If the store cannot be read.
pub async fn tier<C: ConnectionTrait>(conn: &C, tenant: &str, name: &str) -> Result<Option<Tier>> {
    copy::find(conn, tenant, name).await
}

/// A partner by its ID, as the copy has it now. For use inside a transaction.
///
/// # Errors
/// If the store cannot be read.
pub async fn copied_partner<C: ConnectionTrait>(conn: &C, tenant: &str, id: &str) -> Result<Option<Partner>> {
    copy::partner(conn, tenant, id).await
}

/// The enrollments of a partner, as the copy has them now. For use inside a
/// transaction.
///
/// # Errors
/// If the store cannot be read.
pub async fn copied_enrollments<C: ConnectionTrait>(conn: &C, tenant: &str, partner_id: &str) -> Result<Vec<Enrollment>> {
    copy::enrollments(conn, tenant, partner_id).await
}

/// A partner by its ID, from the copy or, failing that, from its owner. Callers
/// bound to a partner find only what they may see. Not for use inside a
/// transaction.
///
/// A partner that the caller may not see is looked for exactly as one that does
/// not exist: a shorter way would tell the two apart by the time that it takes.
///
/// # Errors
/// UNAVAILABLE if the copy has none that the caller may see, and the owner
/// cannot be reached.
pub async fn partner(deps: &Deps, cx: &Cx, id: &str) -> Result<Option<Partner>> {
    let copied = copy::partner(deps.store.read(), &cx.tenant, id).await?;
    match copied.filter(|partner| may_see(cx, partner)) {
        Some(found) => Ok(Some(found)),
        None => visible_at_owner(deps, cx, id).await,
    }
}

async fn visible_at_owner(deps: &Deps, cx: &Cx, id: &str) -> Result<Option<Partner>> {
    Ok(read_through::partner(deps, cx, id).await?.filter(|partner| may_see(cx, partner)))
}

/// Like [`partner`], for all partners with one of these IDs: one query of the
/// copy, and a call to the owner for each that is not found there.
///
/// # Errors
/// As for [`partner`].
pub async fn partners(deps: &Deps, cx: &Cx, ids: &BTreeSet<&str>) -> Result<BTreeMap<String, Partner>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let copied = copy::partners(deps.store.read(), &cx.tenant, ids.iter().copied()).await?;
    let visible = copied.into_iter().filter(|partner| may_see(cx, partner));
    let mut found: BTreeMap<String, Partner> = visible.map(|p| (names::last(&p.name).to_owned(), p)).collect();
    for id in ids {
        if !found.contains_key(*id)
            && let Some(partner) = visible_at_owner(deps, cx, id).await?
        {
            found.insert((*id).to_owned(), partner);
        }
    }
    Ok(found)
}

/// The partner that a field of a request names.
///
/// # Errors
/// INVALID_ARGUMENT for a malformed name, FAILED_PRECONDITION
/// `REFERENCE_NOT_FOUND` if there is no such partner or the caller may not see
/// it.
pub async fn require_partner(deps: &Deps, cx: &Cx, field: &str, name: &str) -> Result<Partner> {
    let id = names::id(field, "partners", name)?;
    partner(deps, cx, id).await?.ok_or_else(|| Error::reference_not_found(field, name))
}

/// Refuses names in a field unless each is that of a partner. One query of the
/// copy answers for all of them; the owner is asked about those that are not
/// found there, until one does not exist.
///
/// # Errors
/// As for [`require_partner`].
pub async fn require_partners<'a>(deps: &Deps, cx: &Cx, field: &str, named: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let ids: BTreeSet<&str> = named.into_iter().map(|name| names::id(field, "partners", name)).collect::<Result<_>>()?;
    if ids.is_empty() {
        return Ok(());
    }
    let copied = copy::partners(deps.store.read(), &cx.tenant, ids.iter().copied()).await?;
    let known: BTreeSet<&str> = copied.iter().filter(|partner| may_see(cx, partner)).map(|partner| names::last(&partner.name)).collect();
    for id in ids.difference(&known) {
        if visible_at_owner(deps, cx, id).await?.is_none() {
            return Err(Error::reference_not_found(field, &names::name("partners", id)));
        }
    }
    Ok(())
}

/// All enrollments of a partner, from the copy or, failing that, from their
/// owner. Not for use inside a transaction.
///
/// # Errors
/// UNAVAILABLE if the copy has none and the owner cannot be reached.
pub async fn enrollments(deps: &Deps, cx: &Cx, partner_id: &str) -> Result<Vec<Enrollment>> {
    let known = copy::enrollments(deps.store.read(), &cx.tenant, partner_id).await?;
    if known.is_empty() { read_through::enrollments(deps, cx, partner_id).await } else { Ok(known) }
}

/// The partner that a field names, with its enrollments in force at the
/// context's instant. A suspended enrollment is not in force.
///
/// # Errors
/// As for [`require_partner`], and FAILED_PRECONDITION `PARTNER_NOT_ENROLLED`.
pub async fn require_enrolled(deps: &Deps, cx: &Cx, field: &str, name: &str) -> Result<(Partner, Vec<Enrollment>)> {
    let partner = require_partner(deps, cx, field, name).await?;
    let id = names::last(&partner.name);
    let in_force = |all: Vec<Enrollment>| all.into_iter().filter(|e| is_in_force(e, cx)).collect::<Vec<_>>();
    let mut live = in_force(enrollments(deps, cx, id).await?);
    if live.is_empty() {
        // The copy may lag behind a re-enrollment: the owner decides.
        live = in_force(read_through::enrollments(deps, cx, id).await?);
    }
    if live.is_empty() {
        let message = format!("{name} has no enrollment in force. Enroll it or lift its suspension first.");
        return Err(Error::precondition(ErrorReason::PartnerNotEnrolled, message).with_field(field, "is not enrolled"));
    }
    Ok((partner, live))
}

/// The enrollments in force at the context's instant, as the copy has them, of
/// the partner whose ID a query finds. If there are none, the owner may know
/// more: see [`require_enrolled`].
///
/// # Errors
/// If the store cannot be read.
pub async fn copied_in_force<C: ConnectionTrait>(conn: &C, cx: &Cx, partner: SelectStatement) -> Result<Vec<Enrollment>> {
    let found = copy::enrollments(conn, &cx.tenant, Expr::SubQuery(None, Box::new(partner.into()))).await?;
    Ok(found.into_iter().filter(|enrollment| is_in_force(enrollment, cx)).collect())
}

/// Reports from the copy whether a partner is suspended.
#[must_use]
pub fn suspension(deps: &Deps) -> Suspension {
    let (store, clock) = (deps.store.clone(), deps.clock.clone());
    Arc::new(move |tenant, partner| {
        let (store, tenant, partner, now) = (store.clone(), tenant.to_owned(), partner.to_owned(), clock.now());
        async move {
            let all = copy::enrollments(store.read(), &tenant, &partner).await?;
            let not_ended = |e: &&Enrollment| Timestamp::stored(e.end_time.as_ref()).is_none_or(|end| now < end);
            Ok(is_suspended(all.iter().filter(not_ended).map(Enrollment::status)))
        }
        .boxed()
    })
}

/// Whether a partner may do nothing for now: all of its enrollments that have
/// not ended are suspended.
#[must_use]
pub fn is_suspended(enrollments: impl IntoIterator<Item = EnrollmentStatus>) -> bool {
    let live = |status: &EnrollmentStatus| matches!(status, EnrollmentStatus::Enrolled | EnrollmentStatus::Suspended);
    let mut live = enrollments.into_iter().filter(live).peekable();
    live.peek().is_some() && live.all(|status| status == EnrollmentStatus::Suspended)
}

fn is_in_force(enrollment: &Enrollment, cx: &Cx) -> bool {
    let from = Timestamp::stored(enrollment.effective_time.as_ref()).unwrap_or_default();
    let until = Timestamp::stored(enrollment.end_time.as_ref());
    enrollment.status() == EnrollmentStatus::Enrolled && from <= cx.now && until.is_none_or(|end| cx.now < end)
}

fn may_see(cx: &Cx, partner: &Partner) -> bool {
    match &cx.caller.reach {
        Reach::Tenant => true,
        Reach::Partner(own) => names::last(&partner.name) == own || partner.visible_to.contains(own),
        Reach::Object(_) => false,
    }
}
