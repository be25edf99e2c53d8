//! Folds onboard's events into the copy.

use std::sync::Arc;

use futures::FutureExt;
use stoa_events::{Event, OnFailure, Subscription, decode};
use stoa_kernel::Result;
use stoa_proto::onboard::v1 as pb;
use stoa_store::Tx;

use crate::copy;

/// The subscription that keeps the copy up to date. Every service except
/// onboard has it.
#[must_use]
pub fn subscriptions() -> Vec<Subscription> {
    vec![Subscription {
        name: "directory",
        source: "onboard",
        subjects: &["onboard.partner.", "onboard.enrollment.", "onboard.tier.", "onboard.tenant_settings.", "onboard.cam_assignment."],
        on_failure: OnFailure::Park,
        handler: Arc::new(|tx: &Tx, event: &Event| fold(tx, event).boxed()),
    }]
}

/// Every event of a noun carries its state in field 1, so one message type
/// reads them all.
async fn fold(tx: &Tx, event: &Event) -> Result<()> {
    let noun = event.subject.split('.').nth(1).unwrap_or_default();
    match noun {
        "partner" => {
            let partner = decode::<pb::PartnerUpdated>(event)?.partner.unwrap_or_default();
            copy::put_partner(tx, &event.tenant, &partner).await
        }
        "enrollment" => {
            let enrollment = decode::<pb::EnrollmentCreated>(event)?.enrollment.unwrap_or_default();
            copy::put(tx, &event.tenant, &enrollment.name, &enrollment.etag, &enrollment.partner, &enrollment).await
        }
        "tier" => {
            let tier = decode::<pb::TierUpdated>(event)?.tier.unwrap_or_default();
            copy::put(tx, &event.tenant, &tier.name, &tier.etag, "", &tier).await
        }
        "tenant_settings" => {
            let settings = decode::<pb::TenantSettingsUpdated>(event)?.tenant_settings.unwrap_or_default();
            copy::put(tx, &event.tenant, &settings.name, &settings.etag, "", &settings).await
        }
        "cam_assignment" => {
            let cam = decode::<pb::CamAssigned>(event)?.cam_assignment.unwrap_or_default();
            // Without its partner, because the rows of a partner are its
            // enrollments.
            copy::put(tx, &event.tenant, &cam.name, &cam.etag, "", &cam).await
        }
        _ => Ok(()),
    }
}
