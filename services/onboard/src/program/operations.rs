//! Commands on programs.

use stoa_events::{record_changed, record_created};
use stoa_kernel::{Cx, Result, etag, mask, names};
use stoa_proto::onboard::v1::{CreateProgramRequest, Program, ProgramCreated, ProgramUpdated, UpdateProgramRequest};
use stoa_store::{Tx, documents};

use super::store::Programs;

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateProgramRequest) -> Result<Program> {
    cx.require_tenant_reach()?;
    let id = cx.chosen_id("program_id", &request.program_id)?;
    let program = Program { name: names::name("programs", &id), ..request.program.clone().unwrap_or_default() };
    record_created::<Programs, ProgramCreated>(tx, cx, program).await
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateProgramRequest) -> Result<Program> {
    cx.require_tenant_reach()?;
    let input = request.program.clone().unwrap_or_default();
    let current = documents::load::<Programs>(tx, cx, "program.name", &input.name).await?;
    etag::require(&current, &input.etag)?;
    let mut next = current.clone();
    mask::apply(request.update_mask.as_ref(), &input, &mut next)?;
    record_changed::<Programs, ProgramUpdated>(tx, cx, &current, next).await
}
