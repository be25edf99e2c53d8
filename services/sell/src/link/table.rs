//! Rows of links. The links of a group of CRM rows are read at once, updated in
//! memory row by row, and written at once.

use std::collections::BTreeMap;

use prost::Message;
use sea_orm::{Condition, QueryOrder, QuerySelect, QueryTrait, entity::prelude::*, sea_query::OnConflict};
use stoa_kernel::{Cx, Error, Kind, Result};
use stoa_proto::common::v1::ErrorReason;
use stoa_proto::sell::v1::{CrmFindingKind as Finding, CrmObject, CrmRow};
use stoa_store::{DbResult, Tx, is_unique_violation};

use super::{RemoteKey, remote_key, remote_time};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
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
pub(crate) use row::Model as Link;
use row::{ActiveModel, Column, Entity};

/// Returns the link for a row that was applied. The row becomes the base that
/// both sides agree on.
pub(crate) fn new_link(cx: &Cx, connector: &str, row: &CrmRow, local_id: &str, findings: &[Finding]) -> Link {
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

/// Returns the findings of the row that the link was made from.
pub(crate) fn findings(link: &Link) -> Vec<Finding> {
    link.findings.split(',').filter_map(|n| n.parse::<i32>().ok()).filter_map(|n| Finding::try_from(n).ok()).collect()
}

/// The links of a group of rows, as the rows applied so far left them.
pub(crate) struct Links(BTreeMap<RemoteKey, Known>);

struct Known {
    link: Link,
    is_stored: bool,
    is_changed: bool,
}

impl Links {
    /// Reads the links of a connector's rows and locks them until the transaction ends.
    pub(crate) async fn of_rows(tx: &Tx, cx: &Cx, connector: &str, rows: &[CrmRow]) -> Result<Self> {
        let ids = rows.iter().map(|row| row.remote_id.as_str());
        let stored = Entity::find()
            .filter(Column::Tenant.eq(&cx.tenant))
            .filter(Column::Connector.eq(connector))
            .filter(Column::RemoteId.is_in(ids))
            .order_by_asc(Column::RemoteId)
            .lock_exclusive();
        let known = |link: Link| {
            let key = (link.remote_object.clone(), link.remote_id.clone());
            (key, Known { link, is_stored: true, is_changed: false })
        };
        Ok(Self(stored.all(tx.conn()).await.db()?.into_iter().map(known).collect()))
    }

    /// Returns the link of a row's object, if it has one.
    pub(crate) fn get(&self, row: &CrmRow) -> Option<&Link> {
        self.0.get(&remote_key(row)).map(|known| &known.link)
    }

    /// Sets the link of a remote object, in place of any that it had.
    pub(crate) fn put(&mut self, link: Link) {
        let key = (link.remote_object.clone(), link.remote_id.clone());
        let is_stored = self.0.get(&key).is_some_and(|known| known.is_stored);
        self.0.insert(key, Known { link, is_stored, is_changed: true });
    }

    /// Writes the links that [`Self::put`] set.
    ///
    /// # Errors
    /// ABORTED `CONTENTION` if another push linked one of the objects in the meantime.
    pub(crate) async fn write(self, tx: &Tx) -> Result<()> {
        let (changed, new): (Vec<Known>, Vec<Known>) =
            self.0.into_values().filter(|known| known.is_changed).partition(|known| known.is_stored);
        let row = |known: Known| ActiveModel::from(known.link).reset_all();
        if !new.is_empty() {
            let insert = Entity::insert_many(new.into_iter().map(row));
            stored(insert.exec_without_returning(tx.conn()).await)?;
        }
        if !changed.is_empty() {
            let key = [Column::Tenant, Column::Connector, Column::RemoteObject, Column::RemoteId];
            let own = [
                Column::Object,
                Column::LocalId,
                Column::RemoteVersion,
                Column::RemoteTime,
                Column::Deleted,
                Column::Findings,
                Column::Base,
            ];
            let replaced = OnConflict::columns(key).update_columns(own).to_owned();
            let insert = Entity::insert_many(changed.into_iter().map(row)).on_conflict(replaced);
            stored(insert.exec_without_returning(tx.conn()).await)?;
        }
        Ok(())
    }
}

fn stored<T>(done: Result<T, DbErr>) -> Result<()> {
    match done {
        Err(e) if is_unique_violation(&e) => {
            let message = "another push wrote this object at the same time. Send the row again.";
            Err(Error::new(Kind::Aborted, ErrorReason::Contention, message))
        }
        other => other.db().map(|_| ()),
    }
}

/// Condition on a column with deal ids: people see all deals, a connector only
/// those that its registration is linked to.
pub(crate) fn visible<C: ColumnTrait>(cx: &Cx, deal: C) -> Condition {
    if cx.caller.connector.is_empty() {
        return Condition::all();
    }
    let linked = Entity::find()
        .select_only()
        .column(Column::LocalId)
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Connector.eq(&cx.caller.connector))
        .filter(Column::Object.eq(i32::from(CrmObject::Deal)));
    Condition::all().add(deal.in_subquery(linked.into_query()))
}
