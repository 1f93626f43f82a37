//! The embedded cluster: librdkafka's mock brokers, in this process.
//!
//! For learning the tool and for tests, not for numbers. A partition keeps its newest 5 MiB and 100,000 batches; what is older goes
//! silently, while acknowledgements continue.

use std::ffi::c_int;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as rdsys;

use super::config::ClientOptions;
use super::errors::{KafkaError, failure_name, text};
use super::ffi::c_string;
use super::handle::{Handle, Listener};
use super::topics::{Ready, Wanted};
use crate::target::Failure;

/// Three, as the smallest real cluster has: partition p lies on broker p mod 3, so that losing or slowing one broker strikes a
/// third of the partitions, as it would there. One thread serves them all; more brokers cost sockets only.
const BROKERS: i32 = 3;

/// How long a new group waits for members that start at the same time, instead of the mock's 3 s.
const REBALANCE_DELAY_MS: i32 = 500;

/// A running embedded cluster. Ends when dropped; all clients are to be dropped before.
pub struct Embedded {
    cluster: NonNull<rdsys::rd_kafka_mock_cluster_t>,
    /// The client the cluster lives in.
    _host: Handle,
}

// SAFETY: the mock cluster has its own thread, and every call on it goes through its locked queue.
unsafe impl Send for Embedded {}
// SAFETY: as above.
unsafe impl Sync for Embedded {}

/// Requests that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Request {
    /// Records to the log.
    Produce = 0,
    /// Records from the log.
    Fetch = 1,
    /// Who leads what.
    Metadata = 3,
    /// Positions of a group.
    OffsetCommit = 8,
    /// Joining a group.
    JoinGroup = 11,
    /// Staying in a group.
    Heartbeat = 12,
}

impl Embedded {
    /// Starts it on free ports of the loopback.
    ///
    /// # Errors
    /// Cluster: it could not be started (no ports, no threads).
    pub fn start() -> Result<Embedded, KafkaError> {
        let failed = |why: &str| {
            KafkaError::cluster(
                "starting the embedded cluster",
                why,
                "it needs three free ports on 127.0.0.1 and a few threads",
            )
        };
        let settings = ClientOptions::default().admin()?;
        let producer = rdsys::rd_kafka_type_t::RD_KAFKA_PRODUCER;
        let host = Handle::create(&settings, producer, Listener::default())?;
        // SAFETY: the host lives, and outlives the cluster: `drop` destroys the cluster first.
        let cluster = unsafe { rdsys::rd_kafka_mock_cluster_new(host.rk(), BROKERS) };
        let cluster = NonNull::new(cluster).ok_or_else(|| failed("no mock cluster"))?;
        let embedded = Embedded {
            cluster,
            _host: host,
        };
        // A produce to a partition without a leader crashes the mock in the newer versions of these requests, whose answers name
        // the leader (librdkafka 2.12).
        for (request, newest) in [(Request::Produce, 9), (Request::Fetch, 11)] {
            // SAFETY: the cluster lives.
            let code = unsafe {
                rdsys::rd_kafka_mock_set_apiversion(embedded.ptr(), request as i16, 0, newest)
            };
            checked(code).map_err(|why| failed(&why))?;
        }
        // SAFETY: the cluster lives.
        unsafe {
            rdsys::rd_kafka_mock_group_initial_rebalance_delay_ms(
                embedded.ptr(),
                REBALANCE_DELAY_MS,
            );
        }
        Ok(embedded)
    }

    /// Where it listens: `host:port,...`.
    pub fn bootstrap(&self) -> String {
        // SAFETY: the cluster lives; the string is its own.
        unsafe { text(rdsys::rd_kafka_mock_cluster_bootstraps(self.ptr())) }
    }

    /// Creates topics, through the mock's own call: it knows no admin requests. It keeps one replica, whatever is asked (with more
    /// it would choose leaders at random), and takes no configuration.
    ///
    /// # Errors
    /// Usage: a name or a number of partitions that the mock does not take.
    pub fn create_topics(&self, wanted: &[Wanted]) -> Result<Ready, KafkaError> {
        let mut ready = Ready::default();
        for topic in wanted {
            let name = c_string(&topic.name)?;
            let partitions = c_int::try_from(topic.partitions).unwrap_or(c_int::MAX);
            // SAFETY: the cluster lives; the name is copied.
            let code = unsafe {
                rdsys::rd_kafka_mock_topic_create(self.ptr(), name.as_ptr(), partitions, 1)
            };
            checked(code).map_err(|why| {
                let doing = format!("creating topic {} on the embedded cluster", topic.name);
                KafkaError::asked(doing, &why, "check its name and partitions")
            })?;
            ready.created.push(topic.name.clone());
            ready.replication.push(1);
        }
        Ok(ready)
    }

    /// Delays every answer of a broker (all: `None`) by this much, to the millisecond.
    ///
    /// # Errors
    /// There is no such broker.
    pub fn set_round_trip(&self, broker: Option<i32>, time: Duration) -> Result<(), KafkaError> {
        let ms = c_int::try_from(time.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the cluster lives.
        let code =
            unsafe { rdsys::rd_kafka_mock_broker_set_rtt(self.ptr(), broker.unwrap_or(-1), ms) };
        fault("setting a round-trip time", broker, code)
    }

    /// Lets the next requests of a kind fail with these codes (Kafka's, or -195 to cut the connection), one each.
    pub fn fail_requests(&self, request: Request, failures: &[Failure]) {
        let codes: Vec<rdsys::rd_kafka_resp_err_t> = failures
            .iter()
            .filter_map(|failure| failure.0.try_into().ok())
            .collect();
        // SAFETY: the cluster lives; the codes are copied.
        unsafe {
            rdsys::rd_kafka_mock_push_request_errors_array(
                self.ptr(),
                request as i16,
                codes.len(),
                codes.as_ptr(),
            );
        }
    }

    /// Cuts all connections of a broker (all: `None`) and takes no new ones. Its partitions keep it as their leader.
    ///
    /// # Errors
    /// There is no such broker.
    pub fn broker_down(&self, broker: Option<i32>) -> Result<(), KafkaError> {
        // SAFETY: the cluster lives.
        let code =
            unsafe { rdsys::rd_kafka_mock_broker_set_down(self.ptr(), broker.unwrap_or(-1)) };
        fault("taking a broker down", broker, code)
    }

    /// Lets a broker (all: `None`) take connections again.
    ///
    /// # Errors
    /// There is no such broker.
    pub fn broker_up(&self, broker: Option<i32>) -> Result<(), KafkaError> {
        // SAFETY: the cluster lives.
        let code = unsafe { rdsys::rd_kafka_mock_broker_set_up(self.ptr(), broker.unwrap_or(-1)) };
        fault("bringing a broker up", broker, code)
    }

    fn ptr(&self) -> *mut rdsys::rd_kafka_mock_cluster_t {
        self.cluster.as_ptr()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once, before the client it lives in.
        unsafe { rdsys::rd_kafka_mock_cluster_destroy(self.ptr()) }
    }
}

fn checked(code: rdsys::rd_kafka_resp_err_t) -> Result<(), String> {
    match code {
        rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(failure_name(Failure(code as i32))),
    }
}

fn fault(
    doing: &str,
    broker: Option<i32>,
    code: rdsys::rd_kafka_resp_err_t,
) -> Result<(), KafkaError> {
    checked(code).map_err(|why| {
        let doing = format!("{doing}: broker {broker:?} of the embedded cluster");
        KafkaError::asked(doing, &why, "its brokers are 1, 2 and 3")
    })
}
