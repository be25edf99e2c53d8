//! Rows of portal activities, and of the single views that make each count
//! once.

use std::collections::{BTreeSet, HashMap};

use prost::Message;
use sea_orm::{
    ActiveValue::Set,
    Condition, ConnectionTrait, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{ExprTrait, OnConflict},
};
use stoa_directory::visible;
use stoa_kernel::{Cx, Error, Result, Timestamp, etag, names, page::Page};
use stoa_proto::enable::v1::PortalActivity;
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    is_unique_violation, saved,
};

use super::View;

mod view_row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "portal_view")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub partner: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub activity_id: String,
        pub person: String,
        pub element: String,
        pub view_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "portal_activity")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub element: String,
        pub date: String,
        pub view_count: i64,
        pub first_view_time: i64,
        pub last_view_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

/// Views written by one statement: databases bound its parameters.
const VIEWS_PER_STATEMENT: usize = 200;

const FILTER: [Field; 6] = [
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "element", column: "element", kind: Kind::Text },
    Field { api: "date", column: "date", kind: Kind::Text },
    Field { api: "view_count", column: "view_count", kind: Kind::Int },
    Field { api: "first_view_time", column: "first_view_time", kind: Kind::Time },
    Field { api: "last_view_time", column: "last_view_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<PortalActivity> {
    decode("portal_activity", &row.id, &row.document)
}

fn row(cx: &Cx, activity: &PortalActivity) -> ActiveModel {
    let micros = |time: &Option<prost_types::Timestamp>| Timestamp::stored(time.as_ref()).unwrap_or_default().micros();
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&activity.name).to_owned()),
        version: Set(etag::version(&activity.etag)),
        document: Set(activity.encode_to_vec()),
        partner: Set(names::last(&activity.partner).to_owned()),
        element: Set(activity.element.clone()),
        date: Set(activity.date.clone()),
        view_count: Set(activity.view_count),
        first_view_time: Set(micros(&activity.first_view_time)),
        last_view_time: Set(micros(&activity.last_view_time)),
    }
}

/// Inserts the views that are new; returns their indexes. No two may have the
/// same partner and activity id.
pub(super) async fn insert_new(tx: &Tx, cx: &Cx, views: &[&View]) -> Result<BTreeSet<usize>> {
    use view_row::{ActiveModel, Column, Entity};
    let by_key: HashMap<(&str, &str), usize> = views.iter().map(|v| ((v.partner.as_str(), v.activity_id.as_str()), v.index)).collect();
    let mut inserted = BTreeSet::new();
    for chunk in views.chunks(VIEWS_PER_STATEMENT) {
        let rows = chunk.iter().map(|view| ActiveModel {
            tenant: Set(cx.tenant.clone()),
            partner: Set(view.partner.clone()),
            activity_id: Set(view.activity_id.clone()),
            person: Set(view.person.clone()),
            element: Set(view.element.clone()),
            view_time: Set(view.at.micros()),
        });
        let first = OnConflict::columns([Column::Tenant, Column::Partner, Column::ActivityId]).do_nothing().to_owned();
        let new = Entity::insert_many(rows).on_conflict(first).exec_with_returning(tx.conn()).await.db()?;
        inserted.extend(new.iter().filter_map(|row| by_key.get(&(row.partner.as_str(), row.activity_id.as_str()))));
    }
    Ok(inserted)
}

/// Person and element that the rows of views hold, by the views' indexes.
pub(super) async fn recorded<'a>(tx: &Tx, cx: &Cx, views: impl Iterator<Item = &'a View>) -> Result<HashMap<usize, (String, String)>> {
    use view_row::{Column, Entity};
    let by_key: HashMap<(&str, &str), usize> = views.map(|v| ((v.partner.as_str(), v.activity_id.as_str()), v.index)).collect();
    let keys: Vec<(&str, &str)> = by_key.keys().copied().collect();
    let mut found = HashMap::new();
    for chunk in keys.chunks(VIEWS_PER_STATEMENT) {
        let any = chunk
            .iter()
            .fold(Condition::any(), |any, (partner, activity)| any.add(Column::Partner.eq(*partner).and(Column::ActivityId.eq(*activity))));
        for row in Entity::find().filter(Column::Tenant.eq(&cx.tenant)).filter(any).all(tx.conn()).await.db()? {
            if let Some(index) = by_key.get(&(row.partner.as_str(), row.activity_id.as_str())) {
                found.insert(*index, (row.person, row.element));
            }
        }
    }
    Ok(found)
}

/// The activity, locked until the transaction ends, if the caller may see it.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<PortalActivity>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

/// Inserts the first count of a day. Another batch that was first makes this
/// one retry.
pub(super) async fn insert(tx: &Tx, cx: &Cx, activity: &PortalActivity) -> Result<()> {
    match Entity::insert(row(cx, activity)).exec_without_returning(tx.conn()).await {
        Err(e) if is_unique_violation(&e) => Err(Error::etag_mismatch(&activity.name).with_reason("CONTENTION")),
        other => other.db().map(|_| ()),
    }
}

pub(super) async fn save(tx: &Tx, cx: &Cx, activity: &PortalActivity) -> Result<()> {
    let before = etag::version(&activity.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, activity))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&activity.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &activity.name)
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<PortalActivity>> {
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
