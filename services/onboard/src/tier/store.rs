//! Rows of tiers. The id is `{program}/{tier}`, so that the tiers of a program
//! are adjacent.

use sea_orm::{ConnectionTrait, QueryOrder, entity::prelude::*};
use stoa_kernel::{Cx, Error, Kind, Result};
use stoa_proto::onboard::v1::{ErrorReason, Tier};
use stoa_store::{Documents, Key, Tx, documents};

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tier")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub program: String,
        pub rank: i32,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::Column;
pub(crate) use row::Entity as Tiers;

impl Documents for Tiers {
    type Document = Tier;
    const PARENT: Option<&'static str> = Some("program");

    fn row(Key { tenant, id, version, document }: Key, tier: &Tier) -> row::Model {
        row::Model { tenant, program: program_of(&tier.name).to_owned(), id, version, document, rank: tier.rank }
    }
}

fn program_of(name: &str) -> &str {
    name.split('/').nth(1).unwrap_or_default()
}

/// Returns the tier with the lowest rank, if the program has any.
pub(crate) async fn entry<C: ConnectionTrait>(conn: &C, cx: &Cx, program: &str) -> Result<Option<Tier>> {
    let tiers = documents::select::<Tiers>(cx).filter(Column::Program.eq(program));
    documents::first(conn, tiers.order_by_asc(Column::Rank)).await
}

/// Refuses a tier with a rank that another tier of its program has.
pub(super) async fn refuse_taken_rank(tx: &Tx, cx: &Cx, tier: &Tier) -> Result<()> {
    let others = documents::select::<Tiers>(cx).filter(Column::Program.eq(program_of(&tier.name))).filter(Column::Rank.eq(tier.rank));
    let Some(other) = documents::first(tx.conn(), others).await?.filter(|other| other.name != tier.name) else { return Ok(()) };
    let message = format!("Rank {} is taken by {}. Choose another rank.", other.rank, other.name);
    Err(Error::new(Kind::AlreadyExists, ErrorReason::TierRankTaken, message).with_field("tier.rank", "is taken in this program"))
}
