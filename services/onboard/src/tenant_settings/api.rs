use stoa_kernel::Result;
use stoa_proto::onboard::v1::{
    GetTenantSettingsRequest, TenantSettings, UpdateTenantSettingsRequest, tenant_settings_service_server::TenantSettingsService,
};
use stoa_rpc::{answer, enter};
use stoa_service::write;
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl TenantSettingsService for Api {
    async fn get_tenant_settings(&self, request: Request<GetTenantSettingsRequest>) -> Result<Response<TenantSettings>, Status> {
        let (cx, _) = enter(request)?;
        answer(store::settings(self.deps.store.read(), &cx).await)
    }

    async fn update_tenant_settings(&self, request: Request<UpdateTenantSettingsRequest>) -> Result<Response<TenantSettings>, Status> {
        write(&self.deps, request, operations::update).await
    }
}
