//! Rows of courses. `content_version` is the course's own version; `version` is
//! that of the record.

use stoa_kernel::{Timestamp, names};
use stoa_proto::enable::v1::Course;
use stoa_store::{Documents, Key, filter::Field};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "course")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub display_name: String,
        pub product_line: String,
        pub language: String,
        pub content_version: i32,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
pub(crate) use row::Entity as Courses;

impl Documents for Courses {
    type Document = Course;
    const FILTER: &'static [Field] = &[
        Field::text("display_name"),
        Field::name("product_line", "productLines"),
        Field::text("language"),
        Field::int("version").column("content_version"),
        Field::time("create_time"),
    ];

    fn row(Key { tenant, id, version, document }: Key, course: &Course) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            display_name: course.display_name.clone(),
            product_line: names::last(&course.product_line).to_owned(),
            language: course.language.clone(),
            content_version: course.version,
            create_time: Timestamp::micros_of(course.create_time.as_ref()).unwrap_or_default(),
        }
    }
}
