//! Requests that are done once. The row of a request id is inserted before the
//! operation runs, in its transaction: who comes second waits for the row on
//! PostgreSQL, for the writer on SQLite, and finds the answer there.

use aws_lc_rs::digest::{SHA256, digest};
use futures::future::BoxFuture;
use prost::{Message, Name};
use prost_reflect::DynamicMessage;
use sea_orm::{ActiveValue::Set, EntityTrait, TryInsertResult};
use stoa_kernel::{Cx, Error, Kind, Result, clock::wall_now};
use stoa_proto::{Mutation, POOL, describe};

use crate::{DbResult, Tx, decode};

mod row {
    #![expect(unreachable_pub, reason = "the derives make public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub subject: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub method: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub request_id: String,
        pub request_hash: Vec<u8>,
        pub response: Vec<u8>,
        /// Wall time: how long a retry may take has nothing to do with business time.
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Entity, Model};

/// A request with an id, and what it asks for.
pub(crate) struct Once<R, F> {
    cx: Cx,
    request: R,
    op: F,
    hash: Vec<u8>,
}

impl<R: Message + Mutation, F> Once<R, F> {
    pub(crate) fn new(cx: &Cx, request: R, op: F) -> Self {
        let hash = digest(&SHA256, &request.encode_to_vec()).as_ref().to_vec();
        Self { cx: cx.clone(), request, op, hash }
    }

    pub(crate) async fn run<T>(&self, tx: &Tx) -> Result<T>
    where
        T: Message + Name + Default,
        F: for<'a> Fn(&'a Tx, &'a Cx, &'a R) -> BoxFuture<'a, Result<T>>,
    {
        if let Some(first) = self.claim(tx).await? {
            return self.replay(&first);
        }
        let response = (self.op)(tx, &self.cx, &self.request).await?;
        let answered = ActiveModel { response: Set(without_personal(&response)?), ..self.key() };
        Entity::update(answered).exec(tx.conn()).await.db()?;
        Ok(response)
    }

    fn key(&self) -> ActiveModel {
        ActiveModel {
            tenant: Set(self.cx.tenant.clone()),
            subject: Set(self.cx.caller.subject.clone()),
            method: Set(R::METHOD.to_owned()),
            request_id: Set(self.request.request_id().to_owned()),
            ..Default::default()
        }
    }

    /// Takes the id, or finds the row of the request that did.
    async fn claim(&self, tx: &Tx) -> Result<Option<Model>> {
        let claim = ActiveModel {
            request_hash: Set(self.hash.clone()),
            response: Set(Vec::new()),
            create_time: Set(wall_now().micros()),
            ..self.key()
        };
        let claimed = Entity::insert(claim).on_conflict_do_nothing();
        if matches!(claimed.exec_without_returning(tx.conn()).await.db()?, TryInsertResult::Inserted(n) if n > 0) {
            return Ok(None);
        }
        let key = (self.cx.tenant.clone(), self.cx.caller.subject.clone(), R::METHOD.to_owned(), self.request.request_id().to_owned());
        let first = Entity::find_by_id(key).one(tx.conn()).await.db()?;
        // Gone between the two statements: pruned. Another run takes the id.
        first.map(Some).ok_or_else(|| Error::new(Kind::Aborted, "CONTENTION", "the request id is being forgotten; retry"))
    }

    fn replay<T: Message + Default>(&self, first: &Model) -> Result<T> {
        if first.request_hash == self.hash {
            return decode("idempotency", &first.request_id, &first.response);
        }
        let message = "was used with another request; take a new id for a new request";
        Err(Error::new(Kind::AlreadyExists, "REQUEST_ID_REUSED", format!("request_id {message}")).with_field("request_id", message))
    }
}

/// The answer as it is kept. Personal data has one row, with which it goes, and
/// no copy here: a retry is answered without it.
fn without_personal<T: Message + Name>(response: &T) -> Result<Vec<u8>> {
    let bytes = response.encode_to_vec();
    let Some(descriptor) = POOL.get_message_by_name(&T::full_name()) else { return Ok(bytes) };
    if !describe::holds_personal(&descriptor) {
        return Ok(bytes);
    }
    let mut message = DynamicMessage::decode(descriptor, bytes.as_slice()).map_err(Error::internal)?;
    describe::redact(&mut message);
    Ok(message.encode_to_vec())
}
