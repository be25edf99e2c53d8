//! Rows of one transaction: what they are about is read at once, and followed
//! row by row, so that later rows see what earlier ones did. What they write is
//! held until all are done.

use std::collections::BTreeMap;

use stoa_kernel::{Cx, Error, Result, names};
use stoa_proto::onboard::v1::{BulkEnrollRequest, BulkEnrollResponse, BulkEnrollRow, Enrollment, Partner};
use stoa_store::{Tx, documents};

use super::{
    enroll, is_live,
    lapse::settle,
    store::{self, BulkAnswer},
    visibility::refresh_visibility,
};
use crate::{
    partner::{
        self,
        store::{Partners, lock_hierarchy},
    },
    program::store::Programs,
    scope::require_writer,
    tenant_settings,
};

/// By ids of the bulk enrollment and the row.
type RowKey = (String, String);

pub(super) struct Group {
    answers: BTreeMap<RowKey, BulkAnswer>,
    new_answers: Vec<(RowKey, BulkAnswer)>,
    /// By id.
    partners: BTreeMap<String, Partner>,
    /// Recorded as members, by ids of partner and program.
    live: BTreeMap<(String, String), Enrollment>,
    /// Names of programs by what rows call them.
    programs: BTreeMap<String, String>,
    /// Names of tiers by program and what rows call them.
    tiers: BTreeMap<(String, String), String>,
}

impl Group {
    /// Reads what rows are about, and locks the enrollments and partners among
    /// it. From now on, what the transaction writes is held.
    pub(super) async fn read(tx: &Tx, cx: &Cx, requests: &[BulkEnrollRequest]) -> Result<Self> {
        let rows = || requests.iter().filter_map(|request| request.row.as_ref());
        if rows().filter_map(|row| row.partner.as_ref()).any(|partner| !partner.parent.is_empty()) {
            // Before the row of any partner.
            lock_hierarchy(tx, cx).await?;
        }
        let partners = || rows().map(|row| row.partner_id.as_str());
        let live = store::lock_live_of(tx, cx, partners()).await?;
        let key = |enrollment: &Enrollment| (names::last(&enrollment.partner).to_owned(), names::last(&enrollment.program).to_owned());
        let group = Self {
            answers: store::bulk_answers(tx, cx, requests).await?,
            new_answers: Vec::new(),
            partners: documents::lock_all::<Partners>(tx, cx, partners()).await?,
            live: live.into_iter().map(|enrollment| (key(&enrollment), enrollment)).collect(),
            programs: BTreeMap::new(),
            tiers: BTreeMap::new(),
        };
        tx.hold_rows();
        Ok(group)
    }

    /// The answer that a row got before, with the hash of the row.
    pub(super) fn answer(&self, request: &BulkEnrollRequest, row_id: &str) -> Option<&BulkAnswer> {
        self.answers.get(&(request.bulk_enrollment_id.clone(), row_id.to_owned()))
    }

    pub(super) fn keep_answer(&mut self, request: &BulkEnrollRequest, hash: Vec<u8>, answer: &BulkEnrollResponse) {
        let key = (request.bulk_enrollment_id.clone(), answer.row_id.clone());
        self.answers.insert(key.clone(), (hash.clone(), answer.clone()));
        self.new_answers.push((key, (hash, answer.clone())));
    }

    /// Name of the program that a row names, or of the tenant's default.
    pub(super) async fn program(&mut self, tx: &Tx, cx: &Cx, row: &BulkEnrollRow) -> Result<String> {
        if let Some(known) = self.programs.get(&row.program) {
            return Ok(known.clone());
        }
        let name = match row.program.as_str() {
            "" => tenant_settings::store::settings(tx.conn(), cx).await?.default_program,
            named => named.to_owned(),
        };
        if name.is_empty() {
            return Err(Error::invalid("program", "must be named, because the tenant has no default program"));
        }
        let found = documents::get_referenced::<Programs, _>(tx.conn(), cx, "program", &name).await?.name;
        self.programs.insert(row.program.clone(), found.clone());
        Ok(found)
    }

    /// Name of the tier that a row names, or of the program's entry tier.
    pub(super) async fn tier(&mut self, tx: &Tx, cx: &Cx, program: &str, row: &BulkEnrollRow) -> Result<String> {
        let key = (program.to_owned(), row.tier.clone());
        if let Some(known) = self.tiers.get(&key) {
            return Ok(known.clone());
        }
        let tier = enroll::choose_tier(tx, cx, program, &row.tier).await?;
        self.tiers.insert(key, tier.clone());
        Ok(tier)
    }

    /// The partner of a row, which is created if there is none.
    pub(super) async fn partner(&mut self, tx: &Tx, cx: &Cx, row: &BulkEnrollRow) -> Result<String> {
        if let Some(found) = self.partners.get(&row.partner_id) {
            require_writer(tx.conn(), cx, &found.name, &row.partner_id).await?;
            return Ok(found.name.clone());
        }
        let partner = partner::create(tx, cx, &row.partner_id, &row.partner.clone().unwrap_or_default()).await?;
        let name = partner.name.clone();
        self.partners.insert(row.partner_id.clone(), partner);
        Ok(name)
    }

    /// The enrollment of a row's partner in a program, if it is a member now. A
    /// lapse that is due is recorded.
    pub(super) async fn member(&mut self, tx: &Tx, cx: &Cx, row: &BulkEnrollRow, program: &str) -> Result<Option<Enrollment>> {
        let key = (row.partner_id.clone(), names::last(program).to_owned());
        let Some(recorded) = self.live.remove(&key) else { return Ok(None) };
        let current = settle(tx, cx, recorded).await?;
        if !is_live(current.status()) {
            return Ok(None);
        }
        self.live.insert(key, current.clone());
        Ok(Some(current))
    }

    /// Records the enrollment of a row.
    pub(super) async fn enroll(&mut self, tx: &Tx, cx: &Cx, row: &BulkEnrollRow, enrollment: Enrollment) -> Result<Enrollment> {
        let enrollment = enroll::record(tx, cx, enrollment).await?;
        if self.partners.get(&row.partner_id).is_some_and(|partner| !partner.ancestors.is_empty()) {
            refresh_visibility(tx, cx, &row.partner_id).await?;
        }
        self.live.insert((row.partner_id.clone(), names::last(&enrollment.program).to_owned()), enrollment.clone());
        Ok(enrollment)
    }

    /// Keeps the answers of the rows that were taken.
    pub(super) async fn finish(self, tx: &Tx, cx: &Cx) -> Result<()> {
        store::keep_bulk_answers(tx, cx, self.new_answers).await
    }
}
