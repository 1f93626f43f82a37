//! What can go wrong with a cluster, and whose business it is.
//!
//! Two kinds matter to whoever runs the tool, because the exit code tells them apart: what was asked cannot work (2, nothing was
//! sent), and the cluster could not be used (4).

use std::ffi::CStr;
use std::fmt;

use rdkafka::bindings as rdsys;

use super::property::Origin;
use crate::target::Failure;

/// A property that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyError {
    /// Where it was given.
    pub origin: Origin,
    /// What is wrong with it and what to do. Never holds a secret.
    pub text: String,
}

impl fmt::Display for PropertyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.text)
    }
}

/// An error in setting up a cluster, a client or a topic.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// Client properties that cannot be used; all that were found.
    #[error("{}", lines(.0))]
    Properties(Vec<PropertyError>),
    /// What was asked cannot work.
    #[error("{doing}: {cause}\n  {remedy}")]
    Asked {
        /// What was being done, with the thing the user typed.
        doing: String,
        /// Why it failed.
        cause: String,
        /// What to do about it.
        remedy: String,
    },
    /// The cluster could not be used.
    #[error("{doing}: {cause}\n  {remedy}")]
    Cluster {
        /// What was being done.
        doing: String,
        /// Why it failed.
        cause: String,
        /// What to check.
        remedy: String,
    },
}

impl KafkaError {
    /// True: what was asked is at fault (exit code 2). False: the cluster could not be used (exit code 4).
    pub fn is_usage(&self) -> bool {
        !matches!(self, KafkaError::Cluster { .. })
    }

    pub(super) fn asked(doing: impl Into<String>, cause: &str, remedy: &str) -> KafkaError {
        KafkaError::Asked {
            doing: doing.into(),
            cause: cause.to_owned(),
            remedy: remedy.to_owned(),
        }
    }

    pub(super) fn cluster(doing: impl Into<String>, cause: &str, remedy: &str) -> KafkaError {
        KafkaError::Cluster {
            doing: doing.into(),
            cause: cause.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}

fn lines(errors: &[PropertyError]) -> String {
    let texts: Vec<String> = errors.iter().map(PropertyError::to_string).collect();
    texts.join("\n")
}

/// librdkafka's name of an error code, as its users know it: `NOT_ENOUGH_REPLICAS`, `_MSG_TIMED_OUT`.
pub fn failure_name(failure: Failure) -> String {
    match rdsys::rd_kafka_resp_err_t::try_from(failure.0) {
        // SAFETY: the function takes any code and returns a static string.
        Ok(code) => unsafe { text(rdsys::rd_kafka_err2name(code)) },
        Err(_) => format!("ERROR_{}", failure.0),
    }
}

/// An owned copy of a C string; empty for null.
///
/// # Safety
/// `pointer` is null or points to a string that ends in a zero byte.
pub(super) unsafe fn text(pointer: *const std::ffi::c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: not null; the caller promises the rest.
    unsafe { CStr::from_ptr(pointer) }
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_named_as_librdkafka_names_them() {
        assert_eq!(failure_name(Failure(19)), "NOT_ENOUGH_REPLICAS");
        assert_eq!(failure_name(Failure(-192)), "_MSG_TIMED_OUT");
        assert_eq!(failure_name(Failure(31_999)), "ERROR_31999");
    }

    #[test]
    fn only_the_cluster_is_not_usage() {
        assert!(KafkaError::asked("a", "b", "c").is_usage());
        assert!(KafkaError::Properties(vec![]).is_usage());
        assert!(!KafkaError::cluster("a", "b", "c").is_usage());
        assert_eq!(
            KafkaError::cluster("creating topic x", "refused", "ask").to_string(),
            "creating topic x: refused\n  ask"
        );
    }
}
