//! Segment policies: the defaults, and the overrides in a request.

use stoa_kernel::{Error, Result};
use stoa_proto::analytics::v1::{AllocationResource, ErrorReason, InvestmentSegment, SegmentPolicy};

/// The segments, lowest first.
pub(crate) const SEGMENTS: [InvestmentSegment; 4] = [
    InvestmentSegment::ActivationFocus,
    InvestmentSegment::ActiveStandard,
    InvestmentSegment::HighPerforming,
    InvestmentSegment::Strategic,
];

/// How one segment takes part in the allocation of one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) partners_per_unit: i64,
    pub(crate) share_basis_points: i64,
    pub(crate) floor: i64,
    pub(crate) cap: Option<i64>,
}

impl Policy {
    /// Returns the cap of a partner if `units` are to be allocated.
    pub(crate) fn cap_of(&self, units: i64) -> i64 {
        self.cap.unwrap_or(i64::MAX).min(units).max(self.floor)
    }
}

/// How segments are weighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weighting {
    /// By number of partners ÷ partners per unit.
    Ratios,
    /// By the shares in the request.
    Shares,
}

/// The policies of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policies {
    pub(crate) weighting: Weighting,
    by_segment: [Policy; 4],
}

/// Whether the segment's units are one pool, for activation rather than selling.
pub(crate) const fn is_pooled(segment: InvestmentSegment) -> bool {
    matches!(segment, InvestmentSegment::ActivationFocus)
}

/// Default number of partners per account manager.
const fn default_ratio(segment: InvestmentSegment) -> i64 {
    match segment {
        InvestmentSegment::Strategic => 3,
        InvestmentSegment::HighPerforming => 10,
        InvestmentSegment::ActiveStandard => 25,
        InvestmentSegment::ActivationFocus | InvestmentSegment::Unspecified => 100,
    }
}

impl Policies {
    pub(crate) fn for_segment(&self, segment: InvestmentSegment) -> &Policy {
        let at = SEGMENTS.iter().position(|s| *s == segment).unwrap_or_default();
        &self.by_segment[at]
    }

    /// Returns the policies of a resource: the defaults, overridden by `given`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT `POLICY_INVALID` if policies contradict each other.
    pub(crate) fn read(given: &[SegmentPolicy], resource: AllocationResource) -> Result<Self> {
        let mut found: [Option<&SegmentPolicy>; 4] = [None; 4];
        for (i, policy) in given.iter().enumerate() {
            if policy.resource() != AllocationResource::Unspecified && policy.resource() != resource {
                continue;
            }
            let at = SEGMENTS.iter().position(|s| *s == policy.segment()).unwrap_or_default();
            if found[at].replace(policy).is_some() {
                return Err(invalid(i, "segment", "already has a policy for this resource. Keep only one."));
            }
            if policy.cap.is_some_and(|cap| cap < policy.floor) {
                return Err(invalid(i, "cap", "must not be lower than the floor"));
            }
        }
        let by_segment = [0, 1, 2, 3].map(|i| policy(SEGMENTS[i], found[i]));
        let shares: i64 = by_segment.iter().map(|p| p.share_basis_points).sum();
        if shares > 10_000 {
            return Err(invalid(0, "share_basis_points", "must not add up to more than 10,000 for one resource. Lower the shares."));
        }
        let by_ratio = found.iter().flatten().any(|p| p.partners_per_unit > 0);
        if shares > 0 && by_ratio {
            return Err(invalid(0, "share_basis_points", "cannot be combined with partners_per_unit for one resource. Use only one."));
        }
        let weighting = if shares > 0 { Weighting::Shares } else { Weighting::Ratios };
        Ok(Self { weighting, by_segment })
    }
}

fn policy(segment: InvestmentSegment, given: Option<&SegmentPolicy>) -> Policy {
    let ratio = given.map_or(0, |p| i64::from(p.partners_per_unit));
    Policy {
        partners_per_unit: if ratio == 0 { default_ratio(segment) } else { ratio },
        share_basis_points: given.map_or(0, |p| i64::from(p.share_basis_points)),
        floor: given.map_or(0, |p| p.floor),
        cap: given.and_then(|p| p.cap),
    }
}

fn invalid(at: usize, field: &str, message: &str) -> Error {
    Error::invalid(format!("policies[{at}].{field}"), message).with_reason(ErrorReason::PolicyInvalid)
}
