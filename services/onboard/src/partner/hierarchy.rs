//! The place of a partner among the others: who stands above it, and how those
//! below move along when it moves.

use stoa_kernel::{Error, Result, names};
use stoa_proto::onboard::v1::{ErrorReason, Partner};

/// Levels of a hierarchy, the topmost included.
const LEVELS_MAX: usize = 8;

/// Ids above a partner that stands directly below `parent`, the topmost first.
///
/// # Errors
/// `HIERARCHY_CYCLE`, `HIERARCHY_TOO_DEEP`.
pub(super) fn below(id: &str, parent: &Partner) -> Result<Vec<String>> {
    let mut ancestors = parent.ancestors.clone();
    ancestors.push(names::last(&parent.name).to_owned());
    if ancestors.iter().any(|a| a == id) {
        let message = format!("{} stands below partners/{id}; choose a parent outside of it", parent.name);
        return Err(Error::precondition(ErrorReason::HierarchyCycle, message).with_field("partner.parent", "would close a cycle"));
    }
    if ancestors.len() >= LEVELS_MAX {
        let message = format!("the hierarchy would have more than {LEVELS_MAX} levels; choose a parent higher up");
        return Err(Error::precondition(ErrorReason::HierarchyTooDeep, message).with_field("partner.parent", "stands too deep"));
    }
    Ok(ancestors)
}

/// Ids above a partner that stands somewhere below one that was moved.
///
/// # Errors
/// `HIERARCHY_TOO_DEEP`.
pub(crate) fn moved_along(below: &Partner, moved: &Partner) -> Result<Vec<String>> {
    let id = names::last(&moved.name);
    let own = below.ancestors.iter().skip_while(|a| *a != id);
    let ancestors: Vec<String> = moved.ancestors.iter().chain(own).cloned().collect();
    if ancestors.len() >= LEVELS_MAX {
        let message = format!("{} would stand below level {LEVELS_MAX}; move it first", below.name);
        return Err(Error::precondition(ErrorReason::HierarchyTooDeep, message).with_field("partner.parent", "stands too deep"));
    }
    Ok(ancestors)
}
