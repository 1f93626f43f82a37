//! The list of topics that librdkafka is asked to create.

use std::ffi::{CString, c_char};

use rdkafka::bindings as rdsys;

use super::super::errors::{KafkaError, text};
use super::super::ffi::c_string;
use super::Wanted;

/// Topics to create, destroyed when dropped.
pub(super) struct NewTopics(pub Vec<*mut rdsys::rd_kafka_NewTopic_t>);

impl NewTopics {
    pub(super) fn add(&mut self, topic: &Wanted) -> Result<(), KafkaError> {
        let name = c_string(&topic.name)?;
        let mut words = [0 as c_char; 256];
        // SAFETY: pointers are valid for the call; the name is copied. The topic is destroyed with the list.
        let new = unsafe {
            rdsys::rd_kafka_NewTopic_new(
                name.as_ptr(),
                i32::try_from(topic.partitions).unwrap_or(i32::MAX),
                topic.replication.map_or(-1, i32::from),
                words.as_mut_ptr(),
                words.len(),
            )
        };
        if new.is_null() {
            // SAFETY: librdkafka ends its text with a zero byte.
            let words = unsafe { text(words.as_ptr()) };
            let doing = format!("creating topic {}", topic.name);
            return Err(KafkaError::asked(
                doing,
                &words,
                "check its name and partitions",
            ));
        }
        self.0.push(new);
        for (key, value) in topic.created_config() {
            let (key, value): (CString, CString) = (c_string(&key)?, c_string(&value)?);
            // SAFETY: the topic lives; both strings are copied. Only an empty name is refused, which the cluster would refuse too.
            unsafe { rdsys::rd_kafka_NewTopic_set_config(new, key.as_ptr(), value.as_ptr()) };
        }
        Ok(())
    }
}

impl Drop for NewTopics {
    fn drop(&mut self) {
        // SAFETY: all are ours, destroyed once.
        unsafe { rdsys::rd_kafka_NewTopic_destroy_array(self.0.as_mut_ptr(), self.0.len()) }
    }
}
