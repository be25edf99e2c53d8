//! Rows of courses. `content_version` is the course's own version, `version`
//! that of the record.

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Result, Timestamp, etag, names, page::Page};
use stoa_proto::enable::v1::Course;
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    inserted, saved,
};

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "course")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub display_name: String,
        pub product_line: String,
        pub language: String,
        pub content_version: i32,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

const FILTER: [Field; 5] = [
    Field { api: "display_name", column: "display_name", kind: Kind::Text },
    Field { api: "product_line", column: "product_line", kind: Kind::Name("productLines") },
    Field { api: "language", column: "language", kind: Kind::Text },
    Field { api: "version", column: "content_version", kind: Kind::Int },
    Field { api: "create_time", column: "create_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<Course> {
    decode("course", &row.id, &row.document)
}

fn row(cx: &Cx, course: &Course) -> ActiveModel {
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&course.name).to_owned()),
        version: Set(etag::version(&course.etag)),
        document: Set(course.encode_to_vec()),
        display_name: Set(course.display_name.clone()),
        product_line: Set(names::last(&course.product_line).to_owned()),
        language: Set(course.language.clone()),
        content_version: Set(course.version),
        create_time: Set(Timestamp::stored(course.create_time.as_ref()).unwrap_or_default().micros()),
    }
}

/// The course, if the tenant has it.
pub(crate) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<Course>> {
    Entity::find_by_id((cx.tenant.clone(), id.to_owned())).one(conn).await.db()?.map(read).transpose()
}

/// The course, locked until the transaction ends.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<Course>> {
    Entity::find_by_id((cx.tenant.clone(), id.to_owned())).lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, course: &Course) -> Result<()> {
    inserted(Entity::insert(row(cx, course)).exec_without_returning(tx.conn()).await, &course.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, course: &Course) -> Result<()> {
    let before = etag::version(&course.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, course))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&course.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &course.name)
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<Course>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(filter::lower(filter, &FILTER)?)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(page.fetch())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}
