//! Where a consumer group of somebody's stands, by the offsets it has committed.

use std::collections::BTreeMap;

use rdkafka::bindings as rdsys;
use rdsys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR as NO_ERROR;

use super::admin::Admin;
use super::errors::{KafkaError, text};
use super::ffi::{PartitionList, c_string, list};
use crate::target::Committed;

impl Admin {
    /// Where a group has committed, and where those logs end; `None`: there is no such group on the cluster.
    ///
    /// # Errors
    /// Cluster: it did not answer, or this user may not describe the group.
    pub fn committed(&self, group: &str) -> Result<Option<Vec<Committed>>, KafkaError> {
        let mut committed = self.positions(group)?;
        // Kafka answers for a group that it does not know as for one that has committed nothing.
        if committed.is_empty() && !self.groups(group)?.iter().any(|name| name == group) {
            return Ok(None);
        }
        let ends = self.ends(&committed)?;
        if ends.len() < committed.len() {
            // For the next time.
            self.learn_leaders();
        }
        for at in &mut committed {
            at.end = ends.get(&(at.topic.clone(), at.partition)).copied();
        }
        Ok(Some(committed))
    }

    fn positions(&self, group: &str) -> Result<Vec<Committed>, KafkaError> {
        let doing = format!("asking where group {group} stands");
        let op = rdsys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
        let name = c_string(group)?;
        // SAFETY: the name outlives the calls, which copy it; the request is destroyed once. No partitions: all of the group's.
        let event = self.call(&doing, op, |rk, options, queue| unsafe {
            let mut asked =
                rdsys::rd_kafka_ListConsumerGroupOffsets_new(name.as_ptr(), std::ptr::null());
            rdsys::rd_kafka_ListConsumerGroupOffsets(rk, &mut asked, 1, options, queue);
            rdsys::rd_kafka_ListConsumerGroupOffsets_destroy(asked);
        })?;
        let mut all = Vec::new();
        // SAFETY: the event is the answer to this request; its parts live as long as it does.
        unsafe {
            let result = rdsys::rd_kafka_event_ListConsumerGroupOffsets_result(event.as_ptr());
            let mut count = 0;
            let groups = rdsys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count);
            for group in list(groups, count) {
                let error = rdsys::rd_kafka_group_result_error(*group);
                if !error.is_null() {
                    let code = rdsys::rd_kafka_error_code(error) as i32;
                    let words = text(rdsys::rd_kafka_error_string(error));
                    return Err(self.failed(&doing, code, &words));
                }
                let partitions = rdsys::rd_kafka_group_result_partitions(*group);
                let Some(partitions) = partitions.as_ref() else {
                    continue;
                };
                for at in list(partitions.elems, partitions.cnt as usize) {
                    if at.err == NO_ERROR && at.offset >= 0 {
                        all.push(Committed {
                            topic: text(at.topic),
                            partition: at.partition,
                            position: at.offset,
                            end: None,
                        });
                    }
                }
            }
        }
        Ok(all)
    }

    /// Where these logs end, as far as their leaders are there to tell.
    fn ends(&self, of: &[Committed]) -> Result<BTreeMap<(String, i32), i64>, KafkaError> {
        let mut ends = BTreeMap::new();
        if of.is_empty() {
            return Ok(ends);
        }
        let doing = "asking where logs end";
        let op = rdsys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        let asked = PartitionList::new();
        for at in of {
            asked.add(&c_string(&at.topic)?, at.partition, LATEST);
        }
        // SAFETY: `call` passes pointers that live during the call; the list is copied by it.
        let event = self.call(doing, op, |rk, options, queue| unsafe {
            rdsys::rd_kafka_ListOffsets(rk, asked.as_ptr(), options, queue);
        })?;
        // SAFETY: the event is the answer to this request; its parts live as long as it does.
        unsafe {
            let result = rdsys::rd_kafka_event_ListOffsets_result(event.as_ptr());
            let mut count = 0;
            let infos = rdsys::rd_kafka_ListOffsets_result_infos(result, &mut count);
            for info in list(infos, count) {
                let found = &*rdsys::rd_kafka_ListOffsetsResultInfo_topic_partition(*info);
                if found.err == NO_ERROR && found.offset >= 0 {
                    ends.insert((text(found.topic), found.partition), found.offset);
                }
            }
        }
        Ok(ends)
    }
}

/// librdkafka's offset for a log's end.
const LATEST: i64 = -1;
