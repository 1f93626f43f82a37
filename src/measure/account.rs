//! What became of every event, and the equations that must hold.

use std::fmt;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// What became of the events of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Came due by the instant the run stopped.
    pub planned: u64,
    /// Taken by the client.
    pub sent: u64,
    /// Due, and never taken by the client.
    pub unsent: u64,
    /// Not known to be sent: their worker was lost.
    pub lost: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Refused or timed out; they may be in the log all the same.
    pub failed: u64,
    /// Never answered by the end; they may be in the log all the same.
    pub unresolved: u64,
}

impl Account {
    /// Checks what must hold of a closed account.
    ///
    /// # Errors
    /// The first equation that does not hold.
    pub fn check(&self) -> Result<(), Broken> {
        equal(
            "planned",
            self.planned,
            "sent + unsent + lost",
            self.sent + self.unsent + self.lost,
        )?;
        equal(
            "sent",
            self.sent,
            "acknowledged + failed + unresolved",
            self.acknowledged + self.failed + self.unresolved,
        )
    }

    /// Events that came due and whose end is not known yet: the backlog, while the run is on.
    pub const fn open(&self) -> u64 {
        self.planned.saturating_sub(
            self.unsent + self.lost + self.acknowledged + self.failed + self.unresolved,
        )
    }
}

impl AddAssign for Account {
    fn add_assign(&mut self, other: Account) {
        self.planned += other.planned;
        self.sent += other.sent;
        self.unsent += other.unsent;
        self.lost += other.lost;
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
        self.unresolved += other.unresolved;
    }
}

/// What a consumer group saw of the events of its topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupAccount {
    /// Acknowledged in its topics.
    pub acknowledged: u64,
    /// Of these, seen by the group.
    pub consumed: u64,
    /// Seen, though never acknowledged: failed or unresolved ones that are in the log all the same.
    pub consumed_unacknowledged: u64,
    /// Acknowledged, readable, and not in the log.
    pub missing: u64,
    /// Acknowledged, and gone from the log before the group came to them.
    pub expired: u64,
    /// Acknowledged, and behind the group's position at the end.
    pub unread: u64,
    /// Seen again at another offset.
    pub duplicated: u64,
    /// Seen after a later one of the same shard and partition.
    pub reordered: u64,
    /// Carrying our stamp and not what we sent.
    pub corrupt: u64,
    /// Not of this run.
    pub foreign: u64,
}

impl GroupAccount {
    /// Checks what must hold of a closed account.
    ///
    /// # Errors
    /// The equation, when it does not hold.
    pub fn check(&self) -> Result<(), Broken> {
        equal(
            "acknowledged",
            self.acknowledged,
            "consumed + missing + expired + unread",
            self.consumed + self.missing + self.expired + self.unread,
        )
    }
}

/// An equation that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Broken {
    /// Whose: a flow, an event, a group; empty when the holder knows.
    pub place: String,
    /// The left side's name.
    pub left: &'static str,
    /// Its value.
    pub left_is: u64,
    /// The right side's name.
    pub right: &'static str,
    /// Its value.
    pub right_is: u64,
}

impl Broken {
    /// The same, of this place.
    #[must_use]
    pub fn of(mut self, place: impl Into<String>) -> Broken {
        self.place = place.into();
        self
    }

    /// By how much the left side is larger.
    pub const fn by(&self) -> i128 {
        self.left_is as i128 - self.right_is as i128
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(
            f,
            "{} is {}, but {} is {} ({:+})",
            self.left,
            self.left_is,
            self.right,
            self.right_is,
            self.by()
        )
    }
}

/// Requires two counts to be equal.
pub(super) fn equal(
    left: &'static str,
    left_is: u64,
    right: &'static str,
    right_is: u64,
) -> Result<(), Broken> {
    if left_is == right_is {
        return Ok(());
    }
    Err(Broken {
        place: String::new(),
        left,
        left_is,
        right,
        right_is,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_missing_event_is_named_with_its_difference() {
        let account = Account {
            planned: 10,
            sent: 8,
            unsent: 1,
            acknowledged: 8,
            ..Account::default()
        };
        let broken = account
            .check()
            .expect_err("one is not accounted for")
            .of("flow shoppers");
        assert_eq!(broken.by(), 1);
        assert_eq!(
            broken.to_string(),
            "flow shoppers: planned is 10, but sent + unsent + lost is 9 (+1)"
        );
    }

    #[test]
    fn a_group_that_saw_too_much_is_named() {
        let account = GroupAccount {
            acknowledged: 5,
            consumed: 6,
            ..GroupAccount::default()
        };
        assert_eq!(account.check().expect_err("one too many").by(), -1);
    }

    prop_compose! {
        fn closed()(n in prop::array::uniform5(0..1_000_u64)) -> Account {
            let [unsent, lost, acknowledged, failed, unresolved] = n;
            let sent = acknowledged + failed + unresolved;
            Account { planned: sent + unsent + lost, sent, unsent, lost, acknowledged, failed, unresolved }
        }
    }

    proptest! {
        #[test]
        fn closed_accounts_add_up_to_closed_accounts(a in closed(), b in closed()) {
            let mut sum = a;
            sum += b;
            prop_assert_eq!(sum.check(), Ok(()));
            prop_assert_eq!(sum.open(), 0);
        }

        #[test]
        fn any_single_count_that_is_off_is_noticed(a in closed(), which in 0..7_usize, by in 1..50_u64) {
            let mut off = a;
            let counts = [
                &mut off.planned, &mut off.sent, &mut off.unsent, &mut off.lost,
                &mut off.acknowledged, &mut off.failed, &mut off.unresolved,
            ];
            *counts.into_iter().nth(which).expect("seven counts") += by;
            prop_assert!(off.check().is_err());
        }
    }
}
