//! What happens to programs by command.

use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, ids, names};
use stoa_proto::onboard::v1::{CreateProgramRequest, Program, ProgramCreated, ProgramUpdated, UpdateProgramRequest};
use stoa_store::Tx;

use super::{changed, new, store};

pub(super) async fn create(tx: &Tx, cx: &Cx, request: &CreateProgramRequest) -> Result<Program> {
    let id = ids::chosen_or_new("program_id", &request.program_id)?;
    let program = new(&id, &request.program.clone().unwrap_or_default(), cx);
    store::insert(tx, cx, &program).await?;
    let event = ProgramCreated { program: Some(program.clone()) };
    stoa_events::append(tx, cx, Fact::new(&program.name, 1), &event).await?;
    Ok(program)
}

pub(super) async fn update(tx: &Tx, cx: &Cx, request: &UpdateProgramRequest) -> Result<Program> {
    let input = request.program.clone().unwrap_or_default();
    let id = names::id("program.name", "programs", &input.name)?;
    let current = store::lock(tx, cx, id).await?.ok_or_else(|| Error::not_found(&input.name))?;
    let (program, paths) = changed(&current, &input, request.update_mask.as_ref(), cx)?;
    if !paths.is_empty() {
        store::save(tx, cx, &program).await?;
        let fact = Fact::new(&program.name, etag::version(&program.etag)).changed(paths);
        stoa_events::append(tx, cx, fact, &ProgramUpdated { program: Some(program.clone()) }).await?;
    }
    Ok(program)
}
