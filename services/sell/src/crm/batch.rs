//! Rows go into the store by the transaction: many a time for speed, one by one
//! where one of them fails.

use std::collections::HashMap;

use futures::FutureExt;
use stoa_kernel::{Cx, Error, Result, names};
use stoa_proto::sell::v1::{CrmConnector, CrmRow, CrmRowError, CrmRowResult};
use stoa_rpc::Deps;
use stoa_store::Tx;

use super::{connector, link, mapping, push};

/// Rows of one transaction.
pub(super) const ROWS_MAX: usize = 200;

/// Pushes the rows of one connector and remembers what it looked up.
pub(super) struct Pusher {
    deps: Deps,
    cx: Cx,
    connector: CrmConnector,
    partners: HashMap<String, bool>,
}

impl Pusher {
    /// A pusher for a registration that the caller may see.
    pub(super) async fn open(deps: &Deps, cx: &Cx, name: &str) -> Result<Self> {
        cx.require_tenant_reach()?;
        let id = names::id("connector", "crmConnectors", name)?;
        let found = connector::store::find(deps.store.read(), cx, id).await?;
        let connector = found.ok_or_else(|| Error::not_found(name))?;
        Ok(Self { deps: deps.clone(), cx: cx.clone(), connector, partners: HashMap::new() })
    }

    /// Name of the registration.
    pub(super) fn connector(&self) -> &str {
        &self.connector.name
    }

    /// Answers rows, at most [`ROWS_MAX`], each with one result in its place.
    pub(super) async fn push(&mut self, rows: Vec<CrmRow>) -> Result<Vec<CrmRowResult>> {
        self.cx.now = self.deps.clock.now();
        let mut results: Vec<Option<CrmRowResult>> = vec![None; rows.len()];
        let (mut sound, mut places) = (Vec::new(), Vec::new());
        for (place, row) in rows.into_iter().enumerate() {
            let errors = self.errors(&row).await?;
            if errors.is_empty() {
                sound.push(row);
                places.push(place);
            } else {
                results[place] = Some(push::rejected(&row, errors));
            }
        }
        for (place, result) in places.into_iter().zip(self.write(sound).await?) {
            results[place] = Some(result);
        }
        let answered: Option<Vec<CrmRowResult>> = results.into_iter().collect();
        answered.ok_or_else(|| Error::internal("a pushed row got no answer"))
    }

    /// What is wrong with a row by itself and with the partner it names.
    async fn errors(&mut self, row: &CrmRow) -> Result<Vec<CrmRowError>> {
        let errors = mapping::violations(row);
        let partner = row.deal.as_ref().map(|deal| deal.partner.as_str()).unwrap_or_default();
        if !errors.is_empty() || row.deleted || partner.is_empty() || self.knows(partner).await? {
            return Ok(errors);
        }
        Ok(mapping::of(&Error::reference_not_found("deal.partner", partner)))
    }

    /// A malformed name is left to the mapping, which says so.
    async fn knows(&mut self, partner: &str) -> Result<bool> {
        if let Some(known) = self.partners.get(partner) {
            return Ok(*known);
        }
        let Ok(id) = names::id("deal.partner", "partners", partner) else { return Ok(true) };
        let known = stoa_directory::partner(&self.deps, &self.cx, id).await?.is_some();
        self.partners.insert(partner.to_owned(), known);
        Ok(known)
    }

    /// All rows in one transaction; where one of them breaks it, each in its
    /// own, so that only that one is refused. What may succeed later fails the
    /// call: sent again, the rows that were taken change nothing.
    async fn write(&self, rows: Vec<CrmRow>) -> Result<Vec<CrmRowResult>> {
        match self.transaction(rows.clone()).await {
            Err(error) if error.is_transient() && rows.len() <= 1 => Err(error),
            Err(_) => {
                let mut results = Vec::with_capacity(rows.len());
                for row in rows {
                    results.push(self.alone(row).await?);
                }
                Ok(results)
            }
            done => done,
        }
    }

    async fn alone(&self, row: CrmRow) -> Result<CrmRowResult> {
        match self.transaction(vec![row.clone()]).await {
            Ok(mut results) => results.pop().ok_or_else(|| Error::internal("a pushed row got no answer")),
            Err(error) if error.is_transient() => Err(error),
            Err(error) => {
                tracing::warn!(row = row.remote_id, cause = error.cause(), reason = error.reason(), "a pushed row was refused");
                Ok(push::rejected(&row, mapping::of(&error)))
            }
        }
    }

    async fn transaction(&self, rows: Vec<CrmRow>) -> Result<Vec<CrmRowResult>> {
        let args = (self.cx.clone(), self.connector.clone(), rows);
        self.deps.store.write(args, |tx, (cx, connector, rows)| take(tx, cx, connector, rows).boxed()).await
    }
}

/// Later rows of the same object see what earlier ones did.
async fn take(tx: &Tx, cx: &Cx, connector: &CrmConnector, rows: &[CrmRow]) -> Result<Vec<CrmRowResult>> {
    let mut links = link::of_rows(tx, cx, names::last(&connector.name), rows).await?;
    let mut results = Vec::with_capacity(rows.len());
    for row in rows {
        let key = link::remote_key(row);
        let applied = push::apply(tx, cx, connector, row, links.get(&key)).await?;
        if let Some(link) = applied.link {
            links.insert(key, link);
        }
        results.push(applied.result);
    }
    Ok(results)
}
