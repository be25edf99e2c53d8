//! Program: what organizations are enrolled in.

mod api;
pub(crate) mod store;

use prost_types::FieldMask;
use stoa_events::Fact;
use stoa_kernel::{Cx, Error, Result, etag, ids, mask, names};
use stoa_proto::onboard::v1::{CreateProgramRequest, Program, ProgramCreated, ProgramUpdated, UpdateProgramRequest};
use stoa_store::Tx;

/// Fields that a caller may change.
const CHANGEABLE: [&str; 3] = ["display_name", "description", "descendants_visible"];

/// A new program from what the caller sent.
fn new(id: &str, input: &Program, cx: &Cx) -> Program {
    Program {
        name: names::name("programs", id),
        etag: etag::of(1),
        create_time: Some(cx.now.proto()),
        update_time: Some(cx.now.proto()),
        ..input.clone()
    }
}

/// The program after a change, and the paths that changed.
fn changed(current: &Program, input: &Program, mask: Option<&FieldMask>, cx: &Cx) -> Result<(Program, Vec<String>)> {
    etag::check(&current.name, &input.etag, etag::version(&current.etag))?;
    let mut next = current.clone();
    let paths = mask::apply(mask, &CHANGEABLE, input, &mut next)?;
    if !paths.is_empty() {
        next.etag = etag::next(&current.etag);
        next.update_time = Some(cx.now.proto());
    }
    Ok((next, paths))
}

async fn create(tx: &Tx, cx: &Cx, request: &CreateProgramRequest) -> Result<Program> {
    let id = ids::chosen_or_new("program_id", &request.program_id)?;
    let program = new(&id, &request.program.clone().unwrap_or_default(), cx);
    store::insert(tx, cx, &program).await?;
    let event = ProgramCreated { program: Some(program.clone()) };
    stoa_events::append(tx, cx, Fact::new(&program.name, 1), &event).await?;
    Ok(program)
}

async fn update(tx: &Tx, cx: &Cx, request: &UpdateProgramRequest) -> Result<Program> {
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
