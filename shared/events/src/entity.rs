//! The tables as queries see them.

use stoa_kernel::Timestamp;
use stoa_proto::events::v1::Event;

/// The log: one row per fact.
pub(crate) mod log {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_log")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) seq: i64,
        pub(crate) event_id: String,
        pub(crate) tenant: String,
        pub(crate) position: Option<i64>,
        pub(crate) subject: String,
        pub(crate) aggregate: String,
        pub(crate) version: i64,
        pub(crate) occurred: i64,
        pub(crate) recorded: i64,
        pub(crate) actor: String,
        pub(crate) on_behalf_of: String,
        pub(crate) request_id: String,
        pub(crate) causation_id: String,
        pub(crate) partner: String,
        pub(crate) changed_fields: String,
        pub(crate) traceparent: String,
        pub(crate) message_type: String,
        pub(crate) data: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// How far a reader has come.
pub(crate) mod cursor {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_cursor")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) name: String,
        pub(crate) position: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Events that a subscription could not apply.
pub(crate) mod parked {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_parked")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) subscription: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) event_id: String,
        pub(crate) aggregate: String,
        pub(crate) version: i64,
        pub(crate) attempts: i32,
        pub(crate) error: String,
        pub(crate) park_time: i64,
        pub(crate) event: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Events that arrived over JetStream and took effect.
pub(crate) mod inbox {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_inbox")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) subscription: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) event_id: String,
        pub(crate) receive_time: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// Positions of a stream that were applied after a missing one.
pub(crate) mod ahead {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_ahead")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) source: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) position: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

impl From<log::Model> for Event {
    fn from(row: log::Model) -> Self {
        Self {
            event_id: row.event_id,
            tenant: row.tenant,
            subject: row.subject,
            aggregate: row.aggregate,
            version: row.version,
            position: row.position.unwrap_or_default(),
            occurred_time: Some(Timestamp::from_micros(row.occurred).proto()),
            recorded_time: Some(Timestamp::from_micros(row.recorded).proto()),
            actor: row.actor,
            on_behalf_of: row.on_behalf_of,
            request_id: row.request_id,
            causation_id: row.causation_id,
            partner: row.partner,
            changed_fields: split_fields(&row.changed_fields),
            traceparent: row.traceparent,
            r#type: row.message_type,
            data: row.data,
        }
    }
}

/// Field paths as one string. A path has no comma.
pub(crate) fn join_fields<T: AsRef<str>>(fields: &[T]) -> String {
    let fields: Vec<&str> = fields.iter().map(AsRef::as_ref).collect();
    fields.join(",")
}

/// The inverse of [`join_fields`].
pub(crate) fn split_fields(text: &str) -> Vec<String> {
    text.split(',').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}
