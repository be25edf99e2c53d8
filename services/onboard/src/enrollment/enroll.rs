//! Enrollment is one transaction: agreement, partner, tier, portal access and
//! onboarding plan. The agreement may have taken effect in the past; the plan
//! counts from the instant it is started at all the same.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Kind, Result, Timestamp, ids, names};
use stoa_proto::onboard::v1::{Agreement, CreateEnrollmentRequest, Enrollment, EnrollmentCreated, ErrorReason, Partner, Prospect};
use stoa_store::Tx;

use super::{lapse::standing, new, store};
use crate::{agreement, onboarding_plan, partner, prospect, scope::require_writer, tier};

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateEnrollmentRequest) -> Result<Enrollment> {
    let id = ids::chosen_or_new("enrollment_id", &request.enrollment_id)?;
    for line in &request.product_lines {
        names::id("product_lines", "productLines", line)?;
    }
    let agreement_id = names::id("agreement", "agreements", &request.agreement)?;
    let missing = || Error::reference_not_found("agreement", &request.agreement);
    let signed = agreement::store::lock(tx, cx, agreement_id).await?.ok_or_else(missing)?;
    require_writer(tx.conn(), cx, &signed.name, names::last(&signed.partner)).await?;
    agreement::start(&signed, cx)?;
    let tier = choose_tier(tx, cx, &signed.program, &request.tier).await?;

    let (partner, from_prospect) = party(tx, cx, &signed, request).await?;
    refuse_second(tx, cx, &partner, &signed.program).await?;
    let in_force = agreement::take_effect(tx, cx, &signed, &partner).await?;
    if let Some(prospect) = &from_prospect {
        prospect::convert(tx, cx, prospect, &partner).await?;
    }
    let enrollment = new(&id, &in_force, tier, request.product_lines.clone(), cx);
    record(tx, cx, &enrollment).await?;
    onboarding_plan::start(tx, cx, &enrollment).await?;
    Ok(enrollment)
}

/// The partner that the agreement is with; a prospect becomes one here.
async fn party(tx: &Tx, cx: &Cx, signed: &Agreement, request: &CreateEnrollmentRequest) -> Result<(String, Option<Prospect>)> {
    if !signed.partner.is_empty() {
        return Ok((signed.partner.clone(), None));
    }
    let found = prospect::store::lock(tx, cx, names::last(&signed.prospect)).await?;
    let prospect = found.ok_or_else(|| Error::reference_not_found("agreement.prospect", &signed.prospect))?;
    let id = ids::chosen_or_new("partner_id", &request.partner_id)?;
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

/// The tier that was named, or the entry tier of the program.
pub(super) async fn choose_tier(tx: &Tx, cx: &Cx, program: &str, named: &str) -> Result<String> {
    let program_id = names::last(program);
    if named.is_empty() {
        let none = || {
            Error::precondition(ErrorReason::ProgramWithoutTier.as_str_name(), format!("{program} has no tier; create one first"))
                .with_field("tier", "cannot be chosen: the program has none")
        };
        return Ok(tier::store::entry(tx.conn(), cx, program_id).await?.ok_or_else(none)?.name);
    }
    let (of, _) = names::nested("tier", "programs", "tiers", named)?;
    if of != program_id {
        return Err(
            Error::invalid("tier", format!("must be a tier of {program}")).with_reason(ErrorReason::TierOfOtherProgram.as_str_name())
        );
    }
    let found = tier::store::find(tx.conn(), cx, named).await?;
    Ok(found.ok_or_else(|| Error::reference_not_found("tier", named))?.name)
}

async fn refuse_second(tx: &Tx, cx: &Cx, partner: &str, program: &str) -> Result<()> {
    match standing(tx, cx, names::last(partner), names::last(program)).await? {
        None => Ok(()),
        Some(other) => {
            let message = format!("{partner} is enrolled in {program} by {}; terminate that first", other.name);
            Err(Error::new(Kind::AlreadyExists, ErrorReason::AlreadyEnrolled.as_str_name(), message)
                .with_metadata("enrollment", other.name))
        }
    }
}

/// Writes an enrollment with its event, and opens the view that its program
/// gives to those above the partner.
pub(super) async fn record(tx: &Tx, cx: &Cx, enrollment: &Enrollment) -> Result<()> {
    store::insert(tx, cx, enrollment).await?;
    partner::refresh_visibility(tx, cx, names::last(&enrollment.partner)).await?;
    let from = Timestamp::stored(enrollment.effective_time.as_ref()).unwrap_or(cx.now);
    let fact = Fact::new(&enrollment.name, 1).partner(&enrollment.partner).occurred(from);
    stoa_events::append(tx, cx, fact, &EnrollmentCreated { enrollment: Some(enrollment.clone()) }).await?;
    Ok(())
}
