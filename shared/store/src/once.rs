//! Requests that are done once. The row of a request ID is inserted before the
//! operation runs, in its transaction. A second request waits for that row on
//! PostgreSQL and for the writer on SQLite, and then finds the answer in the
//! row.

use aws_lc_rs::digest::{SHA256, digest};
use prost::{Message, Name};
use prost_reflect::DynamicMessage;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryTrait, TryInsertResult, sea_query::Expr};
use stoa_kernel::{Caller, Cx, Error, Kind, Reach, Result, clock::wall_now, ids};
use stoa_proto::common::v1::ErrorReason;
use stoa_proto::{Mutation, POOL, describe};

use crate::{DbResult, Operation, OperationWith, Tx, decode};

mod row {
    #![expect(unreachable_pub, reason = "the derives generate public items")]
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        /// The caller, as [`super::owner`] names it.
        #[sea_orm(primary_key, auto_increment = false, column_name = "subject")]
        pub caller: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub method: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub request_id: String,
        pub request_hash: Vec<u8>,
        pub response: Vec<u8>,
        /// Wall time: how long a retry is possible does not depend on business
        /// time.
        pub create_time: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
use row::{ActiveModel, Column, Entity, Model};

/// A request with an ID.
struct Claim<R> {
    cx: Cx,
    owner: String,
    request: R,
    hash: Vec<u8>,
}

/// A request with an ID, and the operation that it asks for.
pub(crate) struct Once<R, F> {
    claim: Claim<R>,
    op: F,
}

impl<R: Message + Mutation, F> Once<R, F> {
    pub(crate) fn new(cx: &Cx, request: R, op: F) -> Self {
        Self { claim: Claim::new(cx, request), op }
    }

    pub(crate) async fn run<'a, T>(&'a self, tx: &'a Tx) -> Result<T>
    where
        T: Message + Name + Default,
        F: Operation<'a, R, T>,
    {
        let Claim { cx, request, .. } = &self.claim;
        self.claim.answer(tx, || (self.op)(tx, cx, request)).await
    }
}

/// Like [`Once`], with what was looked up before the transaction.
pub(crate) struct OnceWith<R, K, F> {
    claim: Claim<R>,
    known: Result<K>,
    op: F,
}

impl<R: Message + Mutation, K, F> OnceWith<R, K, F> {
    pub(crate) fn new(cx: &Cx, request: R, known: Result<K>, op: F) -> Self {
        Self { claim: Claim::new(cx, request), known, op }
    }

    pub(crate) async fn run<'a, T>(&'a self, tx: &'a Tx) -> Result<T>
    where
        T: Message + Name + Default,
        F: OperationWith<'a, R, K, T>,
    {
        let Claim { cx, request, .. } = &self.claim;
        let known = self.known.as_ref().map_err(Clone::clone);
        self.claim.answer(tx, || async { (self.op)(tx, cx, request, known?).await }).await
    }
}

impl<R: Message + Mutation> Claim<R> {
    fn new(cx: &Cx, request: R) -> Self {
        let hash = digest(&SHA256, &request.encode_to_vec()).as_ref().to_vec();
        Self { owner: owner(&cx.caller), cx: cx.clone(), request, hash }
    }

    /// Returns the first answer, or does the work and keeps its answer for a
    /// retry.
    async fn answer<T, D>(&self, tx: &Tx, work: impl FnOnce() -> D) -> Result<T>
    where
        T: Message + Name + Default,
        D: Future<Output = Result<T>>,
    {
        if let Some(first) = self.claim(tx).await? {
            return self.replay(&first);
        }
        let response = work().await?;
        let mine = Entity::update_many().col_expr(Column::Response, Expr::value(without_personal(&response)?));
        let mine = mine.filter(Column::Tenant.eq(&self.cx.tenant)).filter(Column::Caller.eq(&self.owner));
        let mine = mine.filter(Column::Method.eq(R::METHOD)).filter(Column::RequestId.eq(self.request.request_id()));
        tx.answer(mine.into_query());
        Ok(response)
    }

    /// Claims the ID, or finds the row of the request that already did.
    async fn claim(&self, tx: &Tx) -> Result<Option<Model>> {
        let claim = ActiveModel {
            request_hash: Set(self.hash.clone()),
            response: Set(Vec::new()),
            create_time: Set(wall_now().micros()),
            tenant: Set(self.cx.tenant.clone()),
            caller: Set(self.owner.clone()),
            method: Set(R::METHOD.to_owned()),
            request_id: Set(self.request.request_id().to_owned()),
        };
        let claimed = Entity::insert(claim).on_conflict_do_nothing();
        if matches!(claimed.exec_without_returning(tx.conn()).await.db()?, TryInsertResult::Inserted(n) if n > 0) {
            return Ok(None);
        }
        let key = (self.cx.tenant.clone(), self.owner.clone(), R::METHOD.to_owned(), self.request.request_id().to_owned());
        let first = Entity::find_by_id(key).one(tx.conn()).await.db()?;
        // Pruned between the two statements. Another run can claim the ID.
        first.map(Some).ok_or_else(|| Error::new(Kind::Aborted, ErrorReason::Contention, "the request ID is being deleted. Retry."))
    }

    fn replay<T: Message + Default>(&self, first: &Model) -> Result<T> {
        if first.request_hash == self.hash {
            return decode("idempotency", &first.request_id, &first.response);
        }
        let message = "was used with another request. Use a new ID for a new request.";
        Err(Error::new(Kind::AlreadyExists, ErrorReason::RequestIdReused, format!("request_id {message}"))
            .with_field("request_id", message))
    }
}

/// Whose a request ID is. One subject is several callers if its tokens come from
/// several issuers, or are bound to other partners or connector registrations:
/// none of them may see the answers that another got.
fn owner(caller: &Caller) -> String {
    let partner = match &caller.reach {
        Reach::Tenant => "",
        Reach::Partner(id) | Reach::Object(id) => id,
    };
    ids::derived(&[&caller.issuer, &caller.subject, &caller.on_behalf_of, partner, &caller.connector])
}

/// The answer as it is kept. Personal data has only its own row, which can be
/// erased, and no copy here: a retry is answered without it.
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
