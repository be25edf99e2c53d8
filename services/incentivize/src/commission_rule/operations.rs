//! What finance does with rules.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, ids, names};
use stoa_proto::incentivize::v1::{
    CommissionRule, CommissionRuleCreated, CommissionRuleExpired, CreateCommissionRuleRequest, ExpireCommissionRuleRequest,
};
use stoa_store::Tx;

use super::{ended, new, store};

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateCommissionRuleRequest) -> Result<CommissionRule> {
    cx.require_tenant_reach()?;
    let id = ids::chosen_or_new("commission_rule_id", &request.commission_rule_id)?;
    let rule = new(&id, &request.commission_rule.clone().unwrap_or_default(), cx)?;
    store::insert(tx, cx, &rule).await?;
    let event = CommissionRuleCreated { commission_rule: Some(rule.clone()) };
    stoa_events::append(tx, cx, Fact::new(&rule.name, 1), &event).await?;
    Ok(rule)
}

pub(super) async fn expire(tx: &Tx, cx: &Cx, request: &ExpireCommissionRuleRequest) -> Result<CommissionRule> {
    cx.require_tenant_reach()?;
    let id = names::id("name", "commissionRules", &request.name)?;
    let given = request.expire_time.as_ref().map(|time| Timestamp::from_proto("expire_time", time)).transpose()?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(&request.name))?;
    etag::check(&current.name, &request.etag, etag::version(&current.etag))?;
    let rule = ended(&current, given.unwrap_or(cx.now), cx)?;
    store::save(tx, cx, &rule).await?;
    let fact = Fact::new(&rule.name, etag::version(&rule.etag)).changed(vec!["expire_time".to_owned()]);
    stoa_events::append(tx, cx, fact, &CommissionRuleExpired { commission_rule: Some(rule.clone()) }).await?;
    Ok(rule)
}
