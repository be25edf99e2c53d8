//! Performs the deal actions of the schedule through the API.

use stoa_kernel::Timestamp;
use stoa_proto::{common::v1::Money, sell::v1 as sell};
use tonic::Status;

use super::{
    network::{Organization, PRODUCT_LINES, TERRITORIES, VERTICALS},
    schedule::{Action, DealPlan, currency},
    world::{World, date, line_name, partner},
};

pub(super) async fn perform(world: &World, o: &Organization, action: &Action, day: Timestamp) -> Result<(), Status> {
    let client = &world.client;
    let name = |id: &str| format!("deals/{id}");
    match action {
        Action::DealSubmit(plan) => submit(world, o, plan, day).await,
        Action::DealApprove(id)
        | Action::DealReject(id)
        | Action::DealWithdraw(id)
        | Action::DealAdvance(id, _)
        | Action::DealWin(id)
        | Action::DealLose(id)
            if world.is_dropped(id) =>
        {
            Ok(())
        }
        Action::DealApprove(id) => {
            client.call(sell::ApproveDealRegistrationRequest { name: name(id), ..Default::default() }).await.map(drop)
        }
        Action::DealReject(id) => {
            world.drop_deal(id);
            let request = sell::RejectDealRegistrationRequest {
                name: name(id),
                closure_code: sell::ClosureCode::Duplicate as i32,
                reason: "already registered".into(),
                ..Default::default()
            };
            client.call(request).await.map(drop)
        }
        Action::DealWithdraw(id) => {
            world.drop_deal(id);
            client.call(sell::WithdrawDealRegistrationRequest { name: name(id), ..Default::default() }).await.map(drop)
        }
        Action::DealAdvance(id, step) => {
            let stages = [sell::PipelineStage::Engaging, sell::PipelineStage::Proposing, sell::PipelineStage::Negotiating];
            let target_stage = stages[(step - 1).min(2)] as i32;
            client.call(sell::AdvanceDealStageRequest { name: name(id), target_stage, ..Default::default() }).await.map(drop)
        }
        Action::DealWin(id) => client.call(sell::WinDealRequest { name: name(id), ..Default::default() }).await.map(drop),
        Action::DealLose(id) => {
            let request = sell::LoseDealRequest { name: name(id), reason: "no budget".into(), ..Default::default() };
            client.call(request).await.map(drop)
        }
        _ => Ok(()),
    }
}

async fn submit(world: &World, o: &Organization, plan: &DealPlan, day: Timestamp) -> Result<(), Status> {
    let customer = sell::Customer {
        display_name: format!("Customer {}", plan.customer),
        domain: format!("c{}.example", plan.customer),
        country_code: TERRITORIES[o.territory].1.into(),
        territory: TERRITORIES[o.territory].0.into(),
        vertical: VERTICALS[plan.vertical].into(),
        size_segment: ["small", "mid-market", "enterprise"][plan.customer as usize % 3].into(),
        direct_account: plan.customer.is_multiple_of(17),
        ..Default::default()
    };
    let deal = sell::Deal {
        display_name: format!("{} for customer {}", PRODUCT_LINES[plan.line].1, plan.customer),
        partner: partner(o),
        product_line: line_name(plan.line),
        customer: Some(customer),
        amount: Some(Money { minor_units: plan.amount, currency_code: currency(o).into() }),
        close_date: date(day.plus_days(60)),
        kind: sell::DealKind::NetNew as i32,
        pipeline_stage: sell::PipelineStage::Prospecting as i32,
        ..Default::default()
    };
    let request = sell::CreateDealRequest { deal_id: plan.id.clone(), deal: Some(deal), ..Default::default() };
    world.client.call(request).await?;
    let request = sell::SubmitDealRegistrationRequest { name: format!("deals/{}", plan.id), ..Default::default() };
    let submitted = world.client.call(request).await?;
    if submitted.registration_state() == sell::RegistrationState::Conflicted {
        world.drop_deal(&plan.id);
    }
    Ok(())
}
