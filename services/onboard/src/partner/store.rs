//! Rows of partners. `lineage` and `visible_to` are read by binaries from
//! before the table of ancestors; a later migration drops them.

use sea_orm::{ActiveValue::Set, Condition, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_directory::ancestors;
use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::onboard::v1::{Partner, PartnerType};
use stoa_store::{DbResult, Documents, Key, Tx, documents, filter::Field};

use crate::scope::visible;

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "partner")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub display_name: String,
        pub r#type: i32,
        pub parent: String,
        pub territory: String,
        pub vertical: String,
        pub country_code: String,
        pub lineage: String,
        pub visible_to: String,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::Column;
pub(crate) use row::Entity as Partners;

/// The row that serializes moves in a tenant's hierarchy.
mod hierarchy {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hierarchy")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

impl Documents for Partners {
    type Document = Partner;
    const FILTER: &'static [Field] = &[
        Field::text("display_name"),
        Field::value::<PartnerType>("type"),
        Field::name("parent", "partners"),
        Field::text("territory"),
        Field::text("vertical"),
        Field::text("country_code"),
        Field::time("create_time").ordered(),
    ];

    fn row(Key { tenant, id, version, document }: Key, partner: &Partner) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            display_name: partner.display_name.clone(),
            r#type: partner.r#type,
            parent: names::last(&partner.parent).to_owned(),
            territory: partner.territory.clone(),
            vertical: partner.vertical.clone(),
            country_code: partner.country_code.clone(),
            lineage: path(&partner.ancestors),
            visible_to: path(&partner.visible_to),
            create_time: Timestamp::micros_of(partner.create_time.as_ref()).unwrap_or_default(),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        visible(cx, Column::Id)
    }
}

fn path(ids: &[String]) -> String {
    if ids.is_empty() { String::new() } else { format!("/{}/", ids.join("/")) }
}

/// Makes other moves in the tenant's hierarchy wait until the transaction ends.
pub(crate) async fn lock_hierarchy(tx: &Tx, cx: &Cx) -> Result<()> {
    let row = hierarchy::ActiveModel { tenant: Set(cx.tenant.clone()) };
    hierarchy::Entity::insert(row).on_conflict_do_nothing().exec_without_returning(tx.conn()).await.db()?;
    hierarchy::Entity::find_by_id(cx.tenant.clone()).lock_exclusive().one(tx.conn()).await.db().map(|_| ())
}

/// Locks and returns all descendants of a partner, in the order of their ids.
pub(crate) async fn descendants(tx: &Tx, cx: &Cx, id: &str) -> Result<Vec<Partner>> {
    let below = documents::select::<Partners>(cx).filter(Column::Id.in_subquery(ancestors::below(cx, id)));
    documents::all(tx.conn(), below.order_by_asc(Column::Id).lock_exclusive()).await
}
