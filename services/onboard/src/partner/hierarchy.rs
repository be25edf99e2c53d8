//! The place of a partner among the others: who stands above it, who of them
//! may see it, and what moves along when it moves.

use stoa_kernel::{Cx, Error, Result, names};
use stoa_proto::onboard::v1::{ErrorReason, Partner};
use stoa_store::Tx;

use super::{revise, store};
use crate::{enrollment, program};

/// Levels of a hierarchy, the topmost included.
const LEVELS_MAX: usize = 8;

/// Ids above a partner that stands below `parent`, the topmost first.
///
/// # Errors
/// `REFERENCE_NOT_FOUND`, `HIERARCHY_CYCLE` or `HIERARCHY_TOO_DEEP`.
pub(crate) async fn place(tx: &Tx, cx: &Cx, id: &str, parent: &str) -> Result<Vec<String>> {
    let parent_id = names::optional_id("partner.parent", "partners", parent)?;
    if parent_id.is_empty() {
        return Ok(Vec::new());
    }
    let above = store::find(tx.conn(), cx, parent_id).await?.ok_or_else(|| Error::reference_not_found("partner.parent", parent))?;
    let mut ancestors = above.ancestors;
    ancestors.push(parent_id.to_owned());
    if ancestors.iter().any(|a| a == id) {
        let message = format!("{parent} stands below partners/{id}; choose a parent outside of it");
        return Err(
            Error::precondition(ErrorReason::HierarchyCycle.as_str_name(), message).with_field("partner.parent", "would close a cycle")
        );
    }
    if ancestors.len() >= LEVELS_MAX {
        let message = format!("the hierarchy would have more than {LEVELS_MAX} levels; choose a parent higher up");
        return Err(
            Error::precondition(ErrorReason::HierarchyTooDeep.as_str_name(), message).with_field("partner.parent", "stands too deep")
        );
    }
    Ok(ancestors)
}

/// Those of the ancestors that may see the partner: all, where one of the
/// programs it is enrolled in says so.
pub(crate) async fn see(tx: &Tx, cx: &Cx, id: &str, ancestors: &[String]) -> Result<Vec<String>> {
    if ancestors.is_empty() {
        return Ok(Vec::new());
    }
    for program in enrollment::store::programs_of(tx.conn(), cx, id).await? {
        if program::store::find(tx.conn(), cx, &program).await?.is_some_and(|p| p.descendants_visible) {
            return Ok(ancestors.to_vec());
        }
    }
    Ok(Vec::new())
}

/// Moves all partners below one that was moved.
pub(super) async fn follow(tx: &Tx, cx: &Cx, moved: &Partner) -> Result<()> {
    let id = names::last(&moved.name);
    for mut below in store::descendants(tx.conn(), cx, id).await? {
        let own = below.ancestors.iter().skip_while(|a| *a != id).cloned();
        below.ancestors = moved.ancestors.iter().cloned().chain(own).collect();
        if below.ancestors.len() >= LEVELS_MAX {
            let message = format!("{} would stand below level {LEVELS_MAX}; move it first", below.name);
            return Err(Error::precondition(ErrorReason::HierarchyTooDeep.as_str_name(), message));
        }
        below.visible_to = see(tx, cx, names::last(&below.name), &below.ancestors).await?;
        revise(tx, cx, below, vec!["ancestors".to_owned()]).await?;
    }
    Ok(())
}
