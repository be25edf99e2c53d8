//! Rows that contradict what is final here, kept for people to review.

use prost::Message;
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::OnConflict};
use stoa_kernel::{Cx, Result};
use stoa_proto::sell::v1::CrmRow;
use stoa_store::{DbResult, Tx};

use crate::link::remote_key;

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
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
use row::{ActiveModel, Column, Entity};

/// Keeps a row of a connector. Nothing happens if it is kept already.
pub(super) async fn keep(tx: &Tx, cx: &Cx, connector: &str, row: &CrmRow, local_id: &str, reason: &str) -> Result<()> {
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
