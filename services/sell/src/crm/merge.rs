//! Merges a row of the CRM into a deal that exists here. Pure.

use stoa_kernel::{Money, Timestamp};
use stoa_proto::sell::v1::{
    CrmConnector, CrmDealField as Field, CrmFindingKind as Finding, CrmRowError, Customer, Deal, ErrorReason, RegistrationState as State,
};

use super::{
    connector::is_remote,
    mapping::{self, Mapped},
};
use crate::{
    claim,
    deal::{credit, pipeline, registration},
};

/// Returns the deal with the fields that the CRM owns. What the row does not say stays.
pub(super) fn with_remote_fields(connector: &CrmConnector, current: &Deal, mapped: &Mapped) -> Deal {
    let mut next = current.clone();
    let remote = |field| is_remote(connector, field);
    if remote(Field::DisplayName) && !mapped.display_name.is_empty() {
        next.display_name.clone_from(&mapped.display_name);
    }
    if remote(Field::Partner) && current.partner != mapped.partner {
        next.partner.clone_from(&mapped.partner);
        next.credits = credit::whole(&mapped.partner);
    }
    if remote(Field::ProductLine) {
        next.product_line.clone_from(&mapped.product_line);
    }
    if remote(Field::Customer) {
        next.customer = customer(current.customer.as_ref(), mapped);
    }
    if remote(Field::Amount)
        && let Some(amount) = mapped.amount
    {
        next.amount = Some(Money::proto(amount));
    }
    if remote(Field::CloseDate) && !mapped.close_date.is_empty() {
        next.close_date.clone_from(&mapped.close_date);
    }
    next
}

/// Returns the customer as the row has it. What the row leaves out, and what no
/// row can say, stays as it was.
fn customer(current: Option<&Customer>, mapped: &Mapped) -> Option<Customer> {
    let (Some(current), Some(theirs)) = (current, &mapped.customer) else {
        return mapped.customer.clone().or_else(|| current.cloned());
    };
    let or = |theirs: &String, ours: &String| if theirs.is_empty() { ours.clone() } else { theirs.clone() };
    Some(Customer {
        display_name: or(&theirs.display_name, &current.display_name),
        domain: or(&theirs.domain, &current.domain),
        country_code: or(&theirs.country_code, &current.country_code),
        territory: or(&theirs.territory, &current.territory),
        vertical: or(&theirs.vertical, &current.vertical),
        size_segment: or(&theirs.size_segment, &current.size_segment),
        direct_account: if mapped.says_direct { theirs.direct_account } else { current.direct_account },
        account_reference: or(&theirs.account_reference, &current.account_reference),
        tax_id: current.tax_id.clone(),
    })
}

/// Keeps what a registration here claims, while it is claimed; the rest of the
/// row still counts. Returns whether anything was kept.
pub(super) fn keep_claim(current: &Deal, next: &mut Deal, now: Timestamp) -> bool {
    let state = registration::state_at(current, now);
    let claimed = !current.imported && matches!(state, State::Submitted | State::UnderReview | State::Approved);
    if !claimed || !(claim::differ(current, next) || current.partner != next.partner) {
        return false;
    }
    if claim::differ(current, next) {
        next.customer.clone_from(&current.customer);
        next.product_line.clone_from(&current.product_line);
    }
    next.partner.clone_from(&current.partner);
    next.credits.clone_from(&current.credits);
    true
}

/// Returns what in the row contradicts the outcome of a deal that is closed here.
pub(super) fn contradiction(current: &Deal, mapped: &Mapped, differs: bool, takes_stage: bool) -> Option<CrmRowError> {
    if pipeline::is_open(current) {
        return None;
    }
    let moved = takes_stage && (mapped.stage != current.pipeline_stage() || mapped.closed != pipeline::close_time(current));
    let field = if moved { "deal.stage" } else { "deal" };
    let stage = current.pipeline_stage().as_str_name();
    let message = format!("{} is {stage}, which is final. Correct it here, or undo the change in the CRM.", current.name);
    (moved || differs).then(|| mapping::error(field, ErrorReason::DealClosed, message))
}

/// Returns the findings about the deal after the row. What the row lacks is not
/// a finding if the deal has it.
pub(super) fn findings(mapped: &Mapped, deal: &Deal, kept: bool) -> Vec<Finding> {
    let lacks = |finding: &Finding| match finding {
        Finding::NoAmount => deal.amount.is_none(),
        Finding::NoAccount => deal.customer.is_none(),
        _ => true,
    };
    let kept = kept.then_some(Finding::ClaimKept);
    mapped.findings.iter().copied().filter(lacks).chain(kept).collect()
}
