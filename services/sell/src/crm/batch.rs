//! Rows go into the store by the transaction: many at a time for speed, one by
//! one if one of them fails.

use std::collections::{BTreeMap, BTreeSet};

use stoa_kernel::{Cx, Error, Result, names};
use stoa_proto::sell::v1::{BatchPushChangesRequest, BatchPushChangesResponse, CrmConnector, CrmRow, CrmRowError, CrmRowResult};
use stoa_service::{Deps, batch::write_rows};
use stoa_store::{Tx, documents};

use super::{connector::store::CrmConnectors, group::Group, mapping, push};

/// Rows of one unary call.
const CALL_ROWS_MAX: usize = 1000;

/// Rows of one transaction.
pub(super) const ROWS_MAX: usize = 200;

/// Answers the rows of one call.
pub(super) async fn push(deps: &Deps, cx: &Cx, request: BatchPushChangesRequest) -> Result<BatchPushChangesResponse> {
    if request.rows.len() > CALL_ROWS_MAX {
        let message = format!("must have at most {CALL_ROWS_MAX} entries, not {}. Split them.", request.rows.len());
        return Err(Error::invalid("rows", message));
    }
    let mut pusher = Pusher::open(deps, cx, &request.connector).await?;
    let mut results = Vec::with_capacity(request.rows.len());
    for rows in request.rows.chunks(ROWS_MAX) {
        results.extend(pusher.push(rows.to_vec()).await?);
    }
    Ok(BatchPushChangesResponse { results })
}

/// Pushes the rows of one connector and remembers what it looked up.
pub(super) struct Pusher {
    deps: Deps,
    cx: Cx,
    connector: CrmConnector,
    /// Partners that rows named, by their ids, and whether they exist.
    pub(super) partners: BTreeMap<String, bool>,
}

impl Pusher {
    /// A pusher for a registration that the caller may see.
    pub(super) async fn open(deps: &Deps, cx: &Cx, name: &str) -> Result<Self> {
        cx.require_tenant_reach()?;
        let id = documents::id::<CrmConnectors>("connector", name)?;
        let found = documents::find::<CrmConnectors, _>(deps.store.read(), cx, &id).await?;
        let connector = found.ok_or_else(|| Error::not_found(name))?;
        Ok(Self { deps: deps.clone(), cx: cx.clone(), connector, partners: BTreeMap::new() })
    }

    /// Name of the registration.
    pub(super) fn connector(&self) -> &str {
        &self.connector.name
    }

    /// Answers rows, at most [`ROWS_MAX`], each with one result in its place.
    pub(super) async fn push(&mut self, rows: Vec<CrmRow>) -> Result<Vec<CrmRowResult>> {
        self.cx.now = self.deps.clock.now();
        let mut errors: Vec<Vec<CrmRowError>> = rows.iter().map(mapping::violations).collect();
        self.look_up_partners(&rows, &mut errors).await?;
        let sound = rows.iter().zip(&errors).filter(|(_, errors)| errors.is_empty()).map(|(row, _)| row.clone()).collect();
        let refused = |row: &CrmRow, error: &Error| push::rejected(row, mapping::row_errors(error));
        let mut written = write_rows(sound, |rows| self.transaction(rows), refused).await?.into_iter();
        let answer = |(row, errors): (CrmRow, Vec<CrmRowError>)| {
            if !errors.is_empty() {
                return Ok(push::rejected(&row, errors));
            }
            written.next().ok_or_else(|| Error::internal("a pushed row got no answer"))
        };
        rows.into_iter().zip(errors).map(answer).collect()
    }

    async fn transaction(&self, rows: Vec<CrmRow>) -> Result<Vec<CrmRowResult>> {
        self.deps.store.run(&self.cx, (self.connector.clone(), rows), apply_group).await
    }

    /// Adds that the partner does not exist that a sound row names.
    async fn look_up_partners(&mut self, rows: &[CrmRow], errors: &mut [Vec<CrmRowError>]) -> Result<()> {
        let sound = rows.iter().zip(errors).filter(|(_, errors)| errors.is_empty());
        let named: Vec<(&str, &mut Vec<CrmRowError>)> = sound.filter_map(|(row, errors)| Some((partner_id(row)?, errors))).collect();
        let new: BTreeSet<&str> = named.iter().map(|(id, _)| *id).filter(|id| !self.partners.contains_key(*id)).collect();
        let found = stoa_directory::partners(&self.deps, &self.cx, &new).await?;
        self.partners.extend(new.into_iter().map(|id| (id.to_owned(), found.contains_key(id))));
        for (id, errors) in named {
            if self.partners.get(id) == Some(&false) {
                *errors = mapping::row_errors(&Error::reference_not_found("deal.partner", &names::name("partners", id)));
            }
        }
        Ok(())
    }
}

/// Applies a group of rows in one transaction. Later rows of the same object see
/// what earlier ones did.
pub(super) async fn apply_group(tx: &Tx, cx: &Cx, (connector, rows): &(CrmConnector, Vec<CrmRow>)) -> Result<Vec<CrmRowResult>> {
    let mut group = Group::read(tx, cx, connector, rows).await?;
    let mut results = Vec::with_capacity(rows.len());
    for row in rows {
        results.push(push::apply(tx, cx, connector, row, &mut group).await?);
    }
    group.links.write(tx).await?;
    Ok(results)
}

/// The partner that a row names, if it does. A malformed name is left to the
/// mapping, which says so.
fn partner_id(row: &CrmRow) -> Option<&str> {
    let deal = row.deal.as_ref().filter(|_| !row.deleted)?;
    names::id("deal.partner", "partners", &deal.partner).ok()
}
