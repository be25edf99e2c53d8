//! The place of a partner in the hierarchy: its ancestors, and how its
//! descendants move along with it.

use stoa_kernel::{Error, Result, names};
use stoa_proto::onboard::v1::{ErrorReason, Partner};

/// Maximum number of levels of a hierarchy, including the topmost.
pub const LEVELS_MAX: usize = 8;

/// Returns the ancestors of a partner directly below `parent`, the topmost
/// first.
///
/// # Errors
/// `HIERARCHY_CYCLE`, `HIERARCHY_TOO_DEEP`.
pub(super) fn below(id: &str, parent: &Partner) -> Result<Vec<String>> {
    let mut ancestors = parent.ancestors.clone();
    ancestors.push(names::last(&parent.name).to_owned());
    if ancestors.iter().any(|a| a == id) {
        let message = format!("{} is below partners/{id}. Choose a parent that is not.", parent.name);
        return Err(Error::precondition(ErrorReason::HierarchyCycle, message).with_field("partner.parent", "would close a cycle"));
    }
    if ancestors.len() >= LEVELS_MAX {
        let message = format!("The hierarchy would have more than {LEVELS_MAX} levels. Choose a parent higher up.");
        return Err(Error::precondition(ErrorReason::HierarchyTooDeep, message).with_field("partner.parent", "is too deep"));
    }
    Ok(ancestors)
}

/// Returns the ancestors of a partner somewhere below one that was moved.
///
/// # Errors
/// `HIERARCHY_TOO_DEEP`.
pub(crate) fn moved_along(below: &Partner, moved: &Partner) -> Result<Vec<String>> {
    let id = names::last(&moved.name);
    let own = below.ancestors.iter().skip_while(|a| *a != id);
    let ancestors: Vec<String> = moved.ancestors.iter().chain(own).cloned().collect();
    if ancestors.len() >= LEVELS_MAX {
        let message = format!("{} would be below level {LEVELS_MAX}. Move it first.", below.name);
        return Err(Error::precondition(ErrorReason::HierarchyTooDeep, message).with_field("partner.parent", "is too deep"));
    }
    Ok(ancestors)
}
