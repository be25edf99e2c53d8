//! Rows of course completions.

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict};
use stoa_directory::visible;
use stoa_kernel::{Cx, Result, Timestamp, etag, names, page::Page};
use stoa_proto::enable::v1::CourseCompletion;
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
};

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "course_completion")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub person: String,
        pub course: String,
        pub product_line: String,
        pub complete_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

const FILTER: [Field; 5] = [
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "person", column: "person", kind: Kind::Name("persons") },
    Field { api: "course", column: "course", kind: Kind::Name("courses") },
    Field { api: "product_line", column: "product_line", kind: Kind::Name("productLines") },
    Field { api: "complete_time", column: "complete_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<CourseCompletion> {
    decode("course_completion", &row.id, &row.document)
}

fn row(cx: &Cx, completion: &CourseCompletion) -> ActiveModel {
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&completion.name).to_owned()),
        version: Set(etag::version(&completion.etag)),
        document: Set(completion.encode_to_vec()),
        partner: Set(names::last(&completion.partner).to_owned()),
        person: Set(names::last(&completion.person).to_owned()),
        course: Set(names::last(&completion.course).to_owned()),
        product_line: Set(names::last(&completion.product_line).to_owned()),
        complete_time: Set(Timestamp::stored(completion.complete_time.as_ref()).unwrap_or_default().micros()),
    }
}

/// The completion, if the caller may see it.
pub(crate) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<CourseCompletion>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.one(conn).await.db()?.map(read).transpose()
}

/// Inserts the completion; false where there is one with its id.
pub(super) async fn insert_first(tx: &Tx, cx: &Cx, completion: &CourseCompletion) -> Result<bool> {
    let first = OnConflict::columns([Column::Tenant, Column::Id]).do_nothing().to_owned();
    let inserted = Entity::insert(row(cx, completion)).on_conflict(first).exec_without_returning(tx.conn()).await.db()?;
    Ok(inserted == 1)
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<CourseCompletion>> {
    let after = page.after.first().cloned().unwrap_or_default();
    let rows = Entity::find()
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(visible(cx, Column::Partner))
        .filter(filter::lower(filter, &FILTER)?)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(page.fetch())
        .all(conn)
        .await
        .db()?;
    rows.into_iter().map(read).collect()
}
