//! Rows of links and of conflicts. A remote object is tied to one of ours,
//! unique both ways.

use std::collections::HashMap;

use prost::Message;
use sea_orm::{
    ActiveValue::Set,
    QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{OnConflict, SelectStatement},
};
use stoa_kernel::{Cx, Error, Kind, Result, Timestamp};
use stoa_proto::sell::v1::{CrmFindingKind as Finding, CrmObject, CrmRow};
use stoa_store::{DbResult, Tx, is_unique_violation};

mod link_row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "crm_link")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub connector: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub remote_object: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub remote_id: String,
        pub object: i32,
        pub local_id: String,
        pub remote_version: String,
        pub remote_time: Option<i64>,
        pub deleted: bool,
        pub findings: String,
        pub base: Vec<u8>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
pub(super) use link_row::Model as Link;

mod conflict_row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "crm_conflict")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub connector: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub remote_object: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub remote_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub remote_version: String,
        pub local_id: String,
        pub reason: String,
        pub row: Vec<u8>,
        pub record_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which remote object a row is about: what the CRM calls such objects, and the
/// id.
pub(super) type RemoteKey = (String, String);

pub(super) fn remote_key(row: &CrmRow) -> RemoteKey {
    let kind = if row.remote_object.is_empty() { row.object().as_str_name().to_owned() } else { row.remote_object.clone() };
    (kind, row.remote_id.clone())
}

/// When the CRM changed the object, in microseconds.
pub(super) fn remote_time(row: &CrmRow) -> Option<i64> {
    Timestamp::stored(row.remote_time.as_ref()).map(Timestamp::micros)
}

/// The link of a row that was taken. The row becomes the base that both sides
/// agree on.
pub(super) fn of(cx: &Cx, connector: &str, row: &CrmRow, local_id: &str, findings: &[Finding]) -> Link {
    let (remote_object, remote_id) = remote_key(row);
    let findings: Vec<String> = findings.iter().map(|f| i32::from(*f).to_string()).collect();
    Link {
        tenant: cx.tenant.clone(),
        connector: connector.to_owned(),
        remote_object,
        remote_id,
        object: row.object,
        local_id: local_id.to_owned(),
        remote_version: row.remote_version.clone(),
        remote_time: remote_time(row),
        deleted: row.deleted,
        findings: findings.join(","),
        base: row.deal.as_ref().map(Message::encode_to_vec).unwrap_or_default(),
    }
}

/// What was odd about the row that the link was made of.
pub(super) fn findings(link: &Link) -> Vec<Finding> {
    link.findings.split(',').filter_map(|n| n.parse::<i32>().ok()).filter_map(|n| Finding::try_from(n).ok()).collect()
}

/// The links of all rows at once.
pub(super) async fn of_rows(tx: &Tx, cx: &Cx, connector: &str, rows: &[CrmRow]) -> Result<HashMap<RemoteKey, Link>> {
    use link_row::{Column, Entity};
    let ids = rows.iter().map(|row| row.remote_id.as_str());
    let known = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Connector.eq(connector))
        .filter(Column::RemoteId.is_in(ids))
        .order_by_asc(Column::RemoteId)
        .lock_exclusive();
    let links = known.all(tx.conn()).await.db()?;
    Ok(links.into_iter().map(|link| ((link.remote_object.clone(), link.remote_id.clone()), link)).collect())
}

/// Writes a link, new or in place of the one that the remote object had.
pub(super) async fn put(tx: &Tx, link: &Link, is_new: bool) -> Result<()> {
    use link_row::{ActiveModel, Column, Entity};
    if is_new {
        let row = ActiveModel::from(link.clone()).reset_all();
        return match Entity::insert(row).exec_without_returning(tx.conn()).await {
            Err(e) if is_unique_violation(&e) => Err(taken_meanwhile()),
            other => other.db().map(|_| ()),
        };
    }
    let done = Entity::update_many()
        .set(ActiveModel::from(link.clone()).reset_all())
        .filter(Column::Tenant.eq(&link.tenant))
        .filter(Column::Connector.eq(&link.connector))
        .filter(Column::RemoteObject.eq(&link.remote_object))
        .filter(Column::RemoteId.eq(&link.remote_id))
        .exec(tx.conn())
        .await
        .db()?;
    if done.rows_affected == 1 { Ok(()) } else { Err(taken_meanwhile()) }
}

fn taken_meanwhile() -> Error {
    Error::new(Kind::Aborted, "CONTENTION", "another push took this object at the same time; send the row again")
}

/// Keeps a row that contradicts what is final here, once.
pub(super) async fn keep_conflict(tx: &Tx, cx: &Cx, connector: &str, row: &CrmRow, local_id: &str, reason: &str) -> Result<()> {
    use conflict_row::{ActiveModel, Column, Entity};
    let (remote_object, remote_id) = remote_key(row);
    let kept = ActiveModel {
        tenant: Set(cx.tenant.clone()),
        connector: Set(connector.to_owned()),
        remote_object: Set(remote_object),
        remote_id: Set(remote_id),
        remote_version: Set(row.remote_version.clone()),
        local_id: Set(local_id.to_owned()),
        reason: Set(reason.to_owned()),
        row: Set(row.encode_to_vec()),
        record_time: Set(cx.now.micros()),
    };
    let key = [Column::Tenant, Column::Connector, Column::RemoteObject, Column::RemoteId, Column::RemoteVersion];
    let known = OnConflict::columns(key).do_nothing().to_owned();
    Entity::insert(kept).on_conflict(known).exec_without_returning(tx.conn()).await.db().map(|_| ())
}

/// Ids of the deals that a connector is linked to.
pub(crate) fn linked_deals(cx: &Cx, connector: &str) -> SelectStatement {
    use link_row::{Column, Entity};
    Entity::find()
        .select_only()
        .column(Column::LocalId)
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Connector.eq(connector))
        .filter(Column::Object.eq(i32::from(CrmObject::Deal)))
        .into_query()
}
