//! The question before load, or deletion, reaches a cluster that is not on this machine.

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};

/// What a run would do to a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// The address as typed: `host:port,...`.
    pub bootstrap: String,
    /// How many brokers it has.
    pub brokers: usize,
    /// Events a second at the highest instant; `None`: as fast as it goes.
    pub peak_per_s: Option<f64>,
    /// Bytes a second at the highest instant, keys and headers included.
    pub peak_bytes_per_s: Option<f64>,
    /// Bytes that all records of the run come to, before replication; `None` when unknown.
    pub bytes: Option<f64>,
    /// How many replicas keep them.
    pub replication: u16,
}

impl Offer {
    fn text(&self) -> String {
        let cluster = match self.brokers {
            1 => "1 broker".to_owned(),
            n => format!("{n} brokers"),
        };
        let peak = match (self.peak_per_s, self.peak_bytes_per_s) {
            (Some(events), Some(bytes)) => format!(
                "offers up to {} events/s ({})",
                count(events),
                size(bytes) + "/s"
            ),
            (Some(events), None) => format!("offers up to {} events/s", count(events)),
            _ => "offers as much as it takes, without a limit".to_owned(),
        };
        let kept = match self.bytes {
            Some(bytes) => format!(
                "keeps {} × {} replica(s) = {} on its disks for an hour, unless the scenario says otherwise",
                size(bytes),
                self.replication,
                size(bytes * f64::from(self.replication))
            ),
            None => {
                "keeps all of that on its disks for an hour, unless the scenario says otherwise"
                    .to_owned()
            }
        };
        let bootstrap = &self.bootstrap;
        format!("{bootstrap} ({cluster}) is not on this machine.\nThis run {peak}\nand {kept}.")
    }
}

/// What to do about an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go on without a word.
    Go,
    /// Put this question.
    Ask(String),
    /// There is nobody to ask.
    Refuse(String),
}

/// Decides on an action on a cluster. `text` says what is about to happen; `local`: the cluster is on this machine; `yes`: the
/// user has said yes beforehand; `terminal`: somebody can answer.
pub fn decide(text: &str, local: bool, yes: bool, terminal: bool) -> Decision {
    if local || yes {
        Decision::Go
    } else if terminal {
        Decision::Ask(format!("{text}\nGo on? [y/N] "))
    } else {
        Decision::Refuse(format!(
            "{text}\nThere is no terminal to ask at: pass --yes to go on."
        ))
    }
}

/// Nothing was done, because nobody agreed to it: a matter of usage (exit code 2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Declined(pub String);

/// Asks before a run offers load to a cluster that is not on this machine. `hosts`: those of the bootstrap list and of all brokers,
/// for a bootstrap on this machine may be a tunnel's end.
///
/// # Errors
/// The answer was no, or there was nobody to ask.
pub fn confirm(offer: &Offer, hosts: &[String], yes: bool) -> Result<(), Declined> {
    let own = own_addresses();
    let local = hosts.iter().all(|host| is_local(host, &own, resolve));
    ask(&offer.text(), local, yes)
}

/// Puts the question `text` unless it needs no answer.
///
/// # Errors
/// The answer was no, or there was nobody to ask.
pub fn ask(text: &str, local: bool, yes: bool) -> Result<(), Declined> {
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    match decide(text, local, yes, terminal) {
        Decision::Go => Ok(()),
        Decision::Refuse(text) => Err(Declined(text)),
        Decision::Ask(question) => {
            eprint!("{question}");
            // Standard error is not buffered; a failure to flush would show as a missing question.
            let _ = std::io::stderr().flush();
            let mut answer = String::new();
            let read = std::io::stdin().read_line(&mut answer);
            if read.is_ok() && is_yes(&answer) {
                Ok(())
            } else {
                Err(Declined("nothing was done: the answer was not yes".into()))
            }
        }
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// The hosts of a bootstrap list.
pub fn hosts_of(bootstrap: &str) -> Vec<String> {
    bootstrap
        .split(',')
        .map(|entry| {
            let entry = entry.trim();
            let entry = entry.split_once("://").map_or(entry, |(_, rest)| rest);
            match entry
                .strip_prefix('[')
                .and_then(|rest| rest.split_once(']'))
            {
                Some((v6, _)) => v6.to_owned(),
                // More than one colon and no brackets: an IPv6 address without a port.
                None if entry.matches(':').count() > 1 => entry.to_owned(),
                None => entry.split(':').next().unwrap_or("").to_owned(),
            }
        })
        .filter(|host| !host.is_empty())
        .collect()
}

/// Whether a host is this machine: every address it stands for is one of ours. A host that stands for none is not.
pub fn is_local(host: &str, own: &HashSet<IpAddr>, resolve: impl Fn(&str) -> Vec<IpAddr>) -> bool {
    let ours = |ip: &IpAddr| {
        let ip = ip.to_canonical();
        ip.is_loopback() || ip.is_unspecified() || own.contains(&ip)
    };
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    match host.parse::<IpAddr>() {
        Ok(ip) => ours(&ip),
        Err(_) => {
            let addresses = resolve(host);
            !addresses.is_empty() && addresses.iter().all(ours)
        }
    }
}

fn resolve(host: &str) -> Vec<IpAddr> {
    match (host, 0).to_socket_addrs() {
        Ok(addresses) => addresses.map(|address| address.ip()).collect(),
        Err(_) => Vec::new(),
    }
}

/// The addresses of this machine's network interfaces.
fn own_addresses() -> HashSet<IpAddr> {
    let mut own = HashSet::new();
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the pointer is ours to fill; what comes back is a list that lives until it is freed, once, and whose addresses are
    // of the kind their family says.
    unsafe {
        if libc::getifaddrs(&mut first) != 0 {
            return own;
        }
        let mut next = first;
        while let Some(interface) = next.as_ref() {
            if let Some(address) = interface.ifa_addr.as_ref() {
                match i32::from(address.sa_family) {
                    libc::AF_INET => {
                        let v4 = &*interface.ifa_addr.cast::<libc::sockaddr_in>();
                        own.insert(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into());
                    }
                    libc::AF_INET6 => {
                        let v6 = &*interface.ifa_addr.cast::<libc::sockaddr_in6>();
                        own.insert(Ipv6Addr::from(v6.sin6_addr.s6_addr).into());
                    }
                    _ => {}
                }
            }
            next = interface.ifa_next;
        }
        libc::freeifaddrs(first);
    }
    own
}

/// A count as people read it: `1,234,568`.
fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size as people read it: `1.5 GB`.
fn size(bytes: f64) -> String {
    let units = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes / unit),
        None => format!("{bytes:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> Offer {
        Offer {
            bootstrap: "kafka.example:9092".into(),
            brokers: 6,
            peak_per_s: Some(48_600.0),
            peak_bytes_per_s: Some(24.9e6),
            bytes: Some(5.7e9),
            replication: 3,
        }
    }

    #[test]
    fn the_text_tells_what_the_cluster_is_in_for() {
        let text = offer().text();
        for part in [
            "kafka.example:9092 (6 brokers)",
            "48,600 events/s (24.9 MB/s)",
            "5.7 GB × 3 replica(s) = 17.1 GB",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let unthrottled = Offer {
            peak_per_s: None,
            peak_bytes_per_s: None,
            bytes: None,
            brokers: 1,
            ..offer()
        };
        let text = unthrottled.text();
        assert!(
            text.contains("without a limit") && text.contains("1 broker)"),
            "{text}"
        );
    }

    #[test]
    fn only_a_foreign_cluster_without_yes_is_asked_about() {
        for terminal in [true, false] {
            assert_eq!(decide("t", true, false, terminal), Decision::Go);
            assert_eq!(decide("t", false, true, terminal), Decision::Go);
        }
        let Decision::Ask(question) = decide("what", false, false, true) else {
            panic!("it is a question");
        };
        assert!(question.starts_with("what\n") && question.ends_with("[y/N] "));
        let Decision::Refuse(text) = decide("what", false, false, false) else {
            panic!("there is nobody to ask");
        };
        assert!(text.contains("--yes"));
        // Nothing but a clear yes is one.
        assert!(is_yes("y\n") && is_yes(" YES \n"));
        assert!(!is_yes("\n") && !is_yes("yeah?") && !is_yes(""));
    }

    #[test]
    fn hosts_are_told_from_ports() {
        assert_eq!(
            hosts_of("a:9092, b.c:1,SASL_SSL://d:2,[::1]:9092,fe80::1,e,"),
            ["a", "b.c", "d", "::1", "fe80::1", "e"]
        );
        assert!(hosts_of("").is_empty());
    }

    #[test]
    fn this_machine_is_its_loopback_its_addresses_and_names_of_those() {
        let own: HashSet<IpAddr> = [IpAddr::from([10, 0, 0, 5])].into();
        let resolve = |host: &str| -> Vec<IpAddr> {
            match host {
                "me" => vec![[10, 0, 0, 5].into()],
                "both" => vec![[127, 0, 0, 1].into(), [10, 0, 0, 6].into()],
                _ => vec![],
            }
        };
        for host in [
            "localhost",
            "127.0.0.1",
            "127.1.2.3",
            "::1",
            "::ffff:127.0.0.1",
            "10.0.0.5",
            "me",
        ] {
            assert!(is_local(host, &own, resolve), "{host}");
        }
        for host in ["10.0.0.6", "both", "nowhere", "8.8.8.8"] {
            assert!(!is_local(host, &own, resolve), "{host}");
        }
        assert!(own_addresses().contains(&IpAddr::from([127, 0, 0, 1])));
    }

    #[test]
    fn a_local_cluster_goes_on_unasked() {
        assert_eq!(
            confirm(&offer(), &["localhost".into(), "127.0.0.1".into()], false),
            Ok(())
        );
        assert_eq!(confirm(&offer(), &["192.0.2.1".into()], true), Ok(()));
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0.0), "0");
        assert_eq!(count(999.6), "1,000");
        assert_eq!(count(1_234_567.0), "1,234,567");
        assert_eq!(size(999.0), "999 B");
        assert_eq!(size(1_500.0), "1.5 kB");
        assert_eq!(size(2.5e12), "2.5 TB");
    }
}
