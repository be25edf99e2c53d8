//! Rows of certification awards. `state` is the last recorded state. `due_time`
//! is set while an expiry is still to be recorded, so that the sweep reads only
//! awards that are due.

use sea_orm::{Condition, QueryOrder, QuerySelect, entity::prelude::*};
use stoa_kernel::{Cx, Result, Timestamp, names};
use stoa_proto::enable::v1::{CertificationAward, CertificationAwardState as State};
use stoa_store::{Documents, Key, Tx, documents, filter::Field};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "certification_award")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub certification: String,
        pub product_line: String,
        pub partner: String,
        pub person: String,
        pub state: i32,
        pub earn_time: i64,
        pub expire_time: i64,
        pub due_time: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
pub(crate) use row::{Column, Entity as Awards};

impl Documents for Awards {
    type Document = CertificationAward;
    const FILTER: &'static [Field] = &[
        Field::name("certification", "certifications"),
        Field::name("product_line", "productLines"),
        Field::name("partner", "partners"),
        Field::name("person", "persons"),
        Field::state::<State>("state", in_state),
        Field::time("earn_time"),
        Field::time("expire_time").ordered(),
    ];

    fn row(Key { tenant, id, version, document }: Key, award: &CertificationAward) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            certification: names::last(&award.certification).to_owned(),
            product_line: names::last(&award.product_line).to_owned(),
            partner: names::last(&award.partner).to_owned(),
            person: names::last(&award.person).to_owned(),
            state: award.state,
            earn_time: Timestamp::micros_of(award.earn_time.as_ref()).unwrap_or_default(),
            expire_time: Timestamp::micros_of(award.expire_time.as_ref()).unwrap_or_default(),
            due_time: super::due_time(award).map(Timestamp::micros),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        stoa_directory::visible(cx, Column::Partner)
    }

    fn at(award: CertificationAward, now: Timestamp) -> CertificationAward {
        super::as_of(award, now)
    }
}

/// Condition that an award is in a state at an instant. See
/// [`super::state_at`].
fn in_state(state: i32, now: Timestamp) -> Condition {
    let now = now.micros();
    let not_revoked = || Condition::all().add(Column::State.ne(State::Revoked as i32));
    match State::try_from(state).unwrap_or_default() {
        State::Revoked => Column::State.eq(State::Revoked as i32).into(),
        State::Expired => not_revoked().add(Column::ExpireTime.lte(now)),
        State::Valid => not_revoked().add(Column::ExpireTime.gt(now)),
        // EARNED is a recorded state only: an award is valid as soon as it is
        // earned.
        State::Earned | State::Unspecified => Condition::any(),
    }
}

/// Locks and returns all awards of a certification to a person, for any
/// partner.
pub(super) async fn of_person(tx: &Tx, cx: &Cx, certification: &str, person: &str) -> Result<Vec<CertificationAward>> {
    let theirs = documents::select::<Awards>(cx).filter(Column::Person.eq(person)).filter(Column::Certification.eq(certification));
    documents::all(tx.conn(), theirs.order_by_asc(Column::Id).lock_exclusive()).await
}
