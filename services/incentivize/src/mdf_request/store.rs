//! Rows of MDF requests.

use sea_orm::{Condition, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::incentivize::v1::{MdfRequest, MdfRequestState as State};
use stoa_store::{Documents, Key, Tx, documents, filter::Field};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "mdf_request")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub mdf_budget: String,
        pub marketing_campaign: String,
        pub state: i32,
        pub usage_start_date: String,
        pub usage_end_date: String,
        pub claim_deadline_time: i64,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
pub(crate) use row::{Column, Entity as MdfRequests};

/// The states that the claim deadline ends.
const OPEN: [i32; 2] = [State::Approved as i32, State::InExecution as i32];

impl Documents for MdfRequests {
    type Document = MdfRequest;
    const FILTER: &'static [Field] = &[
        Field::name("partner", "partners"),
        Field::name("mdf_budget", "mdfBudgets"),
        Field::name("marketing_campaign", "marketingCampaigns"),
        Field::state::<State>("state", in_state),
        Field::text("usage_start_date"),
        Field::text("usage_end_date"),
        Field::time("claim_deadline_time").ordered(),
        Field::time("create_time"),
    ];

    fn row(Key { tenant, id, version, document }: Key, request: &MdfRequest) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            partner: names::last(&request.partner).to_owned(),
            mdf_budget: names::last(&request.mdf_budget).to_owned(),
            marketing_campaign: names::last(&request.marketing_campaign).to_owned(),
            state: request.state,
            usage_start_date: request.usage_start_date.clone(),
            usage_end_date: request.usage_end_date.clone(),
            claim_deadline_time: Timestamp::micros_of(request.claim_deadline_time.as_ref()).unwrap_or_default(),
            create_time: Timestamp::micros_of(request.create_time.as_ref()).unwrap_or_default(),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        stoa_directory::visible(cx, Column::Partner)
    }

    fn at(request: MdfRequest, now: Timestamp) -> MdfRequest {
        super::as_of(request, now)
    }
}

/// Condition that a request is in a state at an instant. See [`super::as_of`].
fn in_state(state: i32, now: Timestamp) -> Condition {
    let recorded = Condition::all().add(Column::State.eq(state));
    if OPEN.contains(&state) {
        return recorded.add(Column::ClaimDeadlineTime.gt(now.micros()));
    }
    if state == State::Expired as i32 {
        return Condition::any().add(recorded).add(open().add(Column::ClaimDeadlineTime.lte(now.micros())));
    }
    recorded
}

/// Condition that a request is recorded as open, whether or not its claim
/// deadline has passed.
pub(super) fn open() -> Condition {
    Condition::all().add(Column::State.is_in(OPEN))
}

/// Returns the open requests of a budget whose deadline has passed, locked in
/// the order of their ids. There is no scope, because it is the vendor's
/// budget.
pub(super) async fn lock_due_of_budget(tx: &Tx, cx: &Cx, budget: &str) -> Result<Vec<MdfRequest>> {
    let due = documents::select::<MdfRequests>(cx)
        .filter(Column::MdfBudget.eq(budget))
        .filter(open())
        .filter(Column::ClaimDeadlineTime.lte(cx.now.micros()));
    documents::all(tx.conn(), due.order_by_asc(Column::Id).lock_exclusive()).await
}
