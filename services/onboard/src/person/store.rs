//! Rows of persons.

use sea_orm::Condition;
use stoa_kernel::{Cx, names};
use stoa_proto::onboard::v1::Person;
use stoa_store::{Documents, Key};

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
use row::Column;
pub(crate) use row::Entity as Persons;

impl Documents for Persons {
    type Document = Person;

    fn row(Key { tenant, id, version, document }: Key, person: &Person) -> row::Model {
        row::Model { tenant, id, version, document, partner: names::last(&person.partner).to_owned() }
    }

    fn scope(cx: &Cx) -> Condition {
        visible(cx, Column::Partner)
    }
}
