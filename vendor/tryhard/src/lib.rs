//! Stands in for the crate of this name, of which `async-nats` uses one
//! function. The published one turns on tokio's `test-util`, a clock that can
//! be stopped, in every build. It can go as soon as a release no longer does.

use std::time::Duration;

/// Begins to describe how a future is tried until it succeeds.
pub const fn retry_fn<F>(make: F) -> RetryFn<F> {
    RetryFn { make }
}

/// What makes the future.
pub struct RetryFn<F> {
    make: F,
}

impl<F> RetryFn<F> {
    /// Tries at most this often after the first time.
    pub fn retries(self, retries_max: u32) -> Retries<F> {
        Retries { make: self.make, retries_max }
    }
}

/// What makes the future, and how often.
pub struct Retries<F> {
    make: F,
    retries_max: u32,
}

impl<F, Fut, T, E> Retries<F>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    /// Tries; `pause` says how long to wait before each retry, counted from 1.
    ///
    /// # Errors
    /// As the last attempt.
    pub async fn custom_backoff(mut self, pause: impl Fn(u32, &E) -> Duration) -> Result<T, E> {
        for retry in 1..=self.retries_max {
            let wait = match (self.make)().await {
                Ok(value) => return Ok(value),
                Err(error) => pause(retry, &error),
            };
            #[expect(clippy::disallowed_methods, reason = "back-off before the next attempt")]
            tokio::time::sleep(wait).await;
        }
        (self.make)().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::time::Instant;

    /// Fails a number of times, with at most three retries.
    async fn fail(failures: u32) -> (Result<u32, u32>, u64) {
        let (start, attempts) = (Instant::now(), Cell::new(0));
        let attempt = || async {
            attempts.set(attempts.get() + 1);
            if attempts.get() > failures { Ok(attempts.get()) } else { Err(attempts.get()) }
        };
        let pause = |retry: u32, _: &u32| Duration::from_secs(u64::from(retry) * 10);
        (retry_fn(attempt).retries(3).custom_backoff(pause).await, start.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn it_tries_until_it_succeeds_or_may_not_again() {
        assert_eq!(fail(0).await, (Ok(1), 0));
        assert_eq!(fail(2).await, (Ok(3), 30));
        assert_eq!(fail(3).await, (Ok(4), 60));
        assert_eq!(fail(4).await, (Err(4), 60));
    }
}
