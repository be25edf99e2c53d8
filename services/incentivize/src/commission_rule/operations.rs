//! Commands on commission rules.

use stoa_events::{record_changed, record_created};
use stoa_kernel::{Cx, Result, Timestamp, etag};
use stoa_proto::incentivize::v1::{
    CommissionRule, CommissionRuleCreated, CommissionRuleExpired, CreateCommissionRuleRequest, ExpireCommissionRuleRequest,
};
use stoa_store::{Tx, documents};

use super::{new, store::CommissionRules, with_end};

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateCommissionRuleRequest) -> Result<CommissionRule> {
    cx.require_tenant_reach()?;
    let id = cx.chosen_id("commission_rule_id", &request.commission_rule_id)?;
    let rule = new(&id, &request.commission_rule.clone().unwrap_or_default(), cx)?;
    record_created::<CommissionRules, CommissionRuleCreated>(tx, cx, rule).await
}

pub(super) async fn expire(tx: &Tx, cx: &Cx, request: &ExpireCommissionRuleRequest) -> Result<CommissionRule> {
    cx.require_tenant_reach()?;
    let given = request.expire_time.as_ref().map(|time| Timestamp::from_proto("expire_time", time)).transpose()?;
    let current = documents::load::<CommissionRules>(tx, cx, "name", &request.name).await?;
    etag::require(&current, &request.etag)?;
    let rule = with_end(&current, given.unwrap_or(cx.now), cx)?;
    record_changed::<CommissionRules, CommissionRuleExpired>(tx, cx, &current, rule).await
}
