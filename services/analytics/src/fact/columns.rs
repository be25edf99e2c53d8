//! The columns of one tenant.

use super::{
    activity::Activity, certification::Certification, deal::Posting, enrollment::Enrollment, partner::Attributes, portal::PortalDay,
    rate::Rate, settings::Settings, tier::Tier,
};
use crate::column::{Column, Editable};

/// The facts of one tenant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    // By partner.
    pub(crate) attributes: Column<Attributes>,
    pub(crate) enrollments: Column<Enrollment>,
    pub(crate) activities: Column<Activity>,
    pub(crate) trainings: Column<i64>,
    pub(crate) portal_days: Column<PortalDay>,
    pub(crate) certifications: Column<Certification>,
    pub(crate) onboardings: Column<i64>,
    pub(crate) postings: Column<Posting>,
    // One row for the tenant.
    pub(crate) tiers: Column<Tier>,
    pub(crate) settings: Column<Settings>,
    pub(crate) rates: Column<Rate>,
}

impl Columns {
    /// Returns every column. Destructures without `..`, so that the compiler reports
    /// a new column that is missing here.
    fn all(&mut self) -> [&mut dyn Editable; 11] {
        let Self {
            attributes,
            enrollments,
            activities,
            trainings,
            portal_days,
            certifications,
            onboardings,
            postings,
            tiers,
            settings,
            rates,
        } = self;
        [attributes, enrollments, activities, trainings, portal_days, certifications, onboardings, postings, tiers, settings, rates]
    }

    /// Memory of the pending edits, in bytes.
    pub(crate) fn edit_bytes(&mut self) -> usize {
        self.all().into_iter().map(|column| column.edit_bytes()).sum()
    }

    /// Applies the pending edits. Returns the memory of all facts, in bytes.
    pub(crate) fn settle(&mut self) -> usize {
        self.all().into_iter().map(|column| column.settle()).sum()
    }
}
