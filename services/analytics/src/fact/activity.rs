//! Commercial activities: the column that campaigns and deals share.

/// Kind of activity that makes a partner active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ActivityKind {
    Registration,
    Campaign,
}

/// A commercial activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Activity {
    pub(crate) at: i64,
    pub(crate) kind: ActivityKind,
}
