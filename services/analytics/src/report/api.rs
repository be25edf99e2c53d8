use prost::Message;
use stoa_kernel::Result;
use stoa_proto::analytics::v1::{
    Breakdown, GetNetworkQualityRequest, ListMetricPartnersRequest, ListMetricPartnersResponse, NetworkQuality, RollUp,
    network_quality_service_server::NetworkQualityService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::partners::{Listed, partners};
use crate::{
    Api,
    column::span::Cut,
    definition::DEFAULT,
    frame::keeper::{Ready, blocking},
    metrics::{Question, Top, filter::Filter},
    request::{PageRequest, cut, instant},
};

#[tonic::async_trait]
impl NetworkQualityService for Api {
    async fn get_network_quality(&self, request: Request<GetNetworkQualityRequest>) -> Result<Response<NetworkQuality>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                cx.require_tenant_reach()?;
                let cut = cut(&cx, request.as_of.as_ref(), request.known_at.as_ref())?;
                let ready = self.ready(&cx, &request.consistent_with).await?;
                blocking(move || report(&ready, cut, &request)).await?
            }
            .await,
        )
    }

    async fn list_metric_partners(
        &self,
        request: Request<ListMetricPartnersRequest>,
    ) -> Result<Response<ListMetricPartnersResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                cx.require_tenant_reach()?;
                let numbers = format!(
                    "{}/{}/{}/{}/{}",
                    request.metric, request.window_days, request.roll_up, request.concentration_basis_points, request.concentration_count
                );
                let query = ["ListMetricPartners", &numbers, &request.filter];
                let instants = (request.as_of.as_ref(), request.known_at.as_ref());
                let page = PageRequest::read(self, &cx, &query, instants, (request.page_size, &request.page_token))?;
                let ready = self.ready(&cx, &request.consistent_with).await?;
                let cut = page.cut;
                let (mut response, listed) = blocking(move || list(&ready, cut, &request)).await??;
                let (page, next_page_token) = page.cut_to_page(listed, |l| l.partner.encoded_len(), |l| l.key.clone());
                response.metric_partners = page.into_iter().map(|l| l.partner).collect();
                response.next_page_token = next_page_token;
                Ok(response)
            }
            .await,
        )
    }
}

fn report(ready: &Ready, cut: Cut, request: &GetNetworkQualityRequest) -> Result<NetworkQuality> {
    let question = Question {
        cut,
        window_days: window(request.window_days),
        filter: Filter::read(&request.filter, &ready.frame)?,
        roll_up: request.roll_up() == RollUp::Parent,
        top: top(request.concentration_basis_points, request.concentration_count),
    };
    let mut breakdowns: Vec<Breakdown> = Vec::new();
    for breakdown in request.breakdowns() {
        if !breakdowns.contains(&breakdown) {
            breakdowns.push(breakdown);
        }
    }
    Ok(super::quality(ready, &question, &breakdowns, &request.filter, &DEFAULT))
}

/// Returns the response without its page, and all partners.
fn list(ready: &Ready, cut: Cut, request: &ListMetricPartnersRequest) -> Result<(ListMetricPartnersResponse, Vec<Listed>)> {
    let question = Question {
        cut,
        window_days: window(request.window_days),
        filter: Filter::read(&request.filter, &ready.frame)?,
        roll_up: request.roll_up() == RollUp::Parent,
        top: top(request.concentration_basis_points, request.concentration_count),
    };
    let response = ListMetricPartnersResponse {
        as_of: instant(cut.as_of),
        known_at: instant(cut.known_at),
        definition_version: DEFAULT.version.to_owned(),
        folded_positions: ready.positions.clone(),
        frame_exceeded: ready.exceeded(),
        ..ListMetricPartnersResponse::default()
    };
    Ok((response, partners(&ready.frame, &question, request.metric(), &DEFAULT)))
}

fn window(days: i32) -> i64 {
    if days == 0 { DEFAULT.window_days } else { i64::from(days) }
}

fn top(basis_points: i32, count: i32) -> Top {
    match (basis_points, count) {
        (0, 0) => Top::Share(DEFAULT.concentration_basis_points),
        (basis_points, 0) => Top::Share(i64::from(basis_points)),
        (_, count) => Top::Count(i64::from(count)),
    }
}
