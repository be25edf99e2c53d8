use std::{fs, path::PathBuf};

use crate::*;

/// Issuers that let a process listen beyond loopback.
const ISSUER: &str = r#"[{issuer="https://id.example.com", audiences=["stoa"], tenants=["acme"]}]"#;

fn with(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = pairs.iter().map(|(k, v)| (format!("STOA_{}", k.to_uppercase().replace('.', "__")), (*v).to_owned()));
    Sources::none().environment(variables).load()
}

/// The only problem with these settings.
fn refusal(pairs: &[(&str, &str)]) -> Problem {
    let mut problems = with(pairs).unwrap_err().0;
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stoa.toml");
    fs::write(&path, text).unwrap();
    (dir, path)
}

#[test]
fn the_defaults_run_everything_on_loopback() {
    let config = Sources::none().load().unwrap();
    assert_eq!(config.services(), SERVICES);
    assert!(config.listen.ip().is_loopback() && config.runs_all());
    assert_eq!(config.local_key_path(), Some(PathBuf::from("stoa-data/local.key")));
    assert_eq!(config.service_key_path(), (PathBuf::from("stoa-data/service.key"), true));
    assert_eq!(config.store_url("sell").expose(), "sqlite:stoa-data/sell.db");
    let other = Config::embedded(std::path::Path::new("/tmp/1")).unwrap();
    assert_eq!(other.data_dir, PathBuf::from("/tmp/1"));
}

#[test]
fn options_win_over_environment_over_file_over_defaults() {
    let (_dir, path) = file("data_dir = \"from-file\"\n[store]\ngroup_max = 8\nread_connections_max = 9\n[limits]\nrate_burst = 7\n");
    let variables =
        [("STOA_CONFIG", path.to_str().unwrap()), ("STOA_STORE__GROUP_MAX", "16"), ("STOA_LIMITS__RATE_BURST", "17"), ("PATH", "/bin")];
    let config =
        Sources::none().environment(variables.map(|(k, v)| (k.to_owned(), v.to_owned()))).set("limits.rate_burst", "27").load().unwrap();
    assert_eq!(config.data_dir, PathBuf::from("from-file"));
    assert_eq!((config.store.read_connections_max, config.store.group_max, config.limits.rate_burst), (9, 16, 27));
    assert_eq!(config.store.connections_max, 20);
}

#[test]
fn a_named_file_wins_over_the_variable() {
    let (_dir, path) = file("data_dir = \"named\"");
    let sources = Sources::none().environment([("STOA_CONFIG".to_owned(), "/nowhere".to_owned())]);
    assert_eq!(sources.clone().file(Some(path)).load().unwrap().data_dir, PathBuf::from("named"));
    let error = sources.file(None).load().unwrap_err().to_string();
    assert!(error.starts_with("file /nowhere: cannot be read"), "{error}");
}

#[test]
fn the_environment_can_set_everything() {
    let config = with(&[
        ("listen", "0.0.0.0:80"),
        ("services", "sell, onboard"),
        ("store.backend", "postgres"),
        ("store.url", "postgres://stoa:hunter2@db/{service}"),
        ("bus.kind", "jetstream"),
        ("bus.url", "nats://token@nats:4222"),
        ("auth.issuers", ISSUER),
        ("auth.local_key", "off"),
        ("auth.service_key", "/run/service.key"),
        ("auth.roles.deal_desk", r#"["deals.*"]"#),
        ("peers.enable", "http://enable:8080"),
        ("gateway.cors_origins", "https://a.example.com,https://b.example.com:8443"),
        ("telemetry.sample_ratio", "1"),
    ])
    .unwrap();
    assert_eq!(config.services(), ["onboard", "sell"]);
    assert_eq!(config.store_url("sell").expose(), "postgres://stoa:hunter2@db/sell");
    assert_eq!(config.auth.issuers[0].claims.tenant, "tenant");
    assert_eq!(config.auth.roles["deal_desk"], ["deals.*"]);
    assert_eq!(config.gateway.cors_origins.len(), 2);
    assert_eq!((config.local_key_path(), config.service_key_path().1), (None, false));
}

#[test]
fn unknown_keys_are_refused_with_their_origin() {
    let (_dir, path) = file("[store]\nbackand = \"postgres\"\n");
    let error = Sources::none().file(Some(path.clone())).load().unwrap_err();
    assert_eq!((error.0[0].key.as_str(), error.0[0].origin.clone()), ("store.backand", format!("file {}", path.display())));
    assert!(error.to_string().contains("backend"), "{error}");

    let problem = refusal(&[("store.grup_max", "3")]);
    assert_eq!((problem.key.as_str(), problem.origin.as_str()), ("store.grup_max", "environment variable STOA_STORE__GRUP_MAX"));
    assert_eq!(refusal(&[("datadir", "x")]).key, "datadir");
    assert_eq!(
        refusal(&[("auth.issuers", r#"[{issuer="https://x", audiences=["a"], tenants=["*"], jwk="y"}]"#)]).key.rsplit('.').next(),
        Some("jwk")
    );
}

#[test]
fn wrong_types_name_key_and_origin_but_not_the_value() {
    let problem = refusal(&[("store.group_max", "hunter2")]);
    assert_eq!((problem.key.as_str(), problem.origin.as_str()), ("store.group_max", "environment variable STOA_STORE__GROUP_MAX"));
    assert!(!problem.message.contains("hunter2"), "{}", problem.message);
    assert!(refusal(&[("store.backend", "mysql")]).message.contains("sqlite"));
    assert_eq!(refusal(&[("listen", "here")]).key, "listen");
    let (_dir, path) = file("[store]\nurl = postgres://stoa:hunter2@db\n");
    let error = Sources::none().file(Some(path)).load().unwrap_err().to_string();
    assert!(error.contains("is not valid TOML") && error.contains("line 2") && !error.contains("hunter2"), "{error}");
}

#[test]
fn variables_of_kubernetes_service_links_are_not_settings() {
    let links = [
        ("sell_service_host", "10.0.0.1"),
        ("service_port_grpc", "8080"),
        ("port", "tcp://10.0.0.1:80"),
        ("port_8080_tcp_addr", "10.0.0.1"),
    ];
    assert!(with(&links).is_ok());
    assert_eq!(refusal(&[("port", "8080")]).key, "port");
}

#[test]
fn variables_of_the_command_line_are_not_settings() {
    let secret = with(&[("token", "e30.e30.x")]).unwrap();
    assert!(!secret.redacted().contains("e30"));
    assert_eq!(refusal(&[("tokens", "x")]).key, "tokens");
    assert_eq!(refusal(&[("server", "http://127.0.0.1:8080")]).key, "server", "--server has no variable");
}

#[test]
fn stores_and_buses_that_do_not_go_together_are_refused() {
    let pg = ("store.backend", "postgres");
    let url = ("store.url", "postgres://db/{service}");
    let split = [("services", "onboard,sell"), ("auth.service_key", "/k"), pg, url];

    assert!(with(&[pg, url]).is_ok(), "one process may use the embedded bus");
    let problem = refusal(&[("bus.kind", "jetstream"), ("bus.url", "nats://n")]);
    assert_eq!(problem.key, "bus.kind");
    assert!(problem.message.contains("store.backend"), "{}", problem.message);
    assert_eq!(refusal(&split).key, "bus.kind");
    assert!(with(&[&split[..], &[("bus.kind", "jetstream"), ("bus.url", "nats://n")]].concat()).is_ok());
    let websocket = refusal(&[&split[..], &[("bus.kind", "jetstream"), ("bus.url", "ws://n")]].concat());
    assert_eq!(websocket.key, "bus.url", "the client is built without WebSocket");
    for (key, pairs) in [
        ("store.url", &[pg] as &[_]),
        ("store.url", &[pg, ("store.url", "postgres://db/stoa")]),
        ("store.url", &[url]),
        ("bus.url", &[("bus.url", "nats://n")]),
        ("bus.url", &[pg, url, ("bus.kind", "jetstream")]),
        ("bus.replicas", &[("bus.replicas", "2")]),
    ] {
        assert_eq!(refusal(pairs).key, key, "{pairs:?}");
    }
}

#[test]
fn the_development_key_stays_on_loopback() {
    let problem = refusal(&[("listen", "0.0.0.0:8080"), ("auth.issuers", ISSUER)]);
    assert_eq!((problem.key.as_str(), problem.origin.as_str()), ("listen", "environment variable STOA_LISTEN"));
    assert!(problem.message.contains("auth.local_key"), "{}", problem.message);
    assert!(with(&[("listen", "[::1]:8080")]).is_ok());
    assert!(with(&[("listen", "0.0.0.0:8080"), ("auth.issuers", ISSUER), ("auth.local_key", "off")]).is_ok());
    assert_eq!(refusal(&[("auth.local_key", "off")]).key, "auth.issuers");
    assert_eq!(with(&[("auth.local_key", "/etc/dev.key")]).unwrap().local_key_path(), Some(PathBuf::from("/etc/dev.key")));
    assert_eq!(with(&[("auth.local_key", "true")]).unwrap().auth.local_key, LocalKeySetting::On);
}

#[test]
fn issuers_are_checked() {
    let issuer = |text: &str| refusal(&[("auth.issuers", &format!("[{{{text}}}]"))]).key;
    let sound = r#"issuer="https://x", audiences=["a"], tenants=["t"]"#;
    assert!(with(&[("auth.issuers", &format!(r#"[{{{sound}, jwks_url="http://127.0.0.1:9/jwks"}}]"#))]).is_ok());
    assert_eq!(issuer(r#"issuer="stoa:local", audiences=["a"], tenants=["t"], jwks_file="k""#), "auth.issuers.0.issuer");
    assert_eq!(issuer(r#"issuer="https://x", audiences=[], tenants=["t"]"#), "auth.issuers.0.audiences");
    assert_eq!(issuer(r#"issuer="https://x", audiences=["a"], tenants=[]"#), "auth.issuers.0.tenants");
    assert_eq!(issuer(r#"issuer="https://x", audiences=["a"]"#), "auth.issuers.0.tenants");
    assert_eq!(issuer(r#"issuer="http://x", audiences=["a"], tenants=["t"]"#), "auth.issuers.0.issuer");
    assert_eq!(issuer(&format!(r#"{sound}, jwks_url="http://x""#)), "auth.issuers.0.jwks_url");
    assert_eq!(issuer(&format!(r#"{sound}, jwks_url="http://127.0.0.1@evil""#)), "auth.issuers.0.jwks_url");
    assert_eq!(issuer(&format!(r#"{sound}, jwks="{{}}", jwks_file="k""#)), "auth.issuers.0.jwks");
    assert_eq!(issuer(&format!(r#"{sound}, claims={{tenant=""}}"#)), "auth.issuers.0.claims.tenant");
    assert_eq!(refusal(&[("auth.issuers", &format!("[{{{sound}}}, {{{sound}}}]"))]).key, "auth.issuers");
    assert_eq!(issuer(&format!(r#"{sound}, subjects="own""#)).rsplit('.').next(), Some("subjects"));
}

#[test]
fn at_most_one_issuer_names_the_persons_of_a_tenant() {
    let both = |first: &str, second: &str| {
        let first = format!(r#"{{issuer="https://x", audiences=["a"], {first}}}"#);
        with(&[("auth.issuers", &format!(r#"[{first}, {{issuer="https://y", audiences=["a"], {second}}}]"#))])
    };
    let (t, u, all) = (r#"tenants=["s", "t"]"#, r#"tenants=["u"]"#, r#"tenants=["*"]"#);
    for (first, second) in [(t, t), (t, all), (all, u)] {
        let problems = both(first, second).unwrap_err();
        assert!(problems.to_string().contains("auth.issuers.1.subjects"), "{first} {second}: {problems}");
        assert!(both(first, &format!(r#"{second}, subjects="derived""#)).is_ok(), "{first} {second}");
        assert!(both(&format!(r#"{first}, subjects="derived""#), second).is_ok(), "{first} {second}");
    }
    assert!(both(t, u).is_ok(), "persons of different tenants are different persons");
}

#[test]
fn services_peers_and_bounds_are_checked() {
    for (key, pairs) in [
        ("services", &[("services", "[]")] as &[_]),
        ("services", &[("services", "all,shop")]),
        ("services", &[("services", "all,all")]),
        ("auth.service_key", &[("services", "onboard")]),
        ("peers.onboard", &[("services", "sell"), ("auth.service_key", "/k")]),
        ("peers.shop", &[("peers.shop", "http://x")]),
        ("peers.sell", &[("peers.sell", "sell:80")]),
        ("peers.sell", &[("peers.sell", "https://sell")]),
        ("management_listen", &[("management_listen", "127.0.0.1:8080")]),
        ("data_dir", &[("data_dir", "")]),
        ("telemetry.sample_ratio", &[("telemetry.sample_ratio", "1.5")]),
        ("telemetry.otlp_endpoint", &[("telemetry.otlp_endpoint", "collector")]),
        ("telemetry.log_filter", &[("telemetry.log_filter", "")]),
        ("limits.concurrency_max", &[("limits.concurrency_max", "0")]),
        ("limits.message_bytes_max", &[("limits.message_bytes_max", "10")]),
        ("limits.message_bytes_max", &[("limits.message_bytes_max", "4194305")]),
        ("events.inbox_retention_days", &[("events.inbox_retention_days", "7")]),
        ("gateway.cors_origins", &[("gateway.cors_origins", "https://a/b")]),
        ("gateway.cors_origins", &[("gateway.cors_origins", "https://a,*")]),
        ("auth.roles.Desk", &[("auth.roles", r#"{Desk=["deals.read"]}"#)]),
        ("auth.roles.desk", &[("auth.roles.desk", r#"["deals"]"#)]),
    ] {
        assert_eq!(refusal(pairs).key, key, "{pairs:?}");
    }
    assert!(with(&[("gateway.cors_origins", "*"), ("limits.message_bytes_max", "4194304")]).is_ok());
    assert!(refusal(&[("peers.sell", "https://sell")]).message.contains("TLS"));
    let gateway = with(&[("services", "gateway"), ("auth.service_key", "/k")]).unwrap_err();
    assert_eq!(gateway.0.len(), 6, "the gateway needs every service: {gateway}");
}

#[test]
fn all_problems_are_reported_at_once() {
    let error = with(&[("bus.replicas", "2"), ("limits.rate_burst", "0")]).unwrap_err();
    assert_eq!(error.to_string().lines().count(), 2, "{error}");
}

#[test]
fn secrets_are_never_shown() {
    let config = with(&[
        ("store.backend", "postgres"),
        ("store.url", "postgres://stoa:hunter2@db/{service}"),
        ("bus.kind", "jetstream"),
        ("bus.url", "nats://hunter2@nats"),
    ])
    .unwrap();
    let shown = config.redacted();
    assert!(shown.contains("url = \"[redacted]\""), "{shown}");
    for text in [shown, format!("{config:?}"), format!("{:?}", config.store_url("sell"))] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn printed_settings_can_be_read_again() {
    let (_dir, path) =
        file(&format!("auth.issuers = {ISSUER}\nauth.roles.desk = [\"deals.*\"]\npeers.sell = \"http://sell\"\ndata_dir = 'a \"b\" \\'"));
    let config = Sources::none().file(Some(path)).load().unwrap();
    let (_dir, copy) = file(&config.redacted());
    let again = Sources::none().file(Some(copy)).load().unwrap();
    assert_eq!(again.redacted(), config.redacted());
    assert_eq!(again.auth.issuers, config.auth.issuers);
    assert_eq!(again.data_dir, config.data_dir);
}
