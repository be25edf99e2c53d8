//! Rows of agreements. `state` is the last recorded state.

use sea_orm::{Condition, entity::prelude::*};
use stoa_kernel::{Cx, Timestamp, names};
use stoa_proto::onboard::v1::{Agreement, AgreementState as State};
use stoa_store::{Documents, Key, filter::Field};

use crate::scope::visible;

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "agreement")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub prospect: String,
        pub partner: String,
        pub program: String,
        pub state: i32,
        pub expire_time: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::Column;
pub(crate) use row::Entity as Agreements;

impl Documents for Agreements {
    type Document = Agreement;
    const FILTER: &'static [Field] = &[
        Field::name("prospect", "prospects"),
        Field::name("partner", "partners"),
        Field::name("program", "programs"),
        Field::state::<State>("state", in_state),
        Field::time("expire_time"),
    ];

    fn row(Key { tenant, id, version, document }: Key, agreement: &Agreement) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            prospect: names::last(&agreement.prospect).to_owned(),
            partner: names::last(&agreement.partner).to_owned(),
            program: names::last(&agreement.program).to_owned(),
            state: agreement.state,
            expire_time: Timestamp::micros_of(agreement.expire_time.as_ref()),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        visible(cx, Column::Partner)
    }

    fn at(agreement: Agreement, now: Timestamp) -> Agreement {
        super::as_of(agreement, now)
    }
}

/// Condition that an agreement is in a state at an instant. See
/// [`super::as_of`].
fn in_state(state: i32, now: Timestamp) -> Condition {
    let recorded = |state: i32| Condition::all().add(Column::State.eq(state));
    let effective = || recorded(State::Effective.into());
    match State::try_from(state) {
        Ok(State::Effective) => {
            effective().add(Condition::any().add(Column::ExpireTime.is_null()).add(Column::ExpireTime.gt(now.micros())))
        }
        Ok(State::Expired) => Condition::any().add(recorded(state)).add(effective().add(Column::ExpireTime.lte(now.micros()))),
        _ => recorded(state),
    }
}
