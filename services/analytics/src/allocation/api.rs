use prost::Message;
use stoa_kernel::{Error, Result, money, names};
use stoa_proto::analytics::v1::{
    Allocation, AllocationBudget, AllocationResource, ComputeAllocationRequest, PartnerAllocation, ResourcePlan, SegmentPlan,
    allocation_service_server::AllocationService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{
    Candidate, Plan, allocate, compare,
    policy::{self, Policies, SEGMENTS},
    set_productivity,
};
use crate::{
    Api,
    column::span::Cut,
    definition::DEFAULT,
    frame::keeper::{Ready, blocking},
    metrics::{count, filter::Filter},
    request::{PageRequest, instant},
    segment::{segment_of, segments},
};

#[tonic::async_trait]
impl AllocationService for Api {
    async fn compute_allocation(&self, request: Request<ComputeAllocationRequest>) -> Result<Response<Allocation>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                cx.require_tenant_reach()?;
                let asked = format!("{:?}/{:?}", request.budgets, request.policies);
                let query = ["ComputeAllocation", &asked, &request.filter];
                let instants = (request.as_of.as_ref(), request.known_at.as_ref());
                let page = PageRequest::read(self, &cx, &query, instants, (request.page_size, &request.page_token))?;
                let ready = self.ready(&cx, &request.consistent_with).await?;
                let cut = page.cut;
                let (mut allocation, partners) = blocking(move || compute(&ready, cut, &request)).await??;
                (allocation.partner_allocations, allocation.next_page_token) =
                    page.cut_to_page(partners, Message::encoded_len, |p| p.partner.clone());
                Ok(allocation)
            }
            .await,
        )
    }
}

/// Returns the allocation without its page, and the rows of all partners.
fn compute(ready: &Ready, cut: Cut, request: &ComputeAllocationRequest) -> Result<(Allocation, Vec<PartnerAllocation>)> {
    check(&request.budgets)?;
    let frame = &ready.frame;
    let found = segments(frame, cut, &Filter::read(&request.filter, frame)?, &DEFAULT)?;
    let mut candidates: Vec<Candidate> = found
        .all
        .iter()
        .map(|s| Candidate {
            partner: frame.partners.get(s.partner).to_owned(),
            segment: segment_of(s.stage),
            revenue: s.revenue,
            wins: s.wins,
            productivity: 0,
        })
        .collect();
    set_productivity(&mut candidates);
    let mut plans = Vec::with_capacity(request.budgets.len());
    let mut rows: Vec<PartnerAllocation> = candidates.iter().map(row).collect();
    for budget in &request.budgets {
        let plan = allocate(budget, &candidates, &Policies::read(&request.policies, budget.resource())?)?;
        let uniform = compare::uniform(budget.unit_count, candidates.len());
        for ((row, units), uniform_units) in rows.iter_mut().zip(&plan.partners).zip(&uniform) {
            row.unit_counts.push(*units);
            row.uniform_counts.push(*uniform_units);
        }
        plans.push(resource_plan(budget, &plan, &candidates, &uniform, &found.currency));
    }
    let allocation = Allocation {
        definition_version: DEFAULT.version.to_owned(),
        as_of: instant(cut.as_of),
        known_at: instant(cut.known_at),
        grid_time: instant(found.grid),
        plans,
        folded_positions: ready.positions.clone(),
        frame_exceeded: ready.exceeded(),
        ..Allocation::default()
    };
    Ok((allocation, rows))
}

fn check(budgets: &[AllocationBudget]) -> Result<()> {
    for (i, budget) in budgets.iter().enumerate() {
        if budgets.iter().take(i).any(|b| b.resource == budget.resource) {
            return Err(Error::invalid(format!("budgets[{i}].resource"), "is that of an earlier budget. Send one budget per resource."));
        }
        if !budget.currency_code.is_empty() {
            money::currency(&format!("budgets[{i}].currency_code"), &budget.currency_code)?;
        }
    }
    Ok(())
}

fn row(candidate: &Candidate) -> PartnerAllocation {
    PartnerAllocation {
        partner: names::name("partners", &candidate.partner),
        segment: candidate.segment as i32,
        revenue_minor_units: candidate.revenue,
        win_count: candidate.wins,
        productivity: candidate.productivity,
        ..PartnerAllocation::default()
    }
}

fn resource_plan(budget: &AllocationBudget, plan: &Plan, candidates: &[Candidate], uniform: &[i64], reporting: &str) -> ResourcePlan {
    let revenues = compare::revenues(candidates);
    let even = compare::per_segment(candidates, uniform);
    let units = SEGMENTS.map(|segment| plan.segments.get(&segment).copied().unwrap_or_default());
    let segment_plan = |(i, segment)| SegmentPlan {
        segment: segment as i32,
        partner_count: count(candidates.iter().filter(|c| c.segment == segment).count()),
        unit_count: units[i],
        pooled: policy::is_pooled(segment),
        uniform_count: even[i],
        revenue_minor_units: revenues[i],
    };
    let currency = match (budget.resource(), budget.currency_code.as_str()) {
        (AllocationResource::Mdf, "") => reporting,
        (AllocationResource::Mdf, given) => given,
        _ => "",
    };
    ResourcePlan {
        resource: budget.resource,
        currency_code: currency.to_owned(),
        unit_count: budget.unit_count,
        segment_plans: SEGMENTS.into_iter().enumerate().map(segment_plan).collect(),
        left_count: plan.left,
        left_reason: plan.left_reason as i32,
        misallocation: compare::misallocation(&units, &revenues),
        uniform_misallocation: compare::misallocation(&even, &revenues),
        top_share: compare::top_share(candidates, &plan.partners, compare::allocated(plan)),
        uniform_top_share: compare::top_share(candidates, uniform, uniform.iter().sum()),
    }
}
