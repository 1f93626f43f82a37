//! librdkafka's answers, lists and names, owned.

use std::ffi::CString;
use std::ptr::NonNull;

use rdkafka::bindings as rdsys;

use super::errors::KafkaError;

/// An answer, destroyed when dropped.
pub(super) struct Event(pub(super) NonNull<rdsys::rd_kafka_event_t>);

impl Event {
    pub(super) fn as_ptr(&self) -> *mut rdsys::rd_kafka_event_t {
        self.0.as_ptr()
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { rdsys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

/// A list of partitions, destroyed when dropped.
pub(super) struct PartitionList(NonNull<rdsys::rd_kafka_topic_partition_list_t>);

impl PartitionList {
    pub(super) fn new() -> PartitionList {
        // SAFETY: takes a size hint; aborts when memory is short, so never null.
        let list = unsafe { rdsys::rd_kafka_topic_partition_list_new(16) };
        PartitionList(NonNull::new(list).expect("a new list is never null"))
    }

    /// Adds a partition with an offset.
    pub(super) fn add(&self, topic: &CString, partition: i32, offset: i64) {
        // SAFETY: the list lives; the name is copied; the element is valid until the next one is added.
        unsafe {
            let added =
                rdsys::rd_kafka_topic_partition_list_add(self.as_ptr(), topic.as_ptr(), partition);
            (*added).offset = offset;
        }
    }

    pub(super) fn as_ptr(&self) -> *mut rdsys::rd_kafka_topic_partition_list_t {
        self.0.as_ptr()
    }
}

impl Drop for PartitionList {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { rdsys::rd_kafka_topic_partition_list_destroy(self.0.as_ptr()) }
    }
}

/// A C list as a slice; empty for null.
///
/// # Safety
/// `first` is null or points to `count` valid elements that outlive the slice.
pub(super) unsafe fn list<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if first.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: the caller promises it.
    unsafe { std::slice::from_raw_parts(first, count) }
}

/// A name for C.
pub(super) fn c_string(name: &str) -> Result<CString, KafkaError> {
    CString::new(name).map_err(|_| {
        let doing = format!("using the name {name:?}");
        KafkaError::asked(doing, "it holds a zero byte", "choose another name")
    })
}

pub(super) fn c_strings(names: &[String]) -> Result<Vec<CString>, KafkaError> {
    names.iter().map(|name| c_string(name)).collect()
}
