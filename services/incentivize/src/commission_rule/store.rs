//! Rows of commission rules.

use sea_orm::{Condition, ConnectionTrait, QueryOrder, entity::prelude::*};
use stoa_kernel::{Cx, Result, Timestamp};
use stoa_proto::{incentivize::v1::CommissionRule, onboard::v1::PartnerType};
use stoa_store::{Documents, Key, documents, filter::Field};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "commission_rule")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub product_line: String,
        pub partner_type: i32,
        pub tier: String,
        pub territory: String,
        pub effective_time: i64,
        pub expire_time: Option<i64>,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::Column;
pub(crate) use row::Entity as CommissionRules;

impl Documents for CommissionRules {
    type Document = CommissionRule;
    const FILTER: &'static [Field] = &[
        Field::text("product_line"),
        Field::value::<PartnerType>("partner_type"),
        Field::text("tier"),
        Field::text("territory"),
        Field::time("effective_time"),
        Field::time("expire_time"),
        Field::time("create_time"),
    ];

    fn row(Key { tenant, id, version, document }: Key, rule: &CommissionRule) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            product_line: rule.product_line.clone(),
            partner_type: rule.partner_type,
            tier: rule.tier.clone(),
            territory: rule.territory.clone(),
            effective_time: Timestamp::micros_of(rule.effective_time.as_ref()).unwrap_or_default(),
            expire_time: Timestamp::micros_of(rule.expire_time.as_ref()),
            create_time: Timestamp::micros_of(rule.create_time.as_ref()).unwrap_or_default(),
        }
    }
}

/// Returns the rules in force at an instant, ordered by id.
pub(crate) async fn effective<C: ConnectionTrait>(conn: &C, cx: &Cx, at: Timestamp) -> Result<Vec<CommissionRule>> {
    let open = Condition::any().add(Column::ExpireTime.is_null()).add(Column::ExpireTime.gt(at.micros()));
    let holding = documents::select::<CommissionRules>(cx).filter(Column::EffectiveTime.lte(at.micros())).filter(open);
    documents::all(conn, holding.order_by_asc(Column::Id)).await
}
