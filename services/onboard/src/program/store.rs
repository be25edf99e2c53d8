//! Rows of programs.

use stoa_proto::onboard::v1::Program;
use stoa_store::{Documents, Key};

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "program")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
pub(crate) use row::Entity as Programs;

impl Documents for Programs {
    type Document = Program;

    fn row(Key { tenant, id, version, document }: Key, _: &Program) -> row::Model {
        row::Model { tenant, id, version, document }
    }
}
