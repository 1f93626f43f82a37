//! Owned handles of librdkafka's C objects that a producer needs: topics, its event queue, the events.

use std::ffi::{CString, c_int};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::types::RDKafkaErrorCode;

use super::errors::{KafkaError, text};
use super::handle::Handle;

/// The error code of a message, read as the integer it is: a newer broker may send one that the bindings' enum lacks.
#[inline]
pub(super) fn code_of(message: &c::rd_kafka_message_t) -> i32 {
    // SAFETY: the field is a C enum, the size of an int.
    unsafe { (&raw const message.err).cast::<i32>().read() }
}

/// A topic handle of one client, destroyed when dropped.
pub(super) struct TopicHandle {
    ptr: *mut c::rd_kafka_topic_t,
}

// SAFETY: topic handles are reference counted and thread safe, as their client is.
unsafe impl Send for TopicHandle {}

impl TopicHandle {
    pub(super) fn new(client: &Handle, name: &str) -> Result<TopicHandle, KafkaError> {
        let c_name = CString::new(name).map_err(|_| refused(name, "it has a zero byte"))?;
        // SAFETY: client and name are live; a null topic configuration means the client's default.
        let ptr = unsafe { c::rd_kafka_topic_new(client.rk(), c_name.as_ptr(), ptr::null_mut()) };
        if ptr.is_null() {
            return Err(refused(name, "librdkafka does not take it"));
        }
        Ok(TopicHandle { ptr })
    }

    pub(super) fn ptr(&self) -> *mut c::rd_kafka_topic_t {
        self.ptr
    }

    /// Asks the cluster for the topic's partitions, so that later sends find them known. Returns how many there are.
    pub(super) fn partitions(
        &self,
        client: &Handle,
        limit: Duration,
    ) -> Result<u32, RDKafkaErrorCode> {
        let mut metadata: *const c::rd_kafka_metadata = ptr::null();
        // SAFETY: all pointers are live; on success `metadata` is ours to destroy.
        let code = unsafe {
            c::rd_kafka_metadata(
                client.rk(),
                0,
                self.ptr,
                &mut metadata,
                limit.as_millis() as c_int,
            )
        };
        if code as i32 != 0 || metadata.is_null() {
            return Err(code.into());
        }
        // SAFETY: librdkafka filled `topic_cnt` topics; one was asked for.
        let (error, count) = unsafe {
            let all = &*metadata;
            if all.topic_cnt == 1 {
                ((*all.topics).err, (*all.topics).partition_cnt)
            } else {
                (
                    c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                    0,
                )
            }
        };
        // SAFETY: destroyed once, not used after.
        unsafe { c::rd_kafka_metadata_destroy(metadata) };
        if error as i32 != 0 {
            return Err(error.into());
        }
        Ok(count.max(0) as u32)
    }
}

fn refused(name: &str, why: &str) -> KafkaError {
    let doing = format!("opening topic {name:?}");
    KafkaError::asked(doing, why, "name it otherwise in the scenario's [topic.X]")
}

/// An owned copy of a text of librdkafka's.
fn owned(pointer: *const std::ffi::c_char) -> String {
    // SAFETY: librdkafka's texts are null or end in a zero byte.
    unsafe { text(pointer) }
}

impl Drop for TopicHandle {
    fn drop(&mut self) {
        // SAFETY: the pointer came from rd_kafka_topic_new and is destroyed once.
        unsafe { c::rd_kafka_topic_destroy(self.ptr) };
    }
}

/// A queue handle with an eventfd that becomes readable when the queue, empty before, gets an event.
pub(super) struct EventQueue {
    ptr: *mut c::rd_kafka_queue_t,
    wake: OwnedFd,
}

// SAFETY: queues are reference counted and thread safe, as their client is.
unsafe impl Send for EventQueue {}

impl EventQueue {
    /// The client's main queue: delivery reports, statistics, errors.
    pub(super) fn main(client: &Handle) -> Result<EventQueue, KafkaError> {
        // SAFETY: no arguments that could be wrong; the result is checked.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(KafkaError::asked(
                "making a producer's wake-up descriptor",
                &std::io::Error::last_os_error().to_string(),
                "raise the limit of open files (ulimit -n)",
            ));
        }
        // SAFETY: a fresh descriptor that nothing else owns.
        let wake = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: the client is live; the returned reference is released in Drop.
        let ptr = unsafe { c::rd_kafka_queue_get_main(client.rk()) };
        let one = 1u64;
        // SAFETY: librdkafka copies the payload; an eventfd takes eight bytes.
        unsafe {
            c::rd_kafka_queue_io_event_enable(
                ptr,
                wake.as_raw_fd(),
                (&raw const one).cast(),
                size_of::<u64>(),
            );
        }
        Ok(EventQueue { ptr, wake })
    }

    /// The next event, without waiting.
    pub(super) fn next(&self) -> Option<Event> {
        // SAFETY: the queue is live; the event returned is ours.
        let ptr = unsafe { c::rd_kafka_queue_poll(self.ptr, 0) };
        (!ptr.is_null()).then_some(Event { ptr })
    }

    /// Sleeps until the queue gets an event after having been empty, or for `limit`.
    pub(super) fn wait(&self, limit: Duration) {
        let mut poll = libc::pollfd {
            fd: self.wake.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let limit = libc::timespec {
            tv_sec: limit.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(limit.subsec_nanos()),
        };
        // SAFETY: one live pollfd, a live timespec, no signal mask.
        let ready = unsafe { libc::ppoll(&mut poll, 1, &limit, ptr::null()) };
        if ready > 0 {
            let mut count = 0u64;
            // SAFETY: eight writable bytes, as an eventfd wants. The descriptor does not block, and its value is of no interest.
            unsafe {
                libc::read(
                    self.wake.as_raw_fd(),
                    (&raw mut count).cast(),
                    size_of::<u64>(),
                )
            };
        }
    }
}

impl Drop for EventQueue {
    fn drop(&mut self) {
        // SAFETY: switches the wake-up off before its descriptor closes, then releases the reference taken in `main`.
        unsafe {
            c::rd_kafka_queue_io_event_enable(self.ptr, -1, ptr::null(), 0);
            c::rd_kafka_queue_destroy(self.ptr);
        }
    }
}

/// An event taken from a queue, destroyed when dropped.
pub(super) struct Event {
    ptr: *mut c::rd_kafka_event_t,
}

/// What kind of event it is.
pub(super) enum EventKind {
    Deliveries,
    Statistics,
    Error,
    Other,
}

impl Event {
    pub(super) fn kind(&self) -> EventKind {
        // SAFETY: the event is live.
        match unsafe { c::rd_kafka_event_type(self.ptr) } {
            c::RD_KAFKA_EVENT_DR => EventKind::Deliveries,
            c::RD_KAFKA_EVENT_STATS => EventKind::Statistics,
            c::RD_KAFKA_EVENT_ERROR => EventKind::Error,
            _ => EventKind::Other,
        }
    }

    /// The next message of a delivery report; valid as long as the event.
    pub(super) fn next_message(&self) -> Option<&c::rd_kafka_message_t> {
        // SAFETY: the event is live; a message returned lives as long as it.
        unsafe { c::rd_kafka_event_message_next(self.ptr).as_ref() }
    }

    /// The JSON text of a statistics event.
    pub(super) fn statistics(&self) -> String {
        // SAFETY: the event is live and of the statistics kind.
        owned(unsafe { c::rd_kafka_event_stats(self.ptr) })
    }

    /// The code and text of an error event.
    pub(super) fn error(&self) -> (i32, String) {
        // SAFETY: the event is live.
        unsafe {
            (
                c::rd_kafka_event_error(self.ptr) as i32,
                owned(c::rd_kafka_event_error_string(self.ptr)),
            )
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: taken from rd_kafka_queue_poll and destroyed once.
        unsafe { c::rd_kafka_event_destroy(self.ptr) };
    }
}
