//! A member of a consumer group.
//!
//! Records come in batches straight from librdkafka's queue, a fraction of a microsecond each. A member never starts where the
//! group committed, but where its caller says: the log's end before the load, later what the group has seen. So nothing is missed
//! or read twice for a commit that came late.

use std::ffi::{CString, c_void};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rdkafka::bindings as rdsys;
use rdsys::rd_kafka_resp_err_t as Code;

use super::config::Settings;
use super::errors::{KafkaError, failure_name, text};
use super::ffi::{PartitionList, c_string};
use super::handle::{Handle, Listener, Queue};
pub use super::rebalance::StartAt;
use super::rebalance::{Assigned, rebalancer};
use crate::clock::{Clock, Monotonic, NS_PER_S, Tick};
use crate::target::{Consumer, Failure, Incoming};

/// Most records taken from librdkafka at once.
const BATCH: usize = 1_024;
/// How long saying goodbye to the group may take: seconds.
const GOODBYE: u64 = 5;
/// The stamp header's name.
const STAMP: &std::ffi::CStr = c"hw-stamp";

/// A topic to read.
#[derive(Clone, Debug)]
pub struct Reads {
    /// Its name on the cluster.
    pub name: String,
    /// Its index in the scenario.
    pub index: u16,
    /// Whether some of its events carry their stamp in a header. Headers are parsed only then, for it is costly.
    pub header_stamps: bool,
}

/// A member of a consumer group, through librdkafka.
pub struct KafkaConsumer {
    // Before the client: fields are dropped in this order, and a queue may not outlive its client.
    queue: Queue,
    handle: Handle,
    /// Readable when the queue is no longer empty.
    bell: OwnedFd,
    topics: Vec<Topic>,
    assigned: Arc<Assigned>,
    batch: Vec<*mut rdsys::rd_kafka_message_t>,
    fatal: Option<String>,
}

struct Topic {
    reads: Reads,
    name: CString,
    /// librdkafka's one object for the topic: records are told apart by this pointer. Kept referenced, so that it stays the same.
    handle: *mut rdsys::rd_kafka_topic_t,
}

// SAFETY: librdkafka's objects may be used from any thread; the batch is empty between calls.
unsafe impl Send for KafkaConsumer {}

impl KafkaConsumer {
    /// Joins the group of `settings` and asks for these topics. Partitions come later, while [`Consumer::poll`] is called;
    /// `start_at` is asked from within it.
    ///
    /// # Errors
    /// Usage: the settings contradict each other. Cluster: the machine's resources do not suffice.
    pub fn join(
        settings: &Settings,
        topics: &[Reads],
        start_at: StartAt,
    ) -> Result<KafkaConsumer, KafkaError> {
        let assigned = Arc::new(Assigned::default());
        let named = topics.iter().map(|t| (t.name.clone(), t.index)).collect();
        let listener = Listener {
            on_rebalance: Some(rebalancer(named, Arc::clone(&assigned), start_at)),
            ..Listener::default()
        };
        let consumer = rdsys::rd_kafka_type_t::RD_KAFKA_CONSUMER;
        let handle = Handle::create(settings, consumer, listener)?;
        let failed = |why: &str| {
            let group = settings.get("group.id").unwrap_or("");
            KafkaError::cluster(format!("joining group {group}"), why, "see ulimit -n")
        };
        // SAFETY: the client lives. From here its own events come through the consumer's queue.
        let code = unsafe { rdsys::rd_kafka_poll_set_consumer(handle.rk()) };
        let queue = Queue::of_consumer(&handle);
        let (Code::RD_KAFKA_RESP_ERR_NO_ERROR, Some(queue)) = (code, queue) else {
            return Err(failed("the client has no queue of a group member"));
        };
        let bell = bell().map_err(|error| failed(&error.to_string()))?;
        // SAFETY: queue and descriptor live until `drop` ends the ringing; librdkafka copies the payload.
        unsafe {
            let one = 1_u64.to_ne_bytes();
            let payload = one.as_ptr().cast::<c_void>();
            rdsys::rd_kafka_queue_io_event_enable(
                queue.as_ptr(),
                bell.as_raw_fd(),
                payload,
                one.len(),
            );
        }
        let mut member = KafkaConsumer {
            queue,
            handle,
            bell,
            topics: Vec::with_capacity(topics.len()),
            assigned,
            batch: Vec::with_capacity(BATCH),
            fatal: None,
        };
        member.subscribe(topics)?;
        Ok(member)
    }

    fn subscribe(&mut self, topics: &[Reads]) -> Result<(), KafkaError> {
        let names = PartitionList::new();
        for reads in topics {
            let name = c_string(&reads.name)?;
            // SAFETY: the client lives; the name is copied. Null is checked for.
            let handle = unsafe {
                rdsys::rd_kafka_topic_new(self.handle.rk(), name.as_ptr(), ptr::null_mut())
            };
            if handle.is_null() {
                let doing = format!("reading topic {}", reads.name);
                return Err(KafkaError::asked(
                    doing,
                    "impossible name",
                    "check its name",
                ));
            }
            names.add(&name, -1, -1);
            self.topics.push(Topic {
                reads: reads.clone(),
                name,
                handle,
            });
        }
        // SAFETY: client and list live; the list is copied.
        match unsafe { rdsys::rd_kafka_subscribe(self.handle.rk(), names.as_ptr()) } {
            Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            code => Err(KafkaError::asked(
                "subscribing to topics",
                &failure_name(Failure(code as i32)),
                "check the topics' names and the consumer's properties",
            )),
        }
    }

    /// Takes what has come in, at most `most`, and hands over the records among it. Returns how many.
    fn take(&mut self, most: usize, receive: &mut dyn FnMut(Incoming<'_>, Tick)) -> usize {
        let mut taken = Taken(std::mem::take(&mut self.batch));
        taken.fill(&self.queue, most.min(BATCH));
        let now = Monotonic.now();
        let mut records = 0;
        for message in &taken.0 {
            // SAFETY: the messages are ours until `taken` destroys them; what is borrowed from one ends with `receive`.
            unsafe {
                let message = &**message;
                if message.err != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
                    self.note(message);
                } else if let Some(incoming) = self.incoming(message) {
                    receive(incoming, now);
                    records += 1;
                }
            }
        }
        self.batch = taken.emptied();
        records
    }

    /// # Safety
    /// The message is one of this client's, not yet destroyed.
    unsafe fn incoming<'a>(&self, message: &'a rdsys::rd_kafka_message_t) -> Option<Incoming<'a>> {
        let topic = self.topics.iter().find(|t| t.handle == message.rkt)?;
        // SAFETY: the message's pieces live as long as it does.
        unsafe {
            Some(Incoming {
                topic: topic.reads.index,
                partition: message.partition as u32,
                offset: message.offset,
                key: bytes(message.key, message.key_len),
                value: bytes(message.payload, message.len),
                stamp: if topic.reads.header_stamps {
                    stamp(message)
                } else {
                    None
                },
            })
        }
    }

    /// Takes note of an error that came in a record's place. Most pass by themselves; some never will.
    ///
    /// # Safety
    /// The message is one of this client's, not yet destroyed.
    unsafe fn note(&mut self, message: &rdsys::rd_kafka_message_t) {
        let name = failure_name(Failure(message.err as i32));
        // SAFETY: the message lives.
        let words = unsafe { text(rdsys::rd_kafka_message_errstr(message)) };
        let lasting = match message.err {
            Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED => "READ on the topic",
            Code::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED => "READ on the group",
            Code::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED => "rights on the cluster",
            Code::RD_KAFKA_RESP_ERR__FATAL
            | Code::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID
            | Code::RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT
            | Code::RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL
            | Code::RD_KAFKA_RESP_ERR_UNSUPPORTED_ASSIGNOR => "",
            _ => {
                tracing::warn!("a consumer says: {words} ({name})");
                return;
            }
        };
        if self.fatal.is_none() {
            let needs = match lasting {
                "" => String::new(),
                right => format!("; its user needs {right}"),
            };
            self.fatal = Some(format!("{words} ({name}){needs}"));
        }
    }

    /// Sleeps until something comes in or until `deadline`.
    fn sleep(&self, deadline: Tick) {
        let left = deadline.since(Monotonic.now());
        let timeout = libc::timespec {
            tv_sec: (left / NS_PER_S) as libc::time_t,
            tv_nsec: (left % NS_PER_S) as libc::c_long,
        };
        let mut polled = libc::pollfd {
            fd: self.bell.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let mut rung = 0_u64;
        // SAFETY: all pointers are valid for the calls. A signal only wakes early, and the descriptor does not block.
        unsafe {
            if libc::ppoll(&mut polled, 1, &timeout, ptr::null()) > 0 {
                libc::read(polled.fd, ptr::from_mut(&mut rung).cast(), 8);
            }
        }
    }

    /// Leaves the group, so that the others need not wait for this member's session to end. Whether that came to an end: it does
    /// not while the group's coordinator is silent.
    fn leave(&self) -> bool {
        let queue = Queue::new(&self.handle);
        let rk = self.handle.rk();
        // SAFETY: client and queue live; what comes through the queue is ours to destroy.
        unsafe {
            let error = rdsys::rd_kafka_consumer_close_queue(rk, queue.as_ptr());
            if !error.is_null() {
                rdsys::rd_kafka_error_destroy(error);
                return true;
            }
            let clock = Monotonic;
            let limit = clock.now().plus_ns(GOODBYE * NS_PER_S);
            while rdsys::rd_kafka_consumer_closed(rk) == 0 && clock.now() < limit {
                let message = rdsys::rd_kafka_consume_queue(queue.as_ptr(), 50);
                if !message.is_null() {
                    rdsys::rd_kafka_message_destroy(message);
                }
            }
            rdsys::rd_kafka_consumer_closed(rk) != 0
        }
    }
}

/// Messages taken from the queue, destroyed when dropped, come what may: a client that still has messages outside can never be
/// destroyed, so a panic in `receive` would become a hang.
struct Taken(Vec<*mut rdsys::rd_kafka_message_t>);

impl Taken {
    /// Takes what is there, at most `most`, without waiting.
    fn fill(&mut self, queue: &Queue, most: usize) {
        self.0.reserve(most);
        // SAFETY: the vector is empty and has room for `most` pointers; librdkafka writes at most as many and says how many.
        unsafe {
            let first = self.0.as_mut_ptr();
            let came = rdsys::rd_kafka_consume_batch_queue(queue.as_ptr(), 0, first, most);
            self.0.set_len(usize::try_from(came).unwrap_or(0));
        }
    }

    /// Destroys the messages and gives back the space.
    fn emptied(mut self) -> Vec<*mut rdsys::rd_kafka_message_t> {
        self.destroy();
        std::mem::take(&mut self.0)
    }

    fn destroy(&mut self) {
        for message in self.0.drain(..) {
            // SAFETY: ours, destroyed once.
            unsafe { rdsys::rd_kafka_message_destroy(message) };
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.destroy();
    }
}

impl Consumer for KafkaConsumer {
    fn poll(
        &mut self,
        deadline: Tick,
        most: usize,
        receive: &mut dyn FnMut(Incoming<'_>, Tick),
    ) -> usize {
        if most == 0 {
            return 0;
        }
        loop {
            let came = self.take(most, receive);
            if came > 0 || Monotonic.now() >= deadline {
                return came;
            }
            self.sleep(deadline);
        }
    }

    fn assignment(&self) -> Option<Vec<(u16, u32)>> {
        let assigned = self.assigned.lock();
        assigned.as_ref().map(|held| held.keys().copied().collect())
    }

    fn watermarks(&mut self) -> Vec<(u16, u32, i64, i64)> {
        let mut all = Vec::new();
        let held = self.assigned.lock().clone().unwrap_or_default();
        for ((index, partition), began) in held {
            let Some(topic) = self.topics.iter().find(|t| t.reads.index == index) else {
                continue;
            };
            let (mut start, mut end) = (-1, -1);
            // SAFETY: the client lives and the name is a C string. Answers from memory: what the last fetch said.
            let code = unsafe {
                rdsys::rd_kafka_get_watermark_offsets(
                    self.handle.rk(),
                    topic.name.as_ptr(),
                    partition as i32,
                    &mut start,
                    &mut end,
                )
            };
            // An end before the place where reading began is from an earlier time that this member held the partition.
            let known = code == Code::RD_KAFKA_RESP_ERR_NO_ERROR && start >= 0 && end >= 0;
            if known && end >= began {
                all.push((index, partition, start, end));
            }
        }
        all
    }

    fn pause(&mut self, paused: bool) {
        self.assigned.paused.store(paused, Ordering::Relaxed);
        let held = self.assigned.lock().clone().unwrap_or_default();
        let partitions = PartitionList::new();
        for (index, partition) in held.into_keys() {
            if let Some(topic) = self.topics.iter().find(|t| t.reads.index == index) {
                partitions.add(&topic.name, partition as i32, -1);
            }
        }
        // SAFETY: client and list live. What had come in and was not taken is dropped by librdkafka, and fetched again afterwards.
        let code = unsafe {
            match paused {
                true => rdsys::rd_kafka_pause_partitions(self.handle.rk(), partitions.as_ptr()),
                false => rdsys::rd_kafka_resume_partitions(self.handle.rk(), partitions.as_ptr()),
            }
        };
        if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            tracing::warn!("pausing: {}", failure_name(Failure(code as i32)));
        }
    }

    fn fatal(&self) -> Option<String> {
        self.fatal.clone()
    }
}

impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        if !self.leave() {
            self.handle.abandon();
        }
        // SAFETY: queue and topics are ours; the ringing ends before the descriptor is closed.
        unsafe {
            rdsys::rd_kafka_queue_io_event_enable(self.queue.as_ptr(), -1, ptr::null(), 0);
            for topic in &self.topics {
                rdsys::rd_kafka_topic_destroy(topic.handle);
            }
        }
    }
}

/// A descriptor that librdkafka can ring.
fn bell() -> std::io::Result<OwnedFd> {
    // SAFETY: takes no pointers; the descriptor is new and ours.
    unsafe {
        match libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) {
            -1 => Err(std::io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

/// # Safety
/// `first` is null or points to `len` bytes that outlive the slice.
unsafe fn bytes<'a>(first: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: not null; the caller promises the rest.
    (!first.is_null()).then(|| unsafe { std::slice::from_raw_parts(first.cast::<u8>(), len) })
}

/// The stamp header's value.
///
/// # Safety
/// The message lives, and is not destroyed before what comes back.
unsafe fn stamp(message: &rdsys::rd_kafka_message_t) -> Option<&[u8]> {
    let mut headers = ptr::null_mut();
    let (mut value, mut size) = (ptr::null(), 0);
    // SAFETY: the message lives; the headers and their values belong to it.
    unsafe {
        let found = rdsys::rd_kafka_message_headers(message, &mut headers);
        if found != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        match rdsys::rd_kafka_header_get_last(headers, STAMP.as_ptr(), &mut value, &mut size) {
            Code::RD_KAFKA_RESP_ERR_NO_ERROR => bytes(value, size),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
