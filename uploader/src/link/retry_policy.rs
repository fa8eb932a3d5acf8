//! How often and how long something is tried again.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBuilder};
use hyper::HeaderMap;
use hyper::header::RETRY_AFTER;

/// No server may keep us longer than this between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// The limits of one photo's tries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    /// Tries after the first.
    pub(crate) retries: u16,
    /// Longest wait for a connection.
    pub(crate) connect: Duration,
    /// Longest wait for one answer.
    pub(crate) answer: Duration,
}

impl RetryPolicy {
    /// The waits between tries: exponential, each anywhere between nothing and its length (full jitter), so that
    /// slots refused together do not return together.
    pub(crate) fn waits(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(10))
            .with_max_times(usize::from(self.retries))
            .build()
            .map(|longest| longest.mul_f64(fastrand::f64()))
    }
}

/// What a `Retry-After` header asks for: seconds or a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let retry_policy = RetryPolicy { retries: 5, connect: Duration::ZERO, answer: Duration::ZERO };
        let waits: Vec<Duration> = retry_policy.waits().collect();
        assert_eq!(waits.len(), 5);
        for (wait, longest) in waits.iter().zip([200, 400, 800, 1600, 3200]) {
            assert!(*wait <= Duration::from_millis(longest), "{wait:?} after {longest}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let asked = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(asked("3"), Some(Duration::from_secs(3)));
        assert_eq!(asked("86400"), Some(LONGEST_WAIT));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
    }
}
