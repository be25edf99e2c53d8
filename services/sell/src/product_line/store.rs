//! Rows of product lines.

use stoa_proto::sell::v1::ProductLine;
use stoa_store::{Documents, Key};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "product_line")]
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
pub(crate) use row::{Column, Entity as ProductLines};

impl Documents for ProductLines {
    type Document = ProductLine;

    fn row(Key { tenant, id, version, document }: Key, _: &ProductLine) -> row::Model {
        row::Model { tenant, id, version, document }
    }
}
