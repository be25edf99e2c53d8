//! Rows of registrations of connectors.

use sea_orm::{Condition, entity::prelude::*};
use stoa_kernel::Cx;
use stoa_proto::sell::v1::CrmConnector;
use stoa_store::{Documents, Key};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "crm_connector")]
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
use row::Column;
pub(crate) use row::Entity as CrmConnectors;

impl Documents for CrmConnectors {
    type Document = CrmConnector;

    fn row(Key { tenant, id, version, document }: Key, _: &CrmConnector) -> row::Model {
        row::Model { tenant, id, version, document }
    }

    /// A connector sees only its own registration.
    fn scope(cx: &Cx) -> Condition {
        if cx.caller.connector.is_empty() { Condition::all() } else { Condition::all().add(Column::Id.eq(&cx.caller.connector)) }
    }
}
