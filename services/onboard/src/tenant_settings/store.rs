//! The row of a tenant's settings.

use sea_orm::ConnectionTrait;
use stoa_kernel::{Cx, Error, Result};
use stoa_proto::onboard::v1::TenantSettings;
use stoa_store::{Documents, Key, documents};

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tenant_settings")]
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
pub(super) use row::Entity as Settings;

/// Id of a tenant's only row, which is the name of its settings.
pub(super) const ID: &str = "tenantSettings";

impl Documents for Settings {
    type Document = TenantSettings;

    fn row(Key { tenant, id, version, document }: Key, _: &TenantSettings) -> row::Model {
        row::Model { tenant, id, version, document }
    }

    /// Two first versions collided: each caller saw the defaults.
    fn taken(settings: &TenantSettings) -> Error {
        Error::etag_mismatch(&settings.name)
    }
}

/// Returns the tenant's settings, or the defaults if they were never changed.
pub(crate) async fn settings<C: ConnectionTrait>(conn: &C, cx: &Cx) -> Result<TenantSettings> {
    Ok(documents::find::<Settings, C>(conn, cx, ID).await?.unwrap_or_else(stoa_directory::default_settings))
}
