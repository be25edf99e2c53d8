//! Rows of certifications. `content_version` is the certification's own
//! version; `version` is that of the record.

use stoa_kernel::{Timestamp, names};
use stoa_proto::enable::v1::Certification;
use stoa_store::{Documents, Key, filter::Field};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "certification")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub display_name: String,
        pub product_line: String,
        pub content_version: i32,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
pub(crate) use row::Entity as Certifications;

impl Documents for Certifications {
    type Document = Certification;
    const FILTER: &'static [Field] = &[
        Field::text("display_name"),
        Field::name("product_line", "productLines"),
        Field::int("version").column("content_version"),
        Field::time("create_time"),
    ];

    fn row(Key { tenant, id, version, document }: Key, certification: &Certification) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            display_name: certification.display_name.clone(),
            product_line: names::last(&certification.product_line).to_owned(),
            content_version: certification.version,
            create_time: Timestamp::micros_of(certification.create_time.as_ref()).unwrap_or_default(),
        }
    }
}
