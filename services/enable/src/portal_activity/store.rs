//! Rows of portal activities, and of single views, which ensure that each view
//! counts once.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{
    ActiveValue::Set,
    Condition,
    entity::prelude::*,
    sea_query::{ExprTrait, OnConflict},
};
use stoa_kernel::{Cx, Error, Result, Timestamp, names};
use stoa_proto::{common::v1::ErrorReason, enable::v1::PortalActivity};
use stoa_store::{DbResult, Documents, Key, Tx, filter::Field};

use super::View;

mod view_row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
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
    #![expect(unreachable_pub, reason = "the derives generate public items")]
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
pub(crate) use row::{Column, Entity as Activities};

/// Views per statement: databases limit the number of parameters.
const VIEWS_PER_STATEMENT: usize = 200;

impl Documents for Activities {
    type Document = PortalActivity;
    const FILTER: &'static [Field] = &[
        Field::name("partner", "partners"),
        Field::text("element"),
        Field::text("date"),
        Field::int("view_count"),
        Field::time("first_view_time"),
        Field::time("last_view_time"),
    ];

    fn row(Key { tenant, id, version, document }: Key, activity: &PortalActivity) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            partner: names::last(&activity.partner).to_owned(),
            element: activity.element.clone(),
            date: activity.date.clone(),
            view_count: activity.view_count,
            first_view_time: Timestamp::micros_of(activity.first_view_time.as_ref()).unwrap_or_default(),
            last_view_time: Timestamp::micros_of(activity.last_view_time.as_ref()).unwrap_or_default(),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        stoa_directory::visible(cx, Column::Partner)
    }

    /// Another batch counted the first view of that day in the meantime: this
    /// one is retried.
    fn taken(activity: &PortalActivity) -> Error {
        Error::etag_mismatch(&activity.name).with_reason(ErrorReason::Contention)
    }
}

/// Inserts the views that are new and returns their indexes. No two views may
/// have the same partner and activity id.
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

/// Returns the person and element in the rows of views, by the index of the
/// view.
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
