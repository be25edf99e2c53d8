//! The method bodies that nouns share.

use prost::{Message, Name};
use stoa_kernel::Result;
use stoa_proto::{
    Mutation,
    resource::{GetRequest, ListRequest},
};
use stoa_rpc::{answer, enter};
use stoa_store::{Documents, Operation, OperationWith, documents};
use tonic::{Request, Response, Status};

use crate::Deps;

/// Answers with the document that a request names.
///
/// # Errors
/// INVALID_ARGUMENT, NOT_FOUND.
pub async fn get<T: Documents>(deps: &Deps, request: Request<impl GetRequest>) -> Result<Response<T::Document>, Status> {
    let (cx, request) = enter(request)?;
    answer(documents::get::<T, _>(deps.store.read(), &cx, request.name()).await)
}

/// Answers with the page of documents that a request asks for.
///
/// # Errors
/// INVALID_ARGUMENT: see [`stoa_store::list`].
pub async fn list<T, R>(deps: &Deps, request: Request<R>) -> Result<Response<R::Response>, Status>
where
    T: Documents,
    R: ListRequest<Item = T::Document>,
{
    let (cx, request) = enter(request)?;
    answer(stoa_store::list::<T, _, _>(deps.store.read(), &deps.page_key, &cx, &request).await)
}

/// Does what a request asks for in one transaction, and only once if it has a
/// request ID.
///
/// # Errors
/// The operation's own failures, and those of
/// [`stoa_store::Store::write_once`].
pub async fn write<R, A, F>(deps: &Deps, request: Request<R>, operation: F) -> Result<Response<A>, Status>
where
    R: Message + Mutation + Send + Sync + 'static,
    A: Message + Name + Default + Send + 'static,
    F: for<'a> Operation<'a, R, A> + Send + Sync + 'static,
{
    let (cx, request) = enter(request)?;
    answer(deps.store.write_once(&cx, request, operation).await)
}

/// Like [`write`], with what `look_up` finds before the transaction, because
/// another service may have to be asked.
///
/// # Errors
/// The failure of `look_up`, returned inside the transaction; otherwise as for
/// [`write`].
pub async fn write_with<R, K, A, L, F>(deps: &Deps, request: Request<R>, look_up: L, operation: F) -> Result<Response<A>, Status>
where
    R: Message + Mutation + Send + Sync + 'static,
    K: Send + Sync + 'static,
    A: Message + Name + Default + Send + 'static,
    L: AsyncFnOnce(&Deps, &stoa_kernel::Cx, &R) -> Result<K>,
    F: for<'a> OperationWith<'a, R, K, A> + Send + Sync + 'static,
{
    let (cx, request) = enter(request)?;
    let known = look_up(deps, &cx, &request).await;
    answer(deps.store.write_with(&cx, request, known, operation).await)
}
