//! A librdkafka client and what it says beside its answers.

use std::collections::VecDeque;
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::Mutex;

use rdkafka::bindings as rdsys;

use super::config::Settings;
use super::errors::{KafkaError, text};
use super::mask::Mask;

/// A configuration under construction.
pub(super) struct Conf(NonNull<rdsys::rd_kafka_conf_t>);

/// Why a property was not taken.
#[derive(Debug)]
pub(super) enum NotSet {
    /// librdkafka has no such property.
    Unknown,
    /// librdkafka's own words.
    Wrong(String),
}

impl Conf {
    /// librdkafka's defaults.
    pub(super) fn new() -> Conf {
        // SAFETY: takes nothing; aborts when memory is short, so never null.
        let conf = unsafe { rdsys::rd_kafka_conf_new() };
        Conf(NonNull::new(conf).expect("rd_kafka_conf_new never returns null"))
    }

    /// Sets one property, global or of topics.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), NotSet> {
        let (Ok(name), Ok(value)) = (CString::new(name), CString::new(value)) else {
            return Err(NotSet::Wrong("it holds a zero byte".into()));
        };
        let mut words = [0 as c_char; 512];
        // SAFETY: all pointers are valid for the call, and the buffer's length is its own.
        let result = unsafe {
            rdsys::rd_kafka_conf_set(
                self.0.as_ptr(),
                name.as_ptr(),
                value.as_ptr(),
                words.as_mut_ptr(),
                words.len(),
            )
        };
        match result {
            rdsys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK => Ok(()),
            rdsys::rd_kafka_conf_res_t::RD_KAFKA_CONF_UNKNOWN => Err(NotSet::Unknown),
            // SAFETY: librdkafka ends its text with a zero byte.
            _ => Err(NotSet::Wrong(unsafe { text(words.as_ptr()) })),
        }
    }

    /// For settings that only a program can make.
    pub(super) fn as_ptr(&mut self) -> *mut rdsys::rd_kafka_conf_t {
        self.0.as_ptr()
    }

    /// Creates a client of it, which then owns it. The words are librdkafka's.
    ///
    /// # Errors
    /// The properties contradict each other, or a file they name cannot be read.
    pub(super) fn create(
        self,
        kind: rdsys::rd_kafka_type_t,
    ) -> Result<NonNull<rdsys::rd_kafka_t>, String> {
        let mut words = [0 as c_char; 512];
        // SAFETY: the configuration is valid; the client takes it over when, and only when, it is created.
        let rk =
            unsafe { rdsys::rd_kafka_new(kind, self.0.as_ptr(), words.as_mut_ptr(), words.len()) };
        match NonNull::new(rk) {
            Some(rk) => {
                std::mem::forget(self);
                Ok(rk)
            }
            // SAFETY: librdkafka ends its text with a zero byte.
            None => Err(unsafe { text(words.as_ptr()) }),
        }
    }
}

impl Drop for Conf {
    fn drop(&mut self) {
        // SAFETY: ours, and given to no client.
        unsafe { rdsys::rd_kafka_conf_destroy(self.0.as_ptr()) }
    }
}

/// One thing a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// librdkafka's error code; 0 for a line of its log.
    pub code: i32,
    /// Its words.
    pub text: String,
}

impl Note {
    /// The words without what differs each time: `... (after 3ms in state CONNECT, 2 identical error(s) suppressed)`.
    pub(super) fn gist(&self) -> &str {
        if self.code == ALL_DOWN {
            return "all brokers are down";
        }
        self.text.split(" (after ").next().unwrap_or("").trim()
    }
}

/// librdkafka's code for having no connection at all; it says nothing of the reason.
pub(super) const ALL_DOWN: i32 =
    rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN as i32;

/// The last different things a client said. librdkafka gives the reason of a failed connection only here.
#[derive(Default)]
pub(super) struct Notes(Mutex<VecDeque<Note>>);

impl Notes {
    /// How many are kept.
    const KEPT: usize = 64;

    fn push(&self, note: Note) {
        let mut notes = self.0.lock().unwrap_or_else(|e| e.into_inner());
        // A client that cannot connect says the same several times a second. Once is enough, or it would push out the reason.
        notes.retain(|old| old.code != note.code || old.gist() != note.gist());
        if notes.len() == Notes::KEPT {
            notes.pop_front();
        }
        notes.push_back(note);
    }

    /// What was said, oldest first.
    pub(super) fn all(&self) -> Vec<Note> {
        let notes = self.0.lock().unwrap_or_else(|e| e.into_inner());
        notes.iter().cloned().collect()
    }
}

/// Called when partitions are given to this member or taken from it: the client, librdkafka's code, the partitions.
pub(super) type OnRebalance = Box<
    dyn Fn(
            *mut rdsys::rd_kafka_t,
            rdsys::rd_kafka_resp_err_t,
            *mut rdsys::rd_kafka_topic_partition_list_t,
        ) + Send
        + Sync,
>;

/// Called with a line of a client's log.
pub(super) type OnLog = Box<dyn Fn(&str) + Send + Sync>;

/// What librdkafka calls back.
#[derive(Default)]
pub(super) struct Listener {
    pub notes: Notes,
    pub on_rebalance: Option<OnRebalance>,
    /// Told every line of the client's log.
    pub on_log: Option<OnLog>,
    /// Kinds of event that come through the client's queue instead of callbacks: `RD_KAFKA_EVENT_...`.
    pub events: c_int,
    /// Hides what librdkafka repeats of private settings. Set by [`Handle::create`].
    pub mask: Mask,
}

/// A client. Dropping it does not say goodbye to a group; `consumer` does that before.
pub(super) struct Handle {
    rk: NonNull<rdsys::rd_kafka_t>,
    listener: Box<Listener>,
    abandoned: bool,
}

// SAFETY: librdkafka's clients may be used from any thread, and the listener is Send and Sync.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// Creates a client that reports to `listener`.
    ///
    /// # Errors
    /// The settings contradict each other, or a file they name cannot be read.
    pub(super) fn create(
        settings: &Settings,
        kind: rdsys::rd_kafka_type_t,
        listener: Listener,
    ) -> Result<Handle, KafkaError> {
        let mask = settings.mask();
        let listener = Box::new(Listener { mask, ..listener });
        let mut conf = settings.conf()?;
        let opaque: *const Listener = &*listener;
        // SAFETY: the listener is boxed and outlives the client: `Handle` drops the client first.
        unsafe {
            rdsys::rd_kafka_conf_set_opaque(conf.as_ptr(), opaque.cast_mut().cast::<c_void>());
            rdsys::rd_kafka_conf_set_error_cb(conf.as_ptr(), Some(on_error));
            rdsys::rd_kafka_conf_set_log_cb(conf.as_ptr(), Some(on_log));
            rdsys::rd_kafka_conf_set_events(conf.as_ptr(), listener.events);
            if listener.on_rebalance.is_some() {
                rdsys::rd_kafka_conf_set_rebalance_cb(conf.as_ptr(), Some(on_rebalance));
            }
        }
        let rk = conf
            .create(kind)
            .map_err(|words| settings.rejected(&words))?;
        Ok(Handle {
            rk,
            listener,
            abandoned: false,
        })
    }

    /// The client.
    pub(super) fn rk(&self) -> *mut rdsys::rd_kafka_t {
        self.rk.as_ptr()
    }

    /// The error after which this client is of no use any more.
    pub(super) fn fatal_error(&self) -> Option<String> {
        let mut words = [0 as c_char; 512];
        // SAFETY: the client lives, and the buffer's length is its own.
        let code =
            unsafe { rdsys::rd_kafka_fatal_error(self.rk(), words.as_mut_ptr(), words.len()) };
        // SAFETY: librdkafka ends its text with a zero byte.
        (code as i32 != 0).then(|| self.hide(unsafe { text(words.as_ptr()) }))
    }

    /// The client's words without what they repeat of private settings.
    pub(super) fn hide(&self, words: String) -> String {
        self.listener.mask.hide(words)
    }

    /// What the client said.
    pub(super) fn notes(&self) -> &Notes {
        &self.listener.notes
    }

    /// Serves the client's own events (errors, tokens). Waits up to `ms` milliseconds for one.
    pub(super) fn serve(&self, ms: i32) {
        // SAFETY: the client lives; its callbacks are set.
        unsafe { rdsys::rd_kafka_poll(self.rk(), ms) };
    }

    /// When this is dropped, leaves the client and its threads behind. For a process about to end: destroying a client waits for
    /// its threads, and one of them may be stuck in a name look-up, or waiting for a broker that is gone, for longer than anyone
    /// wants to wait.
    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.abandoned {
            // The client goes on reporting to it.
            Box::leak(std::mem::take(&mut self.listener));
            return;
        }
        let flags = rdsys::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE;
        // SAFETY: ours, destroyed once, before the listener.
        unsafe { rdsys::rd_kafka_destroy_flags(self.rk(), flags) };
    }
}

unsafe extern "C" fn on_error(
    _: *mut rdsys::rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: the opaque is the listener, which outlives the client; the reason is a C string.
    let (listener, text) = unsafe { (&*opaque.cast::<Listener>(), text(reason)) };
    let text = listener.mask.hide(text);
    tracing::debug!(target: "librdkafka", code, "{text}");
    listener.notes.push(Note { code, text });
}

unsafe extern "C" fn on_log(
    rk: *const rdsys::rd_kafka_t,
    level: c_int,
    fac: *const c_char,
    line: *const c_char,
) {
    // Words of no client can't be masked, so they are not repeated.
    if rk.is_null() {
        return;
    }
    // SAFETY: the client lives while it logs; its opaque is the listener, set before it was created.
    let Some(listener) = (unsafe { rdsys::rd_kafka_opaque(rk).cast::<Listener>().as_ref() }) else {
        return;
    };
    // SAFETY: both are C strings.
    let (fac, text) = unsafe { (text(fac), listener.mask.hide(text(line))) };
    tracing::debug!(target: "librdkafka", level, "{fac}: {text}");
    if let Some(on_log) = &listener.on_log {
        on_log(&text);
    }
    // Levels as in syslog: up to 6 is what an operator is told, 7 is debugging.
    if level <= 6 {
        listener.notes.push(Note { code: 0, text });
    }
}

unsafe extern "C" fn on_rebalance(
    rk: *mut rdsys::rd_kafka_t,
    code: rdsys::rd_kafka_resp_err_t,
    partitions: *mut rdsys::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    // SAFETY: the opaque is the listener, which outlives the client.
    let listener = unsafe { &*opaque.cast::<Listener>() };
    if let Some(call) = &listener.on_rebalance {
        call(rk, code, partitions);
    }
}

/// A queue of librdkafka's.
pub(super) struct Queue(NonNull<rdsys::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for Queue {}

impl Queue {
    /// A new queue of that client.
    pub(super) fn new(handle: &Handle) -> Queue {
        // SAFETY: the client lives; the call aborts when memory is short, so never null.
        let queue = unsafe { rdsys::rd_kafka_queue_new(handle.rk()) };
        Queue(NonNull::new(queue).expect("rd_kafka_queue_new never returns null"))
    }

    /// The queue a group member reads from; `None` for a client that is none.
    pub(super) fn of_consumer(handle: &Handle) -> Option<Queue> {
        // SAFETY: the client lives.
        NonNull::new(unsafe { rdsys::rd_kafka_queue_get_consumer(handle.rk()) }).map(Queue)
    }

    pub(super) fn as_ptr(&self) -> *mut rdsys::rd_kafka_queue_t {
        self.0.as_ptr()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: a reference of ours, given back once.
        unsafe { rdsys::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}
