//! Metric definitions as data. Tenants may get versions of their own later, so
//! every answer names the version that it was computed with.

/// What counts, and over which windows.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    /// Named in every answer.
    pub(crate) version: &'static str,
    /// Days within which a commercial activity makes a partner active.
    pub(crate) active_days: i64,
    /// Days within which a completed training makes a partner engaged.
    pub(crate) engaged_days: i64,
    /// Days after enrollment within which the first activity counts as activation.
    pub(crate) activation_days: i64,
    /// Days of the revenue window if a question names none.
    pub(crate) window_days: i64,
    /// Share of the active partners that counts as the top, in basis points.
    pub(crate) concentration_basis_points: i64,
    /// Upper bounds of the inactivity age buckets, in days.
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
