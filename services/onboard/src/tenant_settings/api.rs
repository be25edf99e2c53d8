use futures::FutureExt;
use stoa_kernel::Result;
use stoa_proto::onboard::v1::{
    GetTenantSettingsRequest, TenantSettings, UpdateTenantSettingsRequest, tenant_settings_service_server::TenantSettingsService,
};
use stoa_rpc::{answer, enter};
use tonic::{Request, Response, Status};

use super::{operations, store};
use crate::Api;

#[tonic::async_trait]
impl TenantSettingsService for Api {
    async fn get_tenant_settings(&self, request: Request<GetTenantSettingsRequest>) -> Result<Response<TenantSettings>, Status> {
        let (cx, _) = enter(request)?;
        answer(store::find(self.deps.store.read(), &cx).await.map(|found| found.unwrap_or_else(stoa_directory::default_settings)))
    }

    async fn update_tenant_settings(&self, request: Request<UpdateTenantSettingsRequest>) -> Result<Response<TenantSettings>, Status> {
        let (cx, request) = enter(request)?;
        answer(self.deps.store.write_once(&cx, request, |tx, cx, request| operations::update(tx, cx, request).boxed()).await)
    }
}
