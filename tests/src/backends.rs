//! Which stores and which bus a test runs on.

use stoa_config::Config;
use stoa_testkit::Place;

/// Chooses embedded files and the embedded bus.
#[cfg(not(feature = "backends"))]
pub(crate) async fn choose(_: &mut Config, _: &Place, _: bool) {}

/// Chooses PostgreSQL, and JetStream unless the test shuffles events itself.
#[cfg(feature = "backends")]
pub(crate) async fn choose(config: &mut Config, place: &Place, shuffled: bool) {
    use stoa_config::{BusKind, Secret};

    postgres(config, place, &place.url()).await;
    if !shuffled {
        config.bus.kind = BusKind::Jetstream;
        config.bus.url = Secret::from(nats());
        config.bus.name = format!("test-{}", stoa_kernel::ids::new_id());
    }
}

/// Chooses the databases of a place, reached at a URL.
#[cfg(feature = "backends")]
pub(crate) async fn postgres(config: &mut Config, place: &Place, url: &str) {
    for name in stoa::suite::PILLARS {
        place.store(name).await;
    }
    config.store.backend = stoa_config::Backend::Postgres;
    config.store.url = stoa_config::Secret::from(url.to_owned());
    config.store.connections_max = 4;
}

#[cfg(feature = "backends")]
#[expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]
fn nats() -> String {
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
    std::env::var("TEST_NATS_URL").expect("the feature `backends` needs TEST_NATS_URL, a nats-server with JetStream")
}
