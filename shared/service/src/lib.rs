//! What a service is made of.
//!
//! A service receives [`Deps`] and provides a [`Service`]: methods, migrations,
//! subscriptions and jobs. Most methods of a noun have one of the bodies
//! [`get`], [`list`], [`write`] and [`write_with`].

pub mod batch;
mod jobs;
mod methods;
mod service;

pub use jobs::{due_job, job, run_jobs, run_jobs_once};
pub use methods::{get, list, write, write_with};
pub use service::{Deps, Job, Service, suspension};

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod jobs_tests;
