use stoa_kernel::{Error, Result};
use stoa_proto::analytics::v1::{GetPartnerActivityRequest, PartnerActivity, partner_activity_service_server::PartnerActivityService};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use crate::{Api, definition::DEFAULT, request::cut};

#[tonic::async_trait]
impl PartnerActivityService for Api {
    async fn get_partner_activity(&self, request: Request<GetPartnerActivityRequest>) -> Result<Response<PartnerActivity>, Status> {
        let (cx, request) = enter(request)?;
        answer(
            async {
                let cut = cut(&cx, request.as_of.as_ref(), request.known_at.as_ref())?;
                let id = request.name.split('/').nth(1).unwrap_or_default();
                let ready = self.ready(&cx, &[]).await?;
                let partner = super::visible(&ready.frame, &cx, id).ok_or_else(|| Error::not_found(&request.name))?;
                Ok(super::status(&ready, partner, cut, &DEFAULT))
            }
            .await,
        )
    }
}
