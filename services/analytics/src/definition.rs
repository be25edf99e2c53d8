//! The definitions of the metrics, as data. A tenant may come to version its
//! own; every answer names the version it was computed by.

/// What counts, and over which windows.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    /// Named in every answer.
    pub(crate) version: &'static str,
    /// Days within which a commercial activity makes a partner active.
    pub(crate) active_days: i64,
    /// Days within which a training makes a partner engaged.
    pub(crate) engaged_days: i64,
    /// Days after enrollment within which the first activity activates.
    pub(crate) activation_days: i64,
    /// Days of revenue, where a question names no window.
    pub(crate) window_days: i64,
    /// Share of the active partners that is the top, in 1/10,000.
    pub(crate) concentration_basis_points: i64,
    /// Upper bounds of the ages of inactivity, in days.
    pub(crate) inactivity_days: [i64; 4],
}

/// The definitions that every tenant starts with.
pub(crate) const DEFAULT: Definition = Definition {
    version: "default-1",
    active_days: 90,
    engaged_days: 60,
    activation_days: 90,
    window_days: 365,
    concentration_basis_points: 1_000,
    inactivity_days: [30, 90, 180, 365],
};
