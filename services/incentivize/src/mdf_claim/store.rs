//! Rows of MDF claims.

use std::collections::BTreeMap;

use prost::Message;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_directory::visible;
use stoa_kernel::{Cx, Result, Timestamp, etag, names, page::Page};
use stoa_proto::incentivize::v1::{MdfClaim, MdfClaimState as State};
use stoa_store::{
    DbResult, Tx, decode,
    filter::{self, Field, Kind},
    inserted, saved,
};

use crate::ledger::{prove::Totals, sums};

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "mdf_claim")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub mdf_request: String,
        pub state: i32,
        pub currency: String,
        pub approved: i64,
        pub submit_time: Option<i64>,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

fn state(name: &str) -> Option<i32> {
    filter::enum_value("MDF_CLAIM_STATE_", name, State::from_str_name)
}

const FILTER: [Field; 5] = [
    Field { api: "partner", column: "partner", kind: Kind::Name("partners") },
    Field { api: "mdf_request", column: "mdf_request", kind: Kind::Name("mdfRequests") },
    Field { api: "state", column: "state", kind: Kind::Enum(state) },
    Field { api: "submit_time", column: "submit_time", kind: Kind::Time },
    Field { api: "create_time", column: "create_time", kind: Kind::Time },
];

fn read(row: Model) -> Result<MdfClaim> {
    decode("mdf_claim", &row.id, &row.document)
}

fn row(cx: &Cx, claim: &MdfClaim) -> ActiveModel {
    let micros = |time: Option<&prost_types::Timestamp>| Timestamp::stored(time).map(Timestamp::micros);
    ActiveModel {
        tenant: Set(cx.tenant.clone()),
        id: Set(names::last(&claim.name).to_owned()),
        version: Set(etag::version(&claim.etag)),
        document: Set(claim.encode_to_vec()),
        partner: Set(names::last(&claim.partner).to_owned()),
        mdf_request: Set(names::last(&claim.mdf_request).to_owned()),
        state: Set(claim.state),
        currency: Set(claim.amount.clone().unwrap_or_default().currency_code),
        approved: Set(claim.approved_amount.as_ref().map_or(0, |m| m.minor_units)),
        submit_time: Set(micros(claim.submit_time.as_ref())),
        create_time: Set(micros(claim.create_time.as_ref()).unwrap_or_default()),
    }
}

/// The claim, if the caller may see it.
pub(super) async fn find<C: ConnectionTrait>(conn: &C, cx: &Cx, id: &str) -> Result<Option<MdfClaim>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.one(conn).await.db()?.map(read).transpose()
}

/// The claim, locked until the transaction ends, if the caller may see it.
pub(super) async fn lock(tx: &Tx, cx: &Cx, id: &str) -> Result<Option<MdfClaim>> {
    let mine = Entity::find_by_id((cx.tenant.clone(), id.to_owned())).filter(visible(cx, Column::Partner));
    mine.lock_exclusive().one(tx.conn()).await.db()?.map(read).transpose()
}

pub(super) async fn insert(tx: &Tx, cx: &Cx, claim: &MdfClaim) -> Result<()> {
    inserted(Entity::insert(row(cx, claim)).exec_without_returning(tx.conn()).await, &claim.name)
}

pub(super) async fn save(tx: &Tx, cx: &Cx, claim: &MdfClaim) -> Result<()> {
    let before = etag::version(&claim.etag) - 1;
    let done = Entity::update_many()
        .set(row(cx, claim))
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.eq(names::last(&claim.name)))
        .filter(Column::Version.eq(before))
        .exec(tx.conn())
        .await;
    saved(done, &claim.name)
}

/// Adds what was approved and paid to the totals of the proof.
pub(crate) async fn totals<C: ConnectionTrait>(conn: &C, cx: &Cx, totals: &mut BTreeMap<String, Totals>) -> Result<()> {
    let all = || Entity::find().filter(Column::Tenant.eq(&cx.tenant));
    for (currency, sum) in sums::by_currency(conn, all(), Column::Currency, "approved").await? {
        totals.entry(currency).or_default().approved = sum;
    }
    let paid = all().filter(Column::State.eq(State::Paid as i32));
    for (currency, sum) in sums::by_currency(conn, paid, Column::Currency, "approved").await? {
        totals.entry(currency).or_default().paid = sum;
    }
    Ok(())
}

pub(super) async fn list<C: ConnectionTrait>(conn: &C, cx: &Cx, page: &Page, filter: &str) -> Result<Vec<MdfClaim>> {
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
