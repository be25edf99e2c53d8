//! Access to a process: its keys, issuers and roles.

use std::sync::Arc;

use anyhow::{Context, Result};
use stoa_auth::{Access, LocalKey, Roles, Rules, ServiceKey, ServiceSigner, ServiceVerifier, Suspension, TokenRequest, Verifier};
use stoa_config::Config;
use stoa_kernel::{Clock, page::PageKey};

use crate::data_dir;

/// The keys of a process.
pub struct Keys {
    /// Signs tokens for development; `None` if it is off.
    pub local: Option<LocalKey>,
    /// Signs page tokens.
    pub page_key: PageKey,
    service: Arc<ServiceKey>,
}

impl Keys {
    pub(super) fn load(config: &Config) -> Result<Self> {
        data_dir::create(&config.data_dir)?;
        let local = config.local_key_path().map(|path| LocalKey::load_or_create(&path)).transpose()?;
        let (path, may_create) = config.service_key_path();
        let service = if may_create { ServiceKey::load_or_create(&path)? } else { ServiceKey::load(&path)? };
        // Every replica must be able to read the page tokens of the others.
        let page_key = PageKey::new(&service.derive("page tokens")?);
        Ok(Self { local, page_key, service: Arc::new(service) })
    }

    pub(super) fn signer(&self, service: &'static str) -> ServiceSigner {
        ServiceSigner::new(self.service.clone(), service)
    }

    /// Signs a token for development.
    ///
    /// # Errors
    /// If the local key is off or the request is invalid.
    pub fn token(&self, request: &TokenRequest) -> Result<String> {
        let key = self.local.as_ref().context("the local key is off (auth.local_key). Ask your identity provider for a token.")?;
        Ok(key.sign(request)?)
    }
}

/// Creates the access to the methods of the API.
pub(super) fn access(config: &Config, keys: &Keys, clock: &Clock, services: &[&str], suspension: Option<Suspension>) -> Result<Access> {
    let roles = Arc::new(Roles::with(&config.auth.roles)?);
    let mut verifier = Verifier::new(config.auth.issuers.clone(), &roles)?.with_services(ServiceVerifier::new(&keys.service, services)?);
    if let Some(key) = &keys.local {
        verifier = verifier.with_local_key(key, &roles)?;
    }
    let access = Access::new(Rules::of_api()?, roles, Arc::new(verifier), clock.clone(), suspension);
    Ok(access.with_links(keys.service.link_key()?))
}
