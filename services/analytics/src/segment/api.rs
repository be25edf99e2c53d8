use prost::Message;
use stoa_kernel::{Result, names};
use stoa_proto::analytics::v1::{
    InactiveKind, InvestmentSegment, ListPartnerSegmentsRequest, ListPartnerSegmentsResponse, NetworkStage, PartnerSegment, SegmentCount,
    partner_segment_service_server::PartnerSegmentService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{Segmented, segment_of, segments};
use crate::{
    Api,
    column::span::Cut,
    definition::DEFAULT,
    frame::{
        Frame,
        keeper::{Ready, blocking},
    },
    metrics::{count, filter::Filter},
    request::{PageRequest, instant},
};

#[tonic::async_trait]
impl PartnerSegmentService for Api {
    async fn list_partner_segments(
        &self,
        request: Request<ListPartnerSegmentsRequest>,
    ) -> Result<Response<ListPartnerSegmentsResponse>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                cx.require_tenant_reach()?;
                let segment = request.segment.to_string();
                let query = ["ListPartnerSegments", &segment, &request.filter];
                let instants = (request.as_of.as_ref(), request.known_at.as_ref());
                let page = PageRequest::read(self, &cx, &query, instants, (request.page_size, &request.page_token))?;
                let ready = self.ready(&cx, &request.consistent_with).await?;
                let (cut, segment) = (page.cut, request.segment());
                let (mut response, rows) = blocking(move || list(&ready, cut, &request.filter, segment)).await??;
                let (page, next_page_token) = page.cut_to_page(rows, Message::encoded_len, |row| row.partner.clone());
                response.partner_segments = page;
                response.next_page_token = next_page_token;
                Ok(response)
            }
            .await,
        )
    }
}

/// Returns the response without its page, and all rows.
fn list(ready: &Ready, cut: Cut, filter: &str, segment: InvestmentSegment) -> Result<(ListPartnerSegmentsResponse, Vec<PartnerSegment>)> {
    let frame = &ready.frame;
    let found = segments(frame, cut, &Filter::read(filter, frame)?, &DEFAULT)?;
    let counted = |stage: NetworkStage| SegmentCount {
        segment: segment_of(stage) as i32,
        partner_count: count(found.all.iter().filter(|s| s.stage == stage).count()),
    };
    let stages = [NetworkStage::EnrolledInactive, NetworkStage::ActiveStandard, NetworkStage::HighPerforming, NetworkStage::Strategic];
    let response = ListPartnerSegmentsResponse {
        partner_segments: Vec::new(),
        next_page_token: String::new(),
        segment_counts: stages.into_iter().map(counted).collect(),
        grid_time: instant(found.grid),
        known_at: instant(cut.known_at),
        definition_version: DEFAULT.version.to_owned(),
        folded_positions: ready.positions.clone(),
        frame_exceeded: ready.exceeded(),
    };
    let wanted = |s: &&Segmented| segment == InvestmentSegment::Unspecified || segment_of(s.stage) == segment;
    let rows = found.all.iter().filter(wanted).map(|s| row(frame, Cut { as_of: found.grid, ..cut }, s)).collect();
    Ok((response, rows))
}

fn row(frame: &Frame, cut: Cut, s: &Segmented) -> PartnerSegment {
    let kind = match (s.stage, s.last) {
        (NetworkStage::EnrolledInactive, None) => InactiveKind::NeverActivated,
        (NetworkStage::EnrolledInactive, Some(_)) => InactiveKind::Dormant,
        _ => InactiveKind::Unspecified,
    };
    let name = frame.attributes_at(s.partner, cut).map_or("", |a| frame.texts.get(a.display_name));
    PartnerSegment {
        partner: names::name("partners", frame.partners.get(s.partner)),
        display_name: name.to_owned(),
        stage: s.stage as i32,
        segment: segment_of(s.stage) as i32,
        inactive_kind: kind as i32,
        dormant_time: s.last.filter(|_| kind == InactiveKind::Dormant).and_then(instant),
        evaluated_stage: s.evaluated as i32,
        reasons: s.reasons.clone(),
        program: frame.texts.get(s.program).to_owned(),
        suspended: s.suspended,
    }
}
