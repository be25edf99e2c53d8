//! Rows of persons.

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Result, etag, names, page::Page};
use stoa_proto::onboard::v1::Person;
use stoa_store::{DbResult, Tx, decode, inserted};

use crate::scope::visible;

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "person")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

fn read(row: Model) -> Result<Person> {
    decode("person", &row.id, &row.document)
}

/// The person, if the caller may see it.
pub(crate) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<Person>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.one(conn).await.db()?.map(read).transpose()
}

/// The person, locked until the transaction ends, if the caller may see it.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<Person>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, person: &Person) -> Result<()> {
    let row = ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&person.name).to_owned()),
        version: Set(etag::version(&person.etag)),
        document: Set(person.encode_to_vec()),
        partner: Set(names::last(&person.partner).to_owned()),
    };
    inserted(Entity::insert(row).exec_without_returning(tx.conn()).await, &person.name)
}

/// Deletes a person that the caller has locked.
pub(super) async fn delete(tx: &Tx, cx: &Cx, id: &str) -> Result<()> {
    Entity::delete_by_id((cx.tenant.clone(), id.to_owned())).exec(tx.conn()).await.db().map(|_| ())
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page) -> Result<Vec<Person>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(visible(cx, Column::Partner))
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(page.fetch())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}
