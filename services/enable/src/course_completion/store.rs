//! Rows of course completions.

use sea_orm::Condition;
use stoa_kernel::{Cx, Timestamp, names};
use stoa_proto::enable::v1::CourseCompletion;
use stoa_store::{Documents, Key, filter::Field};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "course_completion")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub partner: String,
        pub person: String,
        pub course: String,
        pub product_line: String,
        pub complete_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
pub(crate) use row::{Column, Entity as Completions};

impl Documents for Completions {
    type Document = CourseCompletion;
    const FILTER: &'static [Field] = &[
        Field::name("partner", "partners"),
        Field::name("person", "persons"),
        Field::name("course", "courses"),
        Field::name("product_line", "productLines"),
        Field::time("complete_time").ordered(),
    ];

    fn row(Key { tenant, id, version, document }: Key, completion: &CourseCompletion) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            partner: names::last(&completion.partner).to_owned(),
            person: names::last(&completion.person).to_owned(),
            course: names::last(&completion.course).to_owned(),
            product_line: names::last(&completion.product_line).to_owned(),
            complete_time: Timestamp::micros_of(completion.complete_time.as_ref()).unwrap_or_default(),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        stoa_directory::visible(cx, Column::Partner)
    }
}
