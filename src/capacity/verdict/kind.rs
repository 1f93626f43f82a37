//! What can be found, and how much each weighs.

/// How much a finding weighs, the heaviest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The cluster could not be used: exit 4.
    Cluster,
    /// The cluster broke a promise, which no weakness of ours can explain: fail, exit 1.
    Loss,
    /// The run proves nothing: invalid, exit 3.
    Invalid,
    /// A limit was missed: fail, exit 1.
    Missed,
    /// Every limit held, but a longer run might say otherwise: invalid, exit 3.
    Inconclusive,
    /// Worth knowing; changes nothing.
    Note,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Unreachable, refused, not authorised.
    ClusterUnusable,
    /// Events were sent and not one was ever acknowledged.
    NothingAcknowledged,
    /// Acknowledged records that a group never got.
    Missing,
    /// Records that came back other than they were sent.
    Corrupt,
    /// Records that came in another order than they were acknowledged in.
    Reordered,
    /// Ctrl-C, or a signal.
    Interrupted,
    /// The generator was the limit.
    Generator,
    /// The account does not close: a fault of ours.
    Account,
    /// A part of the run is missing: a thread or a file.
    Incomplete,
    /// Events of which it is not known whether they were sent.
    Lost,
    /// An SLO with nothing to judge it on.
    NoSamples,
    /// An SLO missed.
    Slo,
    /// Stopped by `[abort]`.
    Aborted,
    /// The backlog was large and still growing at the end.
    NoSteadyState,
    /// The generator was the limit, on a cluster that shares its process.
    GeneratorWarning,
    /// Events due and never offered.
    Unsent,
    /// Events never answered.
    Unresolved,
    /// Records that a group had not reached at the end.
    Unread,
    /// Records that the log's start passed before a group got them.
    Expired,
    /// An action that was to be rehearsed failed.
    Action,
    /// An action failed, and its failure was allowed; or it was not reached.
    ActionNote,
    /// A group of the user's whose lag could not be recorded.
    Unwatched,
}

impl Kind {
    pub(super) const ALL: [(Kind, &str, Weight); 22] = [
        (Kind::ClusterUnusable, "cluster_unusable", Weight::Cluster),
        (
            Kind::NothingAcknowledged,
            "nothing_acknowledged",
            Weight::Cluster,
        ),
        (Kind::Missing, "missing", Weight::Loss),
        (Kind::Corrupt, "corrupt", Weight::Loss),
        (Kind::Reordered, "reordered", Weight::Loss),
        (Kind::Interrupted, "interrupted", Weight::Invalid),
        (Kind::Generator, "generator", Weight::Invalid),
        (Kind::Account, "account", Weight::Invalid),
        (Kind::Incomplete, "incomplete", Weight::Invalid),
        (Kind::Lost, "lost", Weight::Invalid),
        (Kind::NoSamples, "no_samples", Weight::Invalid),
        (Kind::Slo, "slo", Weight::Missed),
        (Kind::Aborted, "aborted", Weight::Missed),
        (Kind::NoSteadyState, "no_steady_state", Weight::Inconclusive),
        (Kind::GeneratorWarning, "generator_warning", Weight::Note),
        (Kind::Unsent, "unsent", Weight::Note),
        (Kind::Unresolved, "unresolved", Weight::Note),
        (Kind::Unread, "unread", Weight::Note),
        (Kind::Expired, "expired", Weight::Note),
        (Kind::Action, "action", Weight::Invalid),
        (Kind::ActionNote, "action_note", Weight::Note),
        (Kind::Unwatched, "unwatched", Weight::Note),
    ];

    fn entry(self) -> (Kind, &'static str, Weight) {
        Kind::ALL
            .into_iter()
            .find(|(kind, ..)| *kind == self)
            .expect("every kind has its line")
    }

    /// Its name in `run.json`.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// How much it weighs.
    pub fn weight(self) -> Weight {
        self.entry().2
    }

    /// The kind of this name; `None` for one of a later version.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL
            .into_iter()
            .find(|(_, n, _)| *n == name)
            .map(|(kind, ..)| kind)
    }
}
