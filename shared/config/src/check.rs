//! Checks that the settings fit together. Each problem says what to change.

use std::collections::BTreeSet;

use crate::{Backend, BusKind, Config, Issuer, Problem, SERVICES, Subjects};

/// Prefix of the suite's own issuers. No other issuer may use it.
const OWN_ISSUERS: &str = "stoa:";

/// The lowest limit of a message, in bytes, with which every method still
/// works.
const MESSAGE_BYTES_LEAST: usize = 1024;
/// The largest message, in bytes, that the services' decoders read. The limit
/// is part of each generated server, and none of them raises it.
const MESSAGE_BYTES_MOST: usize = 4 * 1024 * 1024;

/// Number of largest messages that the buffered bytes must hold: one caller may use
/// a quarter of them, and a large message counts 16 times.
const BUFFERED_MESSAGES_LEAST: usize = 4 * 16;

struct Check<'a> {
    config: &'a Config,
    found: Vec<(String, String)>,
}

/// All problems. `origin` says where the value of a key came from.
pub(crate) fn problems(config: &Config, origin: impl Fn(&str) -> String) -> Vec<Problem> {
    let mut check = Check { config, found: Vec::new() };
    check.services();
    // The following depends on which services run.
    if check.found.is_empty() {
        check.store_and_bus();
        check.tokens();
        check.peers();
    }
    for (at, issuer) in config.auth.issuers.iter().enumerate() {
        check.issuer(at, issuer);
        check.subjects(at, issuer);
    }
    check.addresses();
    check.telemetry();
    check.bounds();
    check.found.into_iter().map(|(key, message)| Problem { origin: origin(&key), key, message }).collect()
}

impl Check<'_> {
    fn refuse(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.found.push((key.into(), message.into()));
    }

    fn services(&mut self) {
        if self.config.services.is_empty() {
            self.refuse("services", "is empty. Name the services to run, or \"all\".");
        }
        let mut seen = BTreeSet::new();
        for name in &self.config.services {
            if name != "all" && !SERVICES.contains(&name.as_str()) {
                self.refuse("services", format!("`{name}` is not a service. Choose from all, {}.", SERVICES.join(", ")));
            } else if !seen.insert(name) {
                self.refuse("services", format!("`{name}` is listed twice. List it once."));
            }
        }
    }

    fn addresses(&mut self) {
        let config = self.config;
        if config.data_dir.as_os_str().is_empty() {
            self.refuse("data_dir", "is empty. Name a folder.");
        }
        if config.listen == config.management_listen && config.listen.port() != 0 {
            self.refuse("management_listen", "is the same address as `listen`. Choose another port.");
        }
    }

    fn store_and_bus(&mut self) {
        let (store, bus) = (&self.config.store, &self.config.bus);
        match (store.backend, bus.kind) {
            (Backend::Sqlite, BusKind::Jetstream) => {
                self.refuse("bus.kind", "SQLite works only with the embedded bus. Set bus.kind = \"embedded\", or store.backend = \"postgres\" and store.url.");
            }
            (Backend::Postgres, BusKind::Embedded) if !self.config.runs_all() => self.refuse(
                "bus.kind",
                "the embedded bus does not reach beyond this process, which does not run all services. Set bus.kind = \"jetstream\" and bus.url, or services = [\"all\"].",
            ),
            _ => {}
        }
        let url = store.url.expose();
        match store.backend {
            Backend::Sqlite if !url.is_empty() => {
                self.refuse(
                    "store.url",
                    "applies only to PostgreSQL. Remove it (SQLite files are in data_dir), or set store.backend = \"postgres\".",
                );
            }
            Backend::Postgres if !url.starts_with("postgres://") && !url.starts_with("postgresql://") => {
                self.refuse("store.url", "must be a URL like postgres://user@host/stoa_{service}");
            }
            Backend::Postgres if self.stores() > 1 && !url.contains("{service}") => {
                self.refuse(
                    "store.url",
                    "is one address for several services, but no service may read another's store. Put {service} in it.",
                );
            }
            _ => {}
        }
        let servers = bus.url.expose();
        match bus.kind {
            BusKind::Embedded if !servers.is_empty() => {
                self.refuse("bus.url", "applies only to JetStream. Remove it, or set bus.kind = \"jetstream\".")
            }
            BusKind::Jetstream if !["nats://", "tls://"].iter().any(|scheme| servers.starts_with(scheme)) => {
                self.refuse("bus.url", "must be an address like nats://nats:4222");
            }
            _ => {}
        }
        if bus.name.is_empty() || !bus.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-') {
            self.refuse("bus.name", "must consist of lowercase letters, digits, `_` and `-`, for example stoa");
        }
        if ![1, 3, 5].contains(&bus.replicas) {
            self.refuse("bus.replicas", "must be 1, 3 or 5");
        }
    }

    fn stores(&self) -> usize {
        self.config.services().iter().filter(|s| **s != "gateway").count()
    }

    fn tokens(&mut self) {
        let config = self.config;
        let local = config.local_key_path().is_some();
        if local && !config.listen.ip().is_loopback() {
            self.refuse(
                "listen",
                "is not a loopback address while the development key is on, and whoever has its file can act as anybody. \
                 Listen on 127.0.0.1, or set auth.local_key = \"off\" and configure auth.issuers.",
            );
        }
        if !local && config.auth.issuers.is_empty() {
            self.refuse("auth.issuers", "is empty while auth.local_key is off, so nobody could call. Add an issuer.");
        }
        if !config.runs_all() && config.auth.service_key.as_os_str().is_empty() {
            self.refuse(
                "auth.service_key",
                "is empty, but services in other processes must share the key. Name its file, with the same key for all.",
            );
        }
        let issuers: Vec<&str> = config.auth.issuers.iter().map(|i| i.issuer.as_str()).collect();
        let mut seen = BTreeSet::new();
        for issuer in issuers {
            if !seen.insert(issuer) {
                self.refuse("auth.issuers", format!("`{issuer}` is listed twice. Merge its entries."));
            }
        }
        for (role, permissions) in &config.auth.roles {
            if role.is_empty() || !role.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
                self.refuse(format!("auth.roles.{role}"), "the name of a role must consist of lowercase letters, digits and underscores");
            }
            for permission in permissions.iter().filter(|p| !is_permission(p)) {
                self.refuse(format!("auth.roles.{role}"), format!("`{permission}` must be `noun.verb`, `noun.*`, `*.verb` or `*.*`"));
            }
        }
    }

    fn issuer(&mut self, at: usize, issuer: &Issuer) {
        let key = |field: &str| format!("auth.issuers.{at}.{field}");
        if issuer.issuer.is_empty() || issuer.issuer.starts_with(OWN_ISSUERS) {
            self.refuse(key("issuer"), "must be the `iss` of its tokens. `stoa:` is reserved for the suite itself");
        }
        if issuer.audiences.is_empty() {
            self.refuse(key("audiences"), "is empty. Name the audience of its tokens for this installation.");
        }
        if issuer.tenants.is_empty() {
            self.refuse(key("tenants"), "is empty. Name the tenants that it may speak for, or \"*\".");
        }
        let sources = [issuer.jwks.is_some(), issuer.jwks_file.is_some(), issuer.jwks_url.is_some()];
        match sources.iter().filter(|set| **set).count() {
            0 if !is_safe(&issuer.issuer) => {
                self.refuse(
                    key("issuer"),
                    "keys are discovered below this address, so it must be https (http only to loopback). Correct it, or set jwks_file or jwks_url.",
                );
            }
            0 | 1 => {}
            _ => self.refuse(key("jwks"), "set only one of jwks, jwks_file and jwks_url"),
        }
        if issuer.jwks_url.as_deref().is_some_and(|url| !is_safe(url)) {
            self.refuse(key("jwks_url"), "must be https (http only to loopback): whoever can change the answer can sign in as anybody");
        }
        let names = &issuer.claims;
        for (field, name) in [
            ("subject", &names.subject),
            ("tenant", &names.tenant),
            ("roles", &names.roles),
            ("partner", &names.partner),
            ("connector", &names.connector),
        ] {
            if name.is_empty() {
                self.refuse(key(&format!("claims.{field}")), "is empty. Name the claim.");
            }
        }
    }

    fn subjects(&mut self, at: usize, issuer: &Issuer) {
        let given = |other: &Issuer| other.subjects == Subjects::Given;
        let before = self.config.auth.issuers.iter().take(at);
        let same = before.filter(|other| given(other) && given(issuer) && other.issuer != issuer.issuer);
        if let Some(other) = same.filter(|other| other.shares_a_tenant_with(issuer)).map(|other| other.issuer.clone()).next() {
            self.refuse(
                format!("auth.issuers.{at}.subjects"),
                format!(
                    "is \"given\" here and for {other}, which speaks for the same tenant, so that equal subjects of both would be one person. \
                     Set \"derived\" for the issuer whose subjects are not the IDs of your persons, or give them different tenants."
                ),
            );
        }
    }

    fn peers(&mut self) {
        let config = self.config;
        for (name, url) in &config.peers {
            let key = format!("peers.{name}");
            if !SERVICES.contains(&name.as_str()) {
                self.refuse(key, format!("is not a service. Choose from {}.", SERVICES.join(", ")));
            } else if url.starts_with("https://") {
                self.refuse(key, "is https, but services do not use TLS between each other yet. Use http:// on a network that encrypts.");
            } else if !is_http(url) {
                self.refuse(key, "must be an address like http://stoa-onboard:8080");
            }
        }
        let needed = SERVICES.iter().filter(|s| !config.runs(s) && (**s == "onboard" || (**s != "gateway" && config.runs("gateway"))));
        for name in needed.filter(|name| !config.peers.contains_key(**name)) {
            let who = if config.runs("gateway") { "the gateway calls" } else { "other services call" };
            self.refuse(format!("peers.{name}"), format!("is missing: {who} {name}, which this process does not run. Set its address."));
        }
    }

    fn telemetry(&mut self) {
        let telemetry = &self.config.telemetry;
        if !(0.0..=1.0).contains(&telemetry.sample_ratio) {
            self.refuse("telemetry.sample_ratio", "must be between 0 and 1");
        }
        if !telemetry.otlp_endpoint.is_empty() && !is_http(&telemetry.otlp_endpoint) {
            self.refuse("telemetry.otlp_endpoint", "must be an address like http://collector:4317, or empty");
        }
        if telemetry.log_filter.is_empty() {
            self.refuse("telemetry.log_filter", "is empty. Name a level, for example \"info\".");
        }
    }

    fn bounds(&mut self) {
        let Config { store, limits, gateway, events, .. } = self.config;
        let positive = [
            ("store.group_max", store.group_max as u64),
            ("store.read_connections_max", store.read_connections_max.into()),
            ("store.connections_max", store.connections_max.into()),
            ("limits.connections_max", limits.connections_max as u64),
            ("limits.connections_per_address_max", limits.connections_per_address_max as u64),
            ("limits.connection_idle_s_max", limits.connection_idle_s_max),
            ("limits.arrivals_max", limits.arrivals_max as u64),
            ("limits.concurrency_max", limits.concurrency_max as u64),
            ("limits.body_read_ms_max", limits.body_read_ms_max),
            ("limits.deadline_ms_max", limits.deadline_ms_max),
            ("limits.streams_per_caller_max", limits.streams_per_caller_max as u64),
            ("limits.stream_idle_s_max", limits.stream_idle_s_max),
            ("limits.rate_per_caller_per_second", limits.rate_per_caller_per_second.into()),
            ("limits.rate_burst", limits.rate_burst.into()),
            ("limits.rate_per_tenant_per_second", limits.rate_per_tenant_per_second.into()),
            ("limits.rate_tenant_burst", limits.rate_tenant_burst.into()),
            ("limits.refusals_per_address_per_second", limits.refusals_per_address_per_second.into()),
            ("limits.link_bytes_max", limits.link_bytes_max as u64),
            ("limits.rate_per_link_per_second", limits.rate_per_link_per_second.into()),
            ("limits.rate_link_burst", limits.rate_link_burst.into()),
            ("limits.frame_bytes_max", limits.frame_bytes_max),
            ("events.stream_retention_days", events.stream_retention_days.into()),
            ("events.idempotency_retention_hours", events.idempotency_retention_hours.into()),
        ];
        for (key, value) in positive {
            if value == 0 {
                self.refuse(key, "must be 1 or more");
            }
        }
        if !(MESSAGE_BYTES_LEAST..=MESSAGE_BYTES_MOST).contains(&limits.message_bytes_max) {
            let message = format!("must be between {MESSAGE_BYTES_LEAST} and {MESSAGE_BYTES_MOST}. No service reads larger messages.");
            self.refuse("limits.message_bytes_max", message);
        } else if limits.buffered_bytes_max < limits.message_bytes_max * BUFFERED_MESSAGES_LEAST {
            let least = limits.message_bytes_max * BUFFERED_MESSAGES_LEAST;
            let message = format!(
                "must be at least {least}, {BUFFERED_MESSAGES_LEAST} times limits.message_bytes_max, or nobody could send the largest message"
            );
            self.refuse("limits.buffered_bytes_max", message);
        }
        if events.inbox_retention_days <= events.stream_retention_days {
            self.refuse(
                "events.inbox_retention_days",
                "must exceed events.stream_retention_days, or an event that is delivered again would be applied again",
            );
        }
        if gateway.cors_origins.len() > 1 && gateway.cors_origins.iter().any(|origin| origin == "*") {
            self.refuse("gateway.cors_origins", "`*` means every origin. List it alone, or list origins.");
        }
        for origin in gateway.cors_origins.iter().filter(|o| !is_origin(o)) {
            self.refuse(
                "gateway.cors_origins",
                format!("`{origin}` must be an origin like https://partners.example.com, without a path, or \"*\""),
            );
        }
    }
}

fn is_permission(pattern: &str) -> bool {
    let part = |text: &str| text == "*" || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric()));
    pattern.split_once('.').is_some_and(|(noun, verb)| part(noun) && part(verb))
}

fn is_http(url: &str) -> bool {
    host(url).is_some()
}

/// Whether nobody on the way can change what is read from there.
fn is_safe(url: &str) -> bool {
    is_http(url) && (url.starts_with("https://") || host(url).is_some_and(is_loopback))
}

fn is_origin(origin: &str) -> bool {
    origin == "*" || (is_http(origin) && origin.split('/').count() == 3)
}

/// The host of an http or https address.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    // An address that contains a user may look like one host and lead to
    // another.
    if authority.contains('@') {
        return None;
    }
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
