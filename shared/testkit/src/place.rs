//! Where the stores of a test are kept. They are deleted with the place.

#[cfg(not(feature = "backends"))]
mod sqlite {
    use stoa_store::StoreConfig;

    /// A folder for the stores of one test.
    #[derive(Debug)]
    pub struct Place(tempfile::TempDir);

    impl Place {
        /// Creates an empty place.
        ///
        /// # Panics
        /// If no folder can be created.
        #[must_use]
        pub fn new() -> Self {
            Self(tempfile::tempdir().expect("the tests need a folder for temporary files"))
        }

        /// Settings of a store in this place.
        pub async fn store(&self, name: &str) -> StoreConfig {
            StoreConfig::sqlite(&self.0.path().join(format!("{name}.db")))
        }
    }
}

#[cfg(feature = "backends")]
mod postgres {
    use std::sync::Mutex;

    use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
    use stoa_store::StoreConfig;

    /// Connections of one store: a test has few callers, and many tests run at
    /// the same time.
    const CONNECTIONS_MAX: u32 = 4;

    /// Databases of one test.
    #[derive(Debug)]
    pub struct Place {
        prefix: String,
        databases: Mutex<Vec<String>>,
    }

    fn server() -> String {
        #[expect(clippy::disallowed_methods, reason = "the address of the tests' server; there is no configuration to read")]
        std::env::var("TEST_POSTGRES_URL").expect("the feature `backends` needs TEST_POSTGRES_URL, where databases may be created")
    }

    async fn admin() -> DatabaseConnection {
        let mut options = ConnectOptions::new(server());
        options.max_connections(1).sqlx_logging(false);
        Database::connect(options).await.expect("TEST_POSTGRES_URL cannot be connected to")
    }

    impl Place {
        /// Creates an empty place.
        #[must_use]
        pub fn new() -> Self {
            let prefix = format!("test_{}", stoa_kernel::ids::new_id().replace('-', ""));
            Self { prefix, databases: Mutex::default() }
        }

        /// Address of the databases, with `{service}` in place of their names.
        #[must_use]
        pub fn url(&self) -> String {
            let server = server();
            let (server, _) = server.rsplit_once('/').expect("TEST_POSTGRES_URL names a database");
            format!("{server}/{}_{{service}}", self.prefix)
        }

        /// Settings of a store in this place.
        ///
        /// # Panics
        /// If its database cannot be created.
        pub async fn store(&self, name: &str) -> StoreConfig {
            let database = format!("{}_{name}", self.prefix);
            let admin = admin().await;
            admin.execute_unprepared(&format!("CREATE DATABASE {database}")).await.expect("a database for the test");
            admin.close().await.expect("a connection closes");
            self.databases.lock().expect("no test panics here").push(database);
            StoreConfig { connections_max: CONNECTIONS_MAX, ..StoreConfig::postgres(&self.url().replace("{service}", name)) }
        }
    }

    impl Drop for Place {
        #[expect(clippy::print_stderr, reason = "a test has no log")]
        fn drop(&mut self) {
            let databases = std::mem::take(&mut *self.databases.lock().expect("no test panics here"));
            // A test's own runtime may already be gone, or may not block.
            let done = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(async {
                    let admin = admin().await;
                    for database in databases {
                        admin.execute_unprepared(&format!("DROP DATABASE {database} WITH (FORCE)")).await.expect("a database is dropped");
                    }
                });
            });
            if done.join().is_err() {
                eprintln!("the databases {}_* were left behind", self.prefix);
            }
        }
    }
}

#[cfg(feature = "backends")]
pub use postgres::Place;
#[cfg(not(feature = "backends"))]
pub use sqlite::Place;

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}
