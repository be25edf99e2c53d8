//! Rows of deals. `registration_state` is the last recorded state;
//! `remind_time` is set while a reminder is still to come.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{Condition, ConnectionTrait, QuerySelect, QueryTrait, entity::prelude::*, sea_query::SelectStatement};
use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::sell::v1::{Deal, PipelineStage as Stage, RegistrationState as State};
use stoa_store::{DbResult, Documents, Key, documents, filter::Field};

use super::{pipeline, protection, registration};
use crate::{claim, link};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "deal")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub registration_state: i32,
        pub pipeline_stage: i32,
        pub product_line: String,
        pub close_date: String,
        pub amount_minor: Option<i64>,
        pub customer_domain: String,
        pub imported: bool,
        pub deleted: bool,
        pub submit_time: Option<i64>,
        pub end_time: Option<i64>,
        pub decide_due_time: Option<i64>,
        pub remind_time: Option<i64>,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
pub(crate) use row::{Column, Entity as Deals};

impl Documents for Deals {
    type Document = Deal;
    const FILTER: &'static [Field] = &[
        Field::name("partner", "partners"),
        Field::state::<State>("registration_state", in_state),
        Field::value::<Stage>("pipeline_stage"),
        Field::name("product_line", "productLines"),
        Field::text("close_date"),
        Field::int("amount_minor"),
        Field::time("create_time").ordered(),
        Field::text("customer_domain"),
        Field::bool("imported"),
    ];

    fn row(Key { tenant, id, version, document }: Key, deal: &Deal) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            partner: names::last(&deal.partner).to_owned(),
            registration_state: deal.registration_state,
            pipeline_stage: deal.pipeline_stage,
            product_line: names::last(&deal.product_line).to_owned(),
            close_date: deal.close_date.clone(),
            amount_minor: deal.amount.as_ref().map(|a| a.minor_units),
            customer_domain: deal.customer.as_ref().map(claim::domain).unwrap_or_default(),
            imported: deal.imported,
            deleted: deal.delete_time.is_some(),
            submit_time: Timestamp::micros_of(deal.submit_time.as_ref()),
            end_time: pipeline::close_time(deal).map(Timestamp::micros),
            decide_due_time: Timestamp::micros_of(deal.decide_due_time.as_ref()),
            remind_time: protection::next_reminder(deal).map(|(_, due)| due.micros()),
            create_time: Timestamp::micros_of(deal.create_time.as_ref()).unwrap_or_default(),
        }
    }

    /// A partner's people see its deals, a connector sees those of its registration.
    fn scope(cx: &Cx) -> Condition {
        let mine = Condition::all().add(Column::Deleted.eq(false));
        mine.add(stoa_directory::visible(cx, Column::Partner)).add(link::table::visible(cx, Column::Id))
    }

    fn at(deal: Deal, now: Timestamp) -> Deal {
        registration::as_of(deal, now)
    }
}

/// Condition that a registration is in a state at an instant. See
/// [`registration::state_at`].
fn in_state(state: i32, now: Timestamp) -> Condition {
    let recorded = || Condition::all().add(Column::RegistrationState.eq(state));
    match State::try_from(state).unwrap_or_default() {
        State::Expired => {
            let pending = Condition::all().add(Column::RegistrationState.is_in(registration::PENDING.iter().map(|s| i32::from(*s))));
            Condition::any().add(recorded()).add(pending.add(Column::DecideDueTime.lte(now.micros())))
        }
        pending if registration::is_pending(pending) => recorded().add(Column::DecideDueTime.gt(now.micros())),
        _ => recorded(),
    }
}

/// Selects the id of the partner of a deal that the caller may see.
pub(super) fn partner_of(cx: &Cx, id: &str) -> SelectStatement {
    let deal = Deals::find().select_only().column(Column::Partner).filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Id.eq(id));
    deal.filter(Deals::scope(cx)).into_query()
}

/// Returns open deals among `ids`, except `other_than`, that may hold their
/// customer, including direct ones. The rules decide whether they do. Not
/// limited to what the caller may see.
pub(super) async fn registered<C: ConnectionTrait>(conn: &C, cx: &Cx, ids: SelectStatement, other_than: &str) -> Result<Vec<Deal>> {
    let states = registration::PENDING.iter().chain(&[State::Approved]).map(|state| i32::from(*state));
    let rows = documents::select::<Deals>(cx)
        .filter(Column::Id.in_subquery(ids))
        .filter(Column::Id.ne(other_than))
        .filter(Condition::any().add(Column::RegistrationState.is_in(states)).add(Column::Partner.eq("")))
        .filter(Column::Imported.eq(false))
        .filter(Column::Deleted.eq(false))
        .filter(Column::EndTime.is_null());
    documents::all(conn, rows).await
}

/// Whether a deal of another partner, among `ids`, was registered before
/// `until` and not closed by `from`.
pub(super) async fn overlapping<C: ConnectionTrait>(
    conn: &C,
    cx: &Cx,
    ids: SelectStatement,
    partner: &str,
    (from, until): (Timestamp, Timestamp),
) -> Result<bool> {
    let open = Condition::any().add(Column::EndTime.is_null()).add(Column::EndTime.gt(from.micros()));
    let other: Option<String> = Deals::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Tenant.eq(&cx.tenant))
        .filter(Column::Id.in_subquery(ids))
        .filter(Column::Deleted.eq(false))
        .filter(Column::Partner.ne(partner))
        .filter(Column::SubmitTime.lt(until.micros()))
        .filter(open)
        .limit(1)
        .into_tuple()
        .one(conn)
        .await
        .db()?;
    Ok(other.is_some())
}

/// When a deal was registered, and by whom.
pub(crate) struct Registration {
    /// Id of the partner. Empty for a direct deal.
    pub(crate) partner: String,
    start: Option<Timestamp>,
    /// When the deal was won or lost; `None` while it is open.
    pub(crate) end: Option<Timestamp>,
    deleted: bool,
}

impl Registration {
    pub(crate) fn of(deal: &Deal) -> Self {
        Self {
            partner: names::last(&deal.partner).to_owned(),
            start: Timestamp::stored(deal.submit_time.as_ref()),
            end: pipeline::close_time(deal),
            deleted: deal.delete_time.is_some(),
        }
    }

    /// Whether another partner than `partner` had registered the deal before
    /// `until`, and it was not closed by `from`. The same as [`overlapping`].
    pub(crate) fn overlaps(&self, partner: &str, from: Timestamp, until: Option<Timestamp>) -> bool {
        let started = self.start.is_some_and(|start| until.is_none_or(|until| start < until));
        started && !self.deleted && self.partner != partner && self.end.is_none_or(|end| end > from)
    }
}

/// Returns the registrations of deals by their ids. Not limited to what the
/// caller may see.
pub(crate) async fn registrations<C: ConnectionTrait>(conn: &C, cx: &Cx, ids: BTreeSet<&str>) -> Result<BTreeMap<String, Registration>> {
    type Row = (String, String, Option<i64>, Option<i64>, bool);
    let columns = [Column::Id, Column::Partner, Column::SubmitTime, Column::EndTime, Column::Deleted];
    let rows = Deals::find().select_only().columns(columns).filter(Column::Tenant.eq(&cx.tenant)).filter(Column::Id.is_in(ids));
    let found: Vec<Row> = rows.into_tuple().all(conn).await.db()?;
    let read = |(id, partner, start, end, deleted): Row| {
        let (start, end) = (start.map(Timestamp::from_micros), end.map(Timestamp::from_micros));
        (id, Registration { partner, start, end, deleted })
    };
    Ok(found.into_iter().map(read).collect())
}
