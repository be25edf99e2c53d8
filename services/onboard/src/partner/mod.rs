//! Partner: an organization of the network, with its place in the hierarchy.

mod api;
mod hierarchy;
pub(crate) mod store;

use futures::FutureExt;
use stoa_events::{Event, Fact, OnFailure, Subscription};
use stoa_kernel::{Clock, Cx, Error, Result, etag, mask, names};
use stoa_proto::onboard::v1::{Partner, PartnerCreated, PartnerUpdated, ProgramUpdated, UpdatePartnerRequest};
use stoa_store::Tx;

pub(crate) use hierarchy::{place, see};

/// Fields that a caller may change.
const CHANGEABLE: [&str; 7] = ["display_name", "type", "parent", "territory", "vertical", "domain", "country_code"];

/// Inserts a partner below `input.parent`; its computed fields are set here.
pub(crate) async fn create(tx: &Tx, cx: &Cx, id: &str, input: &Partner) -> Result<Partner> {
    let ancestors = place(tx, cx, id, &input.parent).await?;
    let partner = Partner {
        name: names::name("partners", id),
        ancestors,
        visible_to: Vec::new(),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input.clone()
    };
    store::insert(tx, cx, &partner).await?;
    let fact = Fact::new(&partner.name, 1).partner(&partner.name);
    stoa_events::append(tx, cx, fact, &PartnerCreated { partner: Some(partner.clone()) }).await?;
    Ok(partner)
}

/// Writes the next version of a partner with its event.
async fn revise(tx: &Tx, cx: &Cx, mut partner: Partner, changed: Vec<String>) -> Result<Partner> {
    partner.etag = etag::next(&partner.etag);
    partner.update_time = Some(cx.now.proto());
    store::save(tx, cx, &partner).await?;
    let fact = Fact::new(&partner.name, etag::version(&partner.etag)).partner(&partner.name).changed(changed);
    stoa_events::append(tx, cx, fact, &PartnerUpdated { partner: Some(partner.clone()) }).await?;
    Ok(partner)
}

async fn update(tx: &Tx, cx: &Cx, request: &UpdatePartnerRequest) -> Result<Partner> {
    let input = request.partner.clone().unwrap_or_default();
    let id = names::id("partner.name", "partners", &input.name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(&input.name))?;
    etag::check(&current.name, &input.etag, etag::version(&current.etag))?;
    let mut next = current.clone();
    let mut paths = mask::apply(request.update_mask.as_ref(), &CHANGEABLE, &input, &mut next)?;
    if paths.is_empty() {
        return Ok(current);
    }
    if next.parent == current.parent {
        return revise(tx, cx, next, paths).await;
    }
    cx.require_tenant_reach()?;
    next.ancestors = place(tx, cx, id, &next.parent).await?;
    next.visible_to = see(tx, cx, id, &next.ancestors).await?;
    paths.push("ancestors".to_owned());
    let moved = revise(tx, cx, next, paths).await?;
    hierarchy::follow(tx, cx, &moved).await?;
    Ok(moved)
}

/// A program that opens or closes the view of distributors changes what its
/// partners' ancestors see.
pub(crate) fn subscriptions(clock: &Clock) -> Vec<Subscription> {
    let clock = clock.clone();
    vec![Subscription {
        name: "partner-visibility",
        source: crate::NAME,
        subjects: &["onboard.program.updated"],
        on_failure: OnFailure::Park,
        handler: stoa_events::handler(move |tx, event| program_updated(tx, event, clock.clone()).boxed()),
    }]
}

async fn program_updated(tx: &Tx, event: &Event, clock: Clock) -> Result<()> {
    let program = stoa_events::decode::<ProgramUpdated>(event)?.program.unwrap_or_default();
    let cx = Cx::service(&event.tenant, crate::NAME, &clock, &event.event_id);
    for id in crate::enrollment::store::partners_of(tx.conn(), &cx, names::last(&program.name)).await? {
        let Some(mut partner) = store::lock(tx, &cx, &id).await? else { continue };
        let visible_to = see(tx, &cx, &id, &partner.ancestors).await?;
        if visible_to != partner.visible_to {
            partner.visible_to = visible_to;
            revise(tx, &cx, partner, vec!["visible_to".to_owned()]).await?;
        }
    }
    Ok(())
}

/// Recomputes who may see a partner after one of its enrollments changed.
pub(crate) async fn refresh_visibility(tx: &Tx, cx: &Cx, id: &str) -> Result<()> {
    let Some(mut partner) = store::lock(tx, cx, id).await? else { return Ok(()) };
    let visible_to = see(tx, cx, id, &partner.ancestors).await?;
    if visible_to != partner.visible_to {
        partner.visible_to = visible_to;
        revise(tx, cx, partner, vec!["visible_to".to_owned()]).await?;
    }
    Ok(())
}
