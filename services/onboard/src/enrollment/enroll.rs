//! Enrollment is one transaction: agreement, partner, tier, portal access and
//! onboarding plan. Even if the agreement took effect in the past, the plan
//! counts from the instant it is started.

use stoa_events::Step;
use stoa_kernel::{Cx, Error, Kind, Result, Timestamp, names};
use stoa_proto::onboard::v1::{Agreement, CreateEnrollmentRequest, Enrollment, EnrollmentCreated, ErrorReason, Partner, Prospect};
use stoa_store::{Tx, documents};

use super::{lapse::lock_live_settled, new, store::Enrollments, visibility::refresh_visibility};
use crate::{
    agreement::{self, store::Agreements},
    onboarding_plan, partner,
    prospect::{self, store::Prospects},
    scope::require_writer,
    tier::store::{self as tiers, Tiers},
};

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateEnrollmentRequest) -> Result<Enrollment> {
    let id = cx.chosen_id("enrollment_id", &request.enrollment_id)?;
    check_product_lines(&request.product_lines)?;
    let agreement_id = documents::id::<Agreements>("agreement", &request.agreement)?;
    let missing = || Error::reference_not_found("agreement", &request.agreement);
    let signed = documents::lock::<Agreements>(tx, cx, &agreement_id).await?.ok_or_else(missing)?;
    require_writer(tx.conn(), cx, &signed.name, names::last(&signed.partner)).await?;
    agreement::start(&signed, cx.now)?;
    let tier = choose_tier(tx, cx, &signed.program, &request.tier).await?;

    let (partner, from_prospect) = party(tx, cx, &signed, request).await?;
    refuse_second(tx, cx, &partner, &signed.program).await?;
    let in_force = agreement::take_effect(tx, cx, &signed, &partner).await?;
    if let Some(prospect) = &from_prospect {
        prospect::convert(tx, cx, prospect, &partner).await?;
    }
    let enrollment = record(tx, cx, new(&id, &in_force, tier, &request.product_lines, cx.now)).await?;
    refresh_visibility(tx, cx, names::last(&enrollment.partner)).await?;
    onboarding_plan::start(tx, cx, &enrollment).await?;
    Ok(enrollment)
}

pub(super) fn check_product_lines(names: &[String]) -> Result<()> {
    names.iter().try_for_each(|line| names::id("product_lines", "productLines", line).map(|_| ()))
}

/// Returns the partner to the agreement. A prospect becomes a partner here.
async fn party(tx: &Tx, cx: &Cx, signed: &Agreement, request: &CreateEnrollmentRequest) -> Result<(String, Option<Prospect>)> {
    if !signed.partner.is_empty() {
        return Ok((signed.partner.clone(), None));
    }
    let found = documents::lock::<Prospects>(tx, cx, names::last(&signed.prospect)).await?;
    let prospect = found.ok_or_else(|| Error::reference_not_found("agreement.prospect", &signed.prospect))?;
    let id = cx.chosen_id("partner_id", &request.partner_id)?;
    let organization = Partner {
        display_name: prospect.display_name.clone(),
        r#type: prospect.r#type,
        parent: request.parent.clone(),
        territory: prospect.territory.clone(),
        vertical: prospect.vertical.clone(),
        domain: prospect.domain.clone(),
        country_code: prospect.country_code.clone(),
        ..Default::default()
    };
    let partner = partner::create(tx, cx, &id, &organization).await.map_err(|e| match e.fields().first() {
        Some(field) if field.field == "partner.parent" => e.clone().with_field("parent", field.message.clone()),
        _ => e,
    })?;
    Ok((partner.name, Some(prospect)))
}

/// Returns the tier that is named, or the entry tier of the program if none is.
pub(super) async fn choose_tier(tx: &Tx, cx: &Cx, program: &str, named: &str) -> Result<String> {
    let program_id = names::last(program);
    if named.is_empty() {
        let none = || {
            Error::precondition(ErrorReason::ProgramWithoutTier, format!("{program} has no tier. Create one first."))
                .with_field("tier", "cannot be chosen: the program has no tier")
        };
        return Ok(tiers::entry(tx.conn(), cx, program_id).await?.ok_or_else(none)?.name);
    }
    let (owner, _) = names::nested("tier", "programs", "tiers", named)?;
    if owner != program_id {
        return Err(Error::invalid("tier", format!("must be a tier of {program}")).with_reason(ErrorReason::TierOfOtherProgram));
    }
    Ok(documents::get_referenced::<Tiers, _>(tx.conn(), cx, "tier", named).await?.name)
}

async fn refuse_second(tx: &Tx, cx: &Cx, partner: &str, program: &str) -> Result<()> {
    let Some(other) = lock_live_settled(tx, cx, names::last(partner), names::last(program)).await? else { return Ok(()) };
    let message = format!("{partner} is already enrolled in {program} by {}. Terminate that enrollment first.", other.name);
    Err(Error::new(Kind::AlreadyExists, ErrorReason::AlreadyEnrolled, message).with_metadata("enrollment", other.name))
}

/// Records a new enrollment. Its program may let the partner's ancestors see the
/// partner: see [`refresh_visibility`].
pub(super) async fn record(tx: &Tx, cx: &Cx, enrollment: Enrollment) -> Result<Enrollment> {
    let from = Timestamp::stored(enrollment.effective_time.as_ref()).unwrap_or(cx.now);
    let step = Step::new::<EnrollmentCreated>(enrollment).at(from);
    stoa_events::record::<Enrollments>(tx, cx, None, [step]).await
}
