//! Rendered events on their way to the client, grouped by partition.

use crate::target::{Outgoing, Producer};
use crate::traffic::Rendered;

/// The events of one chunk. Each partition keeps its order; a full client queue leaves the rest for the next flush.
#[derive(Debug)]
pub(super) struct Outbox {
    buffer: Vec<u8>,
    slots: Vec<Slot>,
    /// Index of each topic's first slot.
    first_slot: Vec<usize>,
    /// Slots with records still to send, in the order they were first filled.
    waiting: Vec<usize>,
    records: usize,
}

#[derive(Debug)]
struct Slot {
    topic: u16,
    partition: u32,
    records: Vec<Outgoing>,
    sent: usize,
}

impl Outbox {
    /// An outbox for topics with these numbers of partitions.
    pub(super) fn new(partitions: &[u32]) -> Outbox {
        let mut first_slot = Vec::with_capacity(partitions.len());
        let mut slots = Vec::new();
        for (topic, count) in partitions.iter().enumerate() {
            first_slot.push(slots.len());
            slots.extend((0..*count).map(|partition| Slot {
                topic: topic as u16,
                partition,
                records: Vec::new(),
                sent: 0,
            }));
        }
        Outbox {
            buffer: Vec::new(),
            slots,
            first_slot,
            waiting: Vec::new(),
            records: 0,
        }
    }

    /// Where the next event is rendered to.
    #[inline]
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Takes an event that was rendered into [`Outbox::buffer`].
    #[inline]
    pub(super) fn push(&mut self, rendered: Rendered, token: u32) {
        let index = self.first_slot[rendered.topic as usize] + rendered.partition as usize;
        let slot = &mut self.slots[index];
        if slot.records.is_empty() {
            self.waiting.push(index);
        }
        slot.records.push(Outgoing {
            token,
            key: rendered.key,
            value: rendered.value,
            headers: rendered.headers,
        });
        self.records += 1;
    }

    /// How many events wait in it.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.records
    }

    /// Bytes rendered since it was last empty.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Offers everything to the client. `at` gives the instant of each hand-over, `sent` learns of every token that was taken.
    /// Returns false when the client's queue is full and something is left.
    pub(super) fn flush(
        &mut self,
        client: &mut dyn Producer,
        mut at: impl FnMut() -> u64,
        mut sent: impl FnMut(u32, u64),
    ) -> bool {
        while let Some(&index) = self.waiting.last() {
            let slot = &mut self.slots[index];
            let now = at();
            let rest = &slot.records[slot.sent..];
            let taken = client.send(slot.topic, slot.partition, &self.buffer, rest);
            for record in &rest[..taken] {
                sent(record.token, now);
            }
            slot.sent += taken;
            self.records -= taken;
            if slot.sent < slot.records.len() {
                return false;
            }
            slot.records.clear();
            slot.sent = 0;
            self.waiting.pop();
        }
        self.buffer.clear();
        true
    }

    /// Of each partition with records that the last flush left, the token of the oldest.
    pub(super) fn first_left(&self) -> impl Iterator<Item = u32> {
        self.waiting.iter().map(|&index| {
            let slot = &self.slots[index];
            slot.records[slot.sent].token
        })
    }

    /// Gives up on what is left; `dropped` learns of every token.
    pub(super) fn abandon(&mut self, mut dropped: impl FnMut(u32)) {
        for index in self.waiting.drain(..) {
            let slot = &mut self.slots[index];
            for record in &slot.records[slot.sent..] {
                dropped(record.token);
            }
            slot.records.clear();
            slot.sent = 0;
        }
        self.records = 0;
        self.buffer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Tick;
    use crate::target::{Ack, Failure};

    /// Takes `room` records in all, and notes what it got.
    struct Narrow {
        room: usize,
        got: Vec<(u32, u32)>,
    }

    impl Producer for Narrow {
        fn send(&mut self, _: u16, partition: u32, _: &[u8], records: &[Outgoing]) -> usize {
            let taken = records.len().min(self.room);
            self.room -= taken;
            self.got
                .extend(records[..taken].iter().map(|r| (partition, r.token)));
            taken
        }
        fn poll(&mut self, _: &mut Vec<Ack>) {}
        fn wait(&mut self, _: Tick) {}
        fn purge(&mut self) {}
        fn failure_name(&self, _: Failure) -> String {
            String::new()
        }
    }

    fn rendered(partition: u32) -> Rendered {
        Rendered {
            event: 0,
            topic: 0,
            partition,
            key: None,
            value: Some(0..0),
            headers: 0..0,
        }
    }

    #[test]
    fn a_full_queue_keeps_the_rest_in_order() {
        let mut outbox = Outbox::new(&[2]);
        for token in 0..10 {
            outbox.push(rendered(token % 2), token);
        }
        let mut client = Narrow {
            room: 3,
            got: Vec::new(),
        };
        let mut sent = Vec::new();
        assert!(!outbox.flush(&mut client, || 7, |token, _| sent.push(token)));
        assert_eq!((sent.len(), outbox.len()), (3, 7));
        let mut left: Vec<u32> = outbox.first_left().collect();
        left.sort_unstable();
        assert_eq!(left, [0, 7], "one partition is at its start, one is not");
        client.room = 100;
        assert!(outbox.flush(&mut client, || 8, |token, _| sent.push(token)));
        assert_eq!(outbox.len(), 0);
        for partition in 0..2 {
            let tokens: Vec<u32> = client
                .got
                .iter()
                .filter(|(p, _)| *p == partition)
                .map(|(_, token)| *token)
                .collect();
            assert_eq!(
                tokens,
                (0..5).map(|i| i * 2 + partition).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn what_is_abandoned_is_told() {
        let mut outbox = Outbox::new(&[1]);
        (0..4).for_each(|token| outbox.push(rendered(0), token));
        let mut client = Narrow {
            room: 1,
            got: Vec::new(),
        };
        outbox.flush(&mut client, || 0, |_, _| {});
        let mut left = Vec::new();
        outbox.abandon(|token| left.push(token));
        assert_eq!((left, outbox.len()), (vec![1, 2, 3], 0));
    }
}
