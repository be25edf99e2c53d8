//! Rows of prospects.

use sea_orm::{Condition, entity::prelude::*};
use stoa_kernel::{Cx, Error, Kind, Result, Timestamp, names};
use stoa_proto::onboard::v1::{ErrorReason, PartnerType, Prospect, ProspectState};
use stoa_store::{Documents, Key, Tx, documents, filter::Field};

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "prospect")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub display_name: String,
        pub r#type: i32,
        pub state: i32,
        pub domain: String,
        pub country_code: String,
        pub duplicate_key: String,
        pub territory: String,
        pub vertical: String,
        pub owner: String,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::Column;
pub(crate) use row::Entity as Prospects;

impl Documents for Prospects {
    type Document = Prospect;
    const FILTER: &'static [Field] = &[
        Field::text("display_name"),
        Field::value::<PartnerType>("type"),
        Field::value::<ProspectState>("state"),
        Field::text("domain"),
        Field::text("country_code"),
        Field::text("territory"),
        Field::text("vertical"),
        Field::name("owner", "persons"),
        Field::time("create_time").ordered(),
    ];

    fn row(Key { tenant, id, version, document }: Key, prospect: &Prospect) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            display_name: prospect.display_name.clone(),
            r#type: prospect.r#type,
            state: prospect.state,
            domain: prospect.domain.clone(),
            country_code: prospect.country_code.clone(),
            duplicate_key: super::duplicate_key(prospect),
            territory: prospect.territory.clone(),
            vertical: prospect.vertical.clone(),
            owner: names::last(&prospect.owner).to_owned(),
            create_time: Timestamp::micros_of(prospect.create_time.as_ref()).unwrap_or_default(),
        }
    }

    fn scope(cx: &Cx) -> Condition {
        stoa_directory::vendor_only(cx)
    }
}

/// Refuses a prospect whose organization is a prospect already. The error names
/// that one, so that the caller can continue with it.
pub(super) async fn refuse_duplicate(tx: &Tx, cx: &Cx, prospect: &Prospect) -> Result<()> {
    let key = super::duplicate_key(prospect);
    if key.is_empty() {
        return Ok(());
    }
    let others = documents::select::<Prospects>(cx).filter(Column::DuplicateKey.eq(key)).filter(Column::Id.ne(names::last(&prospect.name)));
    let Some(other) = documents::first(tx.conn(), others).await? else { return Ok(()) };
    let message = format!("{} has the same domain and country. Continue with that prospect.", other.name);
    Err(Error::new(Kind::AlreadyExists, ErrorReason::ProspectDuplicate, message)
        .with_field("prospect.domain", "belongs to another prospect")
        .with_metadata("prospect", other.name))
}
