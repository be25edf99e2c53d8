//! Rows of exchange rates.

use stoa_kernel::Timestamp;
use stoa_proto::incentivize::v1::ExchangeRate;
use stoa_store::{Documents, Key, filter::Field};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "exchange_rate")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub version: i64,
        pub document: Vec<u8>,
        pub base_currency: String,
        pub quote_currency: String,
        pub date: String,
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
pub(crate) use row::Entity as ExchangeRates;

impl Documents for ExchangeRates {
    type Document = ExchangeRate;
    const FILTER: &'static [Field] =
        &[Field::text("base_currency"), Field::text("quote_currency"), Field::text("date"), Field::time("create_time")];

    fn row(Key { tenant, id, version, document }: Key, rate: &ExchangeRate) -> row::Model {
        row::Model {
            tenant,
            id,
            version,
            document,
            base_currency: rate.base_currency.clone(),
            quote_currency: rate.quote_currency.clone(),
            date: rate.date.clone(),
            create_time: Timestamp::micros_of(rate.create_time.as_ref()).unwrap_or_default(),
        }
    }
}
