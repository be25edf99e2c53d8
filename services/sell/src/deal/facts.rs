//! What a write does to a deal: its new versions one after the other, each with
//! the fact that made it.

use prost::{Message, Name};
use stoa_kernel::{Cx, Result, Timestamp};
use stoa_proto::sell::v1 as pb;
use stoa_proto::sell::v1::Deal;
use stoa_store::Tx;

use super::{
    registration::{self, version},
    store,
};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happened {
    Created,
    Updated(Vec<String>),
    Submitted,
    Approved,
    Rejected,
    ActionRequired,
    Conflicted,
    Withdrawn,
    Expired,
    StageChanged,
    Won,
    Lost,
    ProtectionExtended,
    ProtectionDue,
    Corrected,
    Deleted,
}

/// One version of a deal and its fact.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) deal: Deal,
    pub(crate) at: Timestamp,
    pub(crate) happened: Happened,
}

impl Step {
    /// A fact of now.
    pub(super) fn now(cx: &Cx, deal: Deal, happened: Happened) -> Self {
        Self { deal, at: cx.now, happened }
    }
}

/// Writes the last version over `before`, or as a new deal, and appends every
/// fact. Gives the deal as it is seen now; `before` where there is no step.
pub(crate) async fn write(tx: &Tx, cx: &Cx, before: Option<&Deal>, steps: Vec<Step>) -> Result<Deal> {
    let Some(last) = steps.last().map(|step| step.deal.clone()) else {
        return Ok(registration::seen(before.cloned().unwrap_or_default(), cx.now));
    };
    match before {
        None => store::insert(tx, cx, &last).await?,
        Some(before) => store::save(tx, cx, &last, version(before)).await?,
    }
    for step in steps {
        append(tx, cx, step).await?;
    }
    Ok(registration::seen(last, cx.now))
}

async fn append(tx: &Tx, cx: &Cx, step: Step) -> Result<()> {
    let Step { deal, at, happened } = step;
    let changed = changed(&happened);
    let name = deal.name.clone();
    let partner = deal.partner.clone();
    let about = About { name: &name, version: version(&deal), partner: &partner, at, changed };
    let deal = Some(deal);
    match happened {
        Happened::Created => one(tx, cx, about, &pb::DealCreated { deal }).await,
        Happened::Updated(_) => one(tx, cx, about, &pb::DealUpdated { deal }).await,
        Happened::Submitted => one(tx, cx, about, &pb::DealSubmitted { deal }).await,
        Happened::Approved => one(tx, cx, about, &pb::DealApproved { deal }).await,
        Happened::Rejected => one(tx, cx, about, &pb::DealRejected { deal }).await,
        Happened::ActionRequired => one(tx, cx, about, &pb::DealActionRequired { deal }).await,
        Happened::Conflicted => one(tx, cx, about, &pb::DealConflicted { deal }).await,
        Happened::Withdrawn => one(tx, cx, about, &pb::DealWithdrawn { deal }).await,
        Happened::Expired => one(tx, cx, about, &pb::DealExpired { deal }).await,
        Happened::StageChanged => one(tx, cx, about, &pb::DealStageChanged { deal }).await,
        Happened::Won => one(tx, cx, about, &pb::DealWon { deal }).await,
        Happened::Lost => one(tx, cx, about, &pb::DealLost { deal }).await,
        Happened::ProtectionExtended => one(tx, cx, about, &pb::DealProtectionExtended { deal }).await,
        Happened::ProtectionDue => one(tx, cx, about, &pb::DealProtectionDue { deal }).await,
        Happened::Corrected => one(tx, cx, about, &pb::DealCorrected { deal }).await,
        Happened::Deleted => one(tx, cx, about, &pb::DealDeleted { deal }).await,
    }
}

struct About<'a> {
    name: &'a str,
    version: i64,
    partner: &'a str,
    at: Timestamp,
    changed: Vec<String>,
}

async fn one<M: Message + Name>(tx: &Tx, cx: &Cx, about: About<'_>, event: &M) -> Result<()> {
    let fact = stoa_events::Fact::new(about.name, about.version).partner(about.partner).occurred(about.at).changed(about.changed);
    stoa_events::append(tx, cx, fact, event).await?;
    Ok(())
}

fn changed(happened: &Happened) -> Vec<String> {
    let fields: &[&str] = match happened {
        Happened::Updated(paths) => return paths.clone(),
        Happened::Created => &[],
        Happened::Submitted => &["registration_state", "submit_time", "decide_due_time", "imported"],
        Happened::Approved => &["registration_state", "approve_time", "protect_end_time"],
        Happened::Rejected => &["registration_state", "closure_code", "closure_reason"],
        Happened::ActionRequired => &["registration_state", "required_action"],
        Happened::Conflicted => &["registration_state", "conflict_source"],
        Happened::Withdrawn => &["registration_state", "withdraw_time", "protect_end_time"],
        Happened::Expired => &["registration_state"],
        Happened::StageChanged => &["pipeline_stage"],
        Happened::Won => &["pipeline_stage", "win_time", "amount"],
        Happened::Lost => &["pipeline_stage", "lose_time", "lose_reason", "competitor"],
        Happened::ProtectionExtended => &["protect_end_time", "extension_count"],
        Happened::ProtectionDue => &["reminded_days"],
        Happened::Corrected => &["corrections", "pipeline_stage", "amount", "win_time", "lose_time", "credits"],
        Happened::Deleted => &["delete_time"],
    };
    fields.iter().map(|f| (*f).to_owned()).collect()
}
