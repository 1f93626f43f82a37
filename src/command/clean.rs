//! `highwater clean`: removes the topics and groups that runs left on a cluster.

use std::fmt::Write as _;

use anyhow::Result;

use super::confirm::{Declined, ask};
use crate::target::kafka::admin::{Admin, Deleted};
use crate::target::kafka::config::ClientOptions;

/// The fewest characters of a prefix: a slip of the finger must not delete half a cluster.
const SHORTEST: usize = 4;

/// What to remove.
#[derive(Clone, Debug)]
pub struct Clean {
    /// The cluster and how to reach it; the embedded one leaves nothing behind.
    pub options: ClientOptions,
    /// Topics and groups whose names start with this.
    pub prefix: String,
    /// Delete without asking.
    pub yes: bool,
}

/// Lists the topics and groups, asks, deletes. True: nothing is left of what was asked for.
///
/// # Errors
/// [`Declined`]: the prefix is too short, or nobody agreed. [`crate::target::kafka::errors::KafkaError`]: the cluster could not be
/// used, or no cluster was named.
pub fn clean(clean: &Clean) -> Result<bool> {
    let prefix = &clean.prefix;
    check(prefix, clean.options.bootstrap())?;
    for warning in &clean.options.warnings {
        eprintln!("warning: {warning}");
    }
    let admin = Admin::connect(&clean.options.admin()?)?;
    let topics = admin.topics(prefix)?;
    let groups = admin.groups(prefix)?;
    if topics.is_empty() && groups.is_empty() {
        println!("nothing on {} starts with {prefix}", admin.bootstrap());
        return Ok(true);
    }
    print!("{}", listing(admin.bootstrap(), prefix, &topics, &groups));
    let text = format!(
        "Delete {} topic(s) with all their records, and {} group(s)?",
        topics.len(),
        groups.len()
    );
    // Deleting is asked about on any cluster, this machine's too.
    ask(&text, false, clean.yes)?;
    // Groups first: what still reads a topic would create its group's positions anew.
    let groups = admin.delete_groups(&groups)?;
    let topics = admin.delete_topics(&topics)?;
    let (text, all) = outcome(&topics, &groups);
    print!("{text}");
    Ok(all)
}

/// What cannot be right, before anybody is bothered.
fn check(prefix: &str, bootstrap: Option<&str>) -> Result<(), Declined> {
    if bootstrap.is_none() {
        return Err(Declined(
            "clean needs a cluster: name it with -b HOST:PORT (the embedded one leaves nothing behind)".into(),
        ));
    }
    if prefix.chars().count() < SHORTEST {
        return Err(Declined(format!(
            "--topic-prefix {prefix:?} is too short to delete by: use {SHORTEST} characters or more"
        )));
    }
    if prefix.starts_with("__") {
        return Err(Declined(format!(
            "--topic-prefix {prefix:?}: topics that start with __ are Kafka's own"
        )));
    }
    Ok(())
}

fn listing(bootstrap: &str, prefix: &str, topics: &[String], groups: &[String]) -> String {
    let mut text = format!("on {bootstrap}, starting with {prefix}\n");
    for (kind, names) in [("topic", topics), ("group", groups)] {
        for name in names {
            let _ = writeln!(text, "  {kind}  {name}");
        }
    }
    text
}

/// What became of it, and whether everything is gone.
fn outcome(topics: &[Deleted], groups: &[Deleted]) -> (String, bool) {
    let mut text = String::new();
    let mut all = true;
    for (kind, deleted) in [("topic", topics), ("group", groups)] {
        let gone = deleted.iter().filter(|one| one.failed.is_none()).count();
        let _ = writeln!(text, "{gone} of {} {kind}(s) deleted", deleted.len());
        for one in deleted {
            if let Some(why) = &one.failed {
                all = false;
                let _ = writeln!(text, "  {kind} {} is still there: {why}", one.name);
            }
        }
    }
    (text, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_prefixes_kafkas_own_and_no_cluster_are_refused() {
        for (prefix, bootstrap) in [
            ("", Some("a:1")),
            ("hig", Some("a:1")),
            ("__con", Some("a:1")),
            ("highwater.", None),
        ] {
            assert!(check(prefix, bootstrap).is_err(), "{prefix}");
        }
        assert_eq!(check("high", Some("a:1")), Ok(()));
    }

    #[test]
    fn what_is_there_and_what_became_of_it_is_told() {
        let text = listing(
            "a:1",
            "highwater.",
            &["highwater.x".into()],
            &["highwater.g".into()],
        );
        assert_eq!(
            text,
            "on a:1, starting with highwater.\n  topic  highwater.x\n  group  highwater.g\n"
        );
        let deleted = |name: &str, failed: Option<&str>| Deleted {
            name: name.into(),
            failed: failed.map(str::to_owned),
        };
        let (text, all) = outcome(
            &[deleted("x", None)],
            &[deleted("g", Some("it has members"))],
        );
        assert!(!all);
        assert_eq!(
            text,
            "1 of 1 topic(s) deleted\n0 of 1 group(s) deleted\n  group g is still there: it has members\n"
        );
        assert!(outcome(&[deleted("x", None)], &[]).1);
    }
}
