//! Partitions that come to a group's member and go from it.

use std::collections::BTreeMap;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rdkafka::bindings as rdsys;
use rdsys::rd_kafka_resp_err_t as Code;

use super::errors::text;
use super::handle::OnRebalance;

/// Where reading of (topic, partition) starts when a member gets it: an offset, or -1 for the log's end.
pub type StartAt = Arc<dyn Fn(u16, u32) -> i64 + Send + Sync>;

/// The partitions a member holds, as (index of the topic, partition), and where it began to read each; `None` before the first
/// assignment.
#[derive(Default)]
pub(super) struct Assigned {
    held: Mutex<Option<Held>>,
    /// Whether the member is paused: what it is assigned is paused then, since librdkafka forgets pauses at each assignment.
    pub(super) paused: AtomicBool,
}

pub(super) type Held = BTreeMap<(u16, u32), i64>;

impl Assigned {
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// What happens when partitions come and go: each starts where the caller says, under both protocols.
pub(super) fn rebalancer(
    topics: Vec<(String, u16)>,
    assigned: Arc<Assigned>,
    start_at: StartAt,
) -> OnRebalance {
    Box::new(move |rk, code, partitions| {
        let mut named = Vec::new();
        // SAFETY: librdkafka passes its list and the client, valid during the call; elements are as many as it says.
        unsafe {
            for at in 0..(*partitions).cnt as usize {
                let element = &mut *(*partitions).elems.add(at);
                let name = text(element.topic);
                if let Some((_, index)) = topics.iter().find(|(topic, _)| *topic == name) {
                    let at = (*index, element.partition as u32);
                    if code == Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
                        element.offset = start_at(at.0, at.1);
                    }
                    named.push((at, element.offset));
                }
            }
            let cooperative = text(rdsys::rd_kafka_rebalance_protocol(rk)) == "COOPERATIVE";
            let mut held = assigned.lock();
            if code == Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
                if cooperative {
                    done(rdsys::rd_kafka_incremental_assign(rk, partitions));
                } else {
                    *held = None;
                    rdsys::rd_kafka_assign(rk, partitions);
                }
                if assigned.paused.load(Ordering::Relaxed) {
                    rdsys::rd_kafka_pause_partitions(rk, partitions);
                }
                held.get_or_insert_default().extend(named);
            } else {
                if cooperative {
                    done(rdsys::rd_kafka_incremental_unassign(rk, partitions));
                } else {
                    rdsys::rd_kafka_assign(rk, ptr::null());
                }
                if let Some(held) = held.as_mut() {
                    for (at, _) in named {
                        held.remove(&at);
                    }
                }
            }
        }
    })
}

/// # Safety
/// `error` is null or an error of the caller's.
unsafe fn done(error: *mut rdsys::rd_kafka_error_t) {
    if !error.is_null() {
        // SAFETY: the caller promises it; destroyed once.
        unsafe {
            tracing::warn!("rebalancing: {}", text(rdsys::rd_kafka_error_string(error)));
            rdsys::rd_kafka_error_destroy(error);
        }
    }
}
