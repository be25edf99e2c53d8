use stoa_kernel::etag;
use stoa_proto::onboard::v1::{
    GetTenantSettingsRequest, UpdateTenantSettingsRequest, tenant_settings_service_server::TenantSettingsService,
};

use super::*;
use crate::testing::{Bench, reason};

#[tokio::test]
async fn the_default_program_must_exist() {
    let bench = Bench::new().await;
    let update = async |default_program: &str| {
        let settings = TenantSettings { name: "tenantSettings".into(), default_program: default_program.into(), ..Default::default() };
        let request = UpdateTenantSettingsRequest { tenant_settings: Some(settings), ..Default::default() };
        bench.api.update_tenant_settings(bench.as_vendor(request)).await
    };
    assert_eq!(update("").await.unwrap().into_inner().etag, "", "the defaults have no version");
    assert_eq!(reason(update("p").await), "INVALID_FIELD");
    assert_eq!(reason(update("programs/none").await), "REFERENCE_NOT_FOUND");
    assert_eq!(update("programs/p").await.unwrap().into_inner().etag, etag::of_version(1));
    assert_eq!(update("programs/p").await.unwrap().into_inner().etag, etag::of_version(1), "nothing changed");
    let get = GetTenantSettingsRequest { name: "tenantSettings".into() };
    let settings = bench.api.get_tenant_settings(bench.as_vendor(get)).await.unwrap().into_inner();
    assert_eq!((settings.default_program.as_str(), settings.reporting_currency.as_str()), ("programs/p", "USD"));
    assert_eq!(bench.subjects().await.iter().filter(|s| *s == "tenant_settings.updated").count(), 1);
}

#[test]
fn senseless_settings_are_refused() {
    let with = |f: fn(&mut TenantSettings)| {
        let mut settings = stoa_directory::default_settings();
        f(&mut settings);
        check(&settings).map_err(|e| e.reason().as_str())
    };
    assert_eq!(with(|_| {}), Ok(()));
    assert_eq!(with(|s| s.time_zone = "Nowhere/Here".into()), Err("TIME_ZONE_UNKNOWN"));
    assert_eq!(with(|s| s.reporting_currency = "ABC".into()), Err("CURRENCY_UNKNOWN"));
}
