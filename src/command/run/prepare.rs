//! Everything before the load: the scenario read, the cluster reached, the topics ready. Whatever is wrong is told here, and nothing
//! was sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;

use super::interrupts::Interrupts;
use super::order::{Destination, Order};
use crate::cli::TargetKind;
use crate::clock::{Clock, Monotonic, wall_now};
use crate::command::confirm::{self, Offer};
use crate::command::exit::Usage;
use crate::measure::calibration::{Calibration, Cited};
use crate::measure::run::{Broker, Target as TargetInfo, TopicInfo};
use crate::measure::units;
use crate::report::progress::{Progress, Stage};
use crate::scenario::{Arrivals, Deed, Flow, Metric, Scenario, Subject};
use crate::schedule::FlowSchedule;
use crate::target::Target;
use crate::target::kafka::admin::Admin;
use crate::target::kafka::config::ClientOptions;
use crate::target::kafka::embedded::Embedded;
use crate::target::kafka::release::releases;
use crate::target::kafka::system::{KafkaTarget, consumer_settings, producer_settings};
use crate::target::kafka::topics::{Fullest, Ready, Wanted};
use crate::target::null::NullTarget;
use crate::traffic::{Renderer, Traffic};

/// A run about to begin.
pub(in crate::command) struct Prepared {
    pub(in crate::command) scenario: Arc<Scenario>,
    pub(in crate::command) traffic: Arc<Traffic>,
    pub(in crate::command) schedules: Vec<Arc<FlowSchedule>>,
    pub(in crate::command) run_id: String,
    pub(in crate::command) run_tag: u64,
    /// Whether threads may be scheduled in real time.
    pub(in crate::command) realtime: bool,
    pub(in crate::command) target: Arc<dyn Target>,
    pub(in crate::command) readable: bool,
    /// As `run.json` shows it.
    pub(in crate::command) info: TargetInfo,
    pub(in crate::command) warnings: Vec<String>,
    /// What this machine is known to generate.
    pub(in crate::command) calibration: Option<Cited>,
    cluster: Option<Cluster>,
}

/// What has to be tidied up after a run. Dropped in this order: the embedded cluster after everything that talks to it.
struct Cluster {
    admin: Arc<Admin>,
    created: Vec<String>,
    groups: Vec<String>,
    embedded: Option<Embedded>,
}

/// Checks, connects, creates topics.
pub(in crate::command) fn prepare(
    order: &Order,
    progress: &mut Progress,
    interrupts: &Interrupts,
) -> Result<Prepared> {
    let mut warnings = order.warnings.clone();
    let mut scenario = order.scenario.clone();
    if order.to.target == Some(TargetKind::Null) {
        leave_groups_out(&mut scenario, &mut warnings);
    }
    if !is_elsewhere(order) && !scenario.watched.is_empty() {
        let names = std::mem::take(&mut scenario.watched).join(", ");
        warnings.push(format!(
            "[watch]: there are no groups of yours without a cluster of yours; left out ({names})"
        ));
    }
    let scenario = Arc::new(scenario);
    let run_id = match &order.run_id {
        Some(id) => id.clone(),
        None => made_up_id(),
    };
    let run_tag = tag_of(&run_id);
    let traffic = Arc::new(Traffic::compile(&scenario, run_tag)?);
    let schedules: Vec<Arc<FlowSchedule>> = (0..scenario.flows.len())
        .map(|flow| Arc::new(FlowSchedule::compile(&scenario, flow)))
        .collect();
    heed_max_rate(&order.to, &scenario, &schedules)?;
    let calibration = Calibration::stored();
    warnings.extend(heed_ceiling(calibration.as_ref(), &scenario, &schedules));
    let draft = Draft {
        to: &order.to,
        scenario: &scenario,
        traffic: &traffic,
        schedules: &schedules,
        run_id: &run_id,
        interrupts,
    };
    let reached = draft.reach(progress, &mut warnings)?;
    Ok(Prepared {
        traffic,
        run_id,
        run_tag,
        realtime: order.to.realtime,
        target: reached.target,
        readable: reached.readable,
        info: reached.info,
        warnings,
        calibration: calibration.map(|found| found.cited(producers(&scenario))),
        cluster: reached.cluster,
        schedules,
        scenario,
    })
}

impl Prepared {
    /// Ends the clients, and deletes what the run created if that was asked for.
    pub(in crate::command) fn leave(self, delete_topics: bool) {
        let Prepared {
            target, cluster, ..
        } = self;
        drop(target);
        let Some(cluster) = cluster else {
            return;
        };
        // The embedded cluster goes with everything in it, and knows no requests to delete.
        if cluster.embedded.is_some() {
            return;
        }
        // A group is of no use without its run. One that is still emptying is left for `clean`.
        let groups_deleted = cluster.admin.delete_groups(&cluster.groups).is_ok();
        if delete_topics && let Err(error) = cluster.admin.delete_topics(&cluster.created) {
            eprintln!("warning: {error}");
        }
        if !groups_deleted {
            // librdkafka 2.12 aborts the process when a client goes while such a request is open. This process ends anyway.
            std::mem::forget(cluster.admin);
        }
    }
}

/// Whether the load goes to a cluster of the user's.
fn is_elsewhere(order: &Order) -> bool {
    order.to.target.is_none() && order.to.options.bootstrap().is_some()
}

/// Without a cluster there is nothing to read back.
fn leave_groups_out(scenario: &mut Scenario, warnings: &mut Vec<String>) {
    if scenario.consumers.is_empty() {
        return;
    }
    let names: Vec<&str> = scenario.consumers.iter().map(|g| g.name.as_str()).collect();
    warnings.push(format!(
        "--target null has nothing to read: consumer groups and their SLOs are left out ({})",
        names.join(", ")
    ));
    scenario.consumers.clear();
    // Left in the list, since others may follow them: they end as they begin.
    for action in &mut scenario.actions {
        if let Deed::Pause(_) = action.deed {
            warnings.push(format!(
                "--target null: the action {} pauses nothing",
                action.name
            ));
        }
    }
    scenario.slos.retain(|slo| {
        let of_group = matches!(slo.subject, Some(Subject::Consume(_)));
        !of_group
            && !matches!(
                slo.metric,
                Metric::EndToEnd
                    | Metric::LagRecords
                    | Metric::LagTime
                    | Metric::Missing
                    | Metric::Corrupt
                    | Metric::Duplicated
                    | Metric::Reordered
            )
    });
}

/// Unique enough for one person's runs, and short enough to read: the time, and a few letters of the monotonic clock and process.
pub(in crate::command) fn made_up_id() -> String {
    let salt =
        blake3::hash(format!("{} {}", Monotonic.now().as_ns(), std::process::id()).as_bytes());
    let at = wall_now().strftime("%Y%m%dT%H%M%SZ").to_string();
    format!("{at}-{}", &salt.to_hex()[..6])
}

/// What the stamps carry of the run's id.
pub(in crate::command) fn tag_of(run_id: &str) -> u64 {
    let hash = blake3::hash(run_id.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// `--max-rate`: refuse to offer more than this at any instant.
fn heed_max_rate(
    to: &Destination,
    scenario: &Scenario,
    schedules: &[Arc<FlowSchedule>],
) -> Result<()> {
    let Some(limit) = to.max_rate else {
        return Ok(());
    };
    let limit = limit.as_per_second();
    if let Some(flow) = unlimited(scenario) {
        let what = match flow.arrivals {
            Arrivals::Closed { .. } => "has closed users, whose rate is what the cluster makes it",
            _ => "is unthrottled, so nothing limits its rate",
        };
        let text = format!(
            "--max-rate {}: flow {} {what}; give it a mean or leave --max-rate out",
            units::rate(limit),
            flow.name
        );
        return Err(Usage(text).into());
    }
    let peak = peak_per_s(schedules);
    if peak <= limit {
        return Ok(());
    }
    Err(Usage(format!(
        "--max-rate {}: the scenario offers up to {} (all flows together); lower it with --scale {:.3}, or raise --max-rate",
        units::rate(limit),
        units::rate(peak),
        limit / peak
    ))
    .into())
}

/// The share of its ceiling from which on a machine is doubted: half of it is gone when templates and a network are added.
const DOUBTFUL: f64 = 0.5;

/// Warns of a scenario that asks for much of what this machine can generate.
fn heed_ceiling(
    calibration: Option<&Calibration>,
    scenario: &Scenario,
    schedules: &[Arc<FlowSchedule>],
) -> Option<String> {
    let calibration = calibration?;
    let ceiling = calibration.ceiling_per_s(producers(scenario));
    let peak = peak_per_s(schedules);
    (peak > ceiling * DOUBTFUL).then(|| {
        format!(
            "the scenario offers up to {}, and this machine generates at most {} with as many producers and no cluster (calibrated {}): \
             above half of that it may be the limit itself; give the flows more producers, or use a larger machine",
            units::rate(peak),
            units::rate(ceiling),
            calibration.made
        )
    })
}

/// How many clients produce.
fn producers(scenario: &Scenario) -> u32 {
    scenario.flows.iter().map(|flow| flow.producers).sum()
}

/// The first flow whose rate no schedule limits.
fn unlimited(scenario: &Scenario) -> Option<&Flow> {
    let mut flows = scenario.flows.iter();
    flows.find(|flow| !flow.arrivals.has_due())
}

/// The highest rate of all flows together, in events per second.
fn peak_per_s(schedules: &[Arc<FlowSchedule>]) -> f64 {
    super::assemble::curve(schedules)
        .iter()
        .map(|(_, rate)| *rate)
        .fold(0.0, f64::max)
}

/// What is known before the cluster is reached.
struct Draft<'a> {
    to: &'a Destination,
    scenario: &'a Arc<Scenario>,
    traffic: &'a Arc<Traffic>,
    schedules: &'a [Arc<FlowSchedule>],
    run_id: &'a str,
    interrupts: &'a Interrupts,
}

/// A target that is ready.
struct Reached {
    target: Arc<dyn Target>,
    readable: bool,
    info: TargetInfo,
    cluster: Option<Cluster>,
}

impl Draft<'_> {
    fn reach(&self, progress: &mut Progress, warnings: &mut Vec<String>) -> Result<Reached> {
        let mut options = self.to.options.clone();
        match self.to.target {
            Some(TargetKind::Null) => {
                // There is no client, but what a scenario may not hold it may not hold here either.
                self.check_settings(&options, warnings)?;
                Ok(Reached {
                    target: Arc::new(NullTarget),
                    readable: false,
                    info: self.info("null", &[], &Ready::default(), BTreeMap::new()),
                    cluster: None,
                })
            }
            Some(TargetKind::Embedded) => self.reach_embedded(&mut options, warnings),
            None if options.bootstrap().is_none() => self.reach_embedded(&mut options, warnings),
            None => self.reach_cluster(&options, progress, warnings),
        }
    }

    fn reach_embedded(
        &self,
        options: &mut ClientOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Reached> {
        let embedded = Embedded::start()?;
        options.use_embedded(&embedded.bootstrap());
        let client = self.check_settings(options, warnings)?;
        let wanted = self.wanted();
        let ready = embedded.create_topics(&wanted)?;
        let admin = Arc::new(Admin::connect(&options.admin()?)?);
        let info = self.info("embedded", &admin.cluster().brokers, &ready, client);
        Ok(self.reached(options, admin, info, Vec::new(), Some(embedded)))
    }

    fn reach_cluster(
        &self,
        options: &ClientOptions,
        progress: &mut Progress,
        warnings: &mut Vec<String>,
    ) -> Result<Reached> {
        let client = self.check_settings(options, warnings)?;
        let to = options.bootstrap().unwrap_or_default().to_owned();
        progress.show(Monotonic.now(), Stage::Connecting { to });
        let admin = Arc::new(Admin::connect(&options.admin()?)?);
        self.confirm(&admin)?;
        let wanted = self.wanted();
        let count = wanted.len();
        progress.show(Monotonic.now(), Stage::Topics { count });
        self.interrupts.commit();
        // Beside the topics, so that nothing waits for it.
        let (ready, releases) = std::thread::scope(|scope| {
            let asked = scope.spawn(|| releases(options, admin.cluster()));
            let ready = admin.prepare_topics(&wanted, self.to.allow_existing);
            (ready, asked.join().unwrap_or_default())
        });
        let ready = ready?;
        warnings.extend(ready.warnings.iter().cloned());
        warnings.extend(self.unknown_groups(&admin)?);
        let mut info = self.info("kafka", &admin.cluster().brokers, &ready, client);
        for broker in &mut info.brokers {
            broker.version = releases
                .get(&broker.id)
                .map(|release| (*release).to_owned());
        }
        Ok(self.reached(options, admin, info, ready.created, None))
    }

    /// Groups to watch that are not there yet.
    fn unknown_groups(&self, admin: &Admin) -> Result<Vec<String>> {
        let mut warnings = Vec::new();
        for group in &self.scenario.watched {
            if !admin.groups(group)?.contains(group) {
                warnings.push(format!(
                    "[watch]: there is no group {group} on this cluster; its lag is recorded from when there is"
                ));
            }
        }
        Ok(warnings)
    }

    fn reached(
        &self,
        options: &ClientOptions,
        admin: Arc<Admin>,
        info: TargetInfo,
        created: Vec<String>,
        embedded: Option<Embedded>,
    ) -> Reached {
        let names = self.names();
        let group_prefix = format!("{}{}.", self.to.topic_prefix, self.run_id);
        let target = KafkaTarget::new(
            Arc::clone(self.scenario),
            options.clone(),
            Arc::clone(&admin),
            names,
            group_prefix,
        );
        let groups = (0..self.scenario.consumers.len())
            .map(|group| target.group_name(group))
            .collect();
        Reached {
            target: Arc::new(target),
            readable: true,
            info,
            cluster: Some(Cluster {
                admin,
                created,
                groups,
                embedded,
            }),
        }
    }

    /// Every client's settings, so that what is wrong with them is told before anything is created. Returns what the report shows.
    fn check_settings(
        &self,
        options: &ClientOptions,
        warnings: &mut Vec<String>,
    ) -> Result<BTreeMap<String, String>> {
        warnings.extend(options.warnings.iter().cloned());
        let mut shown = BTreeMap::new();
        for flow in 0..self.scenario.flows.len() {
            let settings = producer_settings(options, self.scenario, flow)?;
            warnings.extend(settings.warnings.iter().cloned());
            if flow == 0 {
                shown = settings.redacted();
            }
        }
        for group in 0..self.scenario.consumers.len() {
            let settings = consumer_settings(options, self.scenario, group, "check")?;
            warnings.extend(settings.warnings.iter().cloned());
        }
        warnings.dedup();
        Ok(shown)
    }

    fn names(&self) -> Vec<String> {
        let prefix = &self.to.topic_prefix;
        let topics = self.scenario.topics.iter();
        topics
            .map(|topic| format!("{prefix}{}", topic.name))
            .collect()
    }

    fn wanted(&self) -> Vec<Wanted> {
        let names = self.names();
        let fullest = self.fullest();
        let topics = self.scenario.topics.iter().zip(names).zip(fullest);
        topics
            .map(|((topic, name), fullest)| Wanted {
                name,
                partitions: topic.partitions,
                replication: topic.replication,
                config: topic.config.clone(),
                fullest,
            })
            .collect()
    }

    /// Per topic, an upper bound of what one partition receives: all of the topic, since one key may take it all.
    fn fullest(&self) -> Vec<Option<Fullest>> {
        let mut renderer = Renderer::new(Arc::clone(self.traffic));
        let mut topics = vec![Some((0.0, 0.0)); self.scenario.topics.len()];
        for (flow, schedule) in self.scenario.flows.iter().zip(self.schedules) {
            for (event, _) in &flow.mix {
                let sum = &mut topics[self.scenario.events[*event].topic];
                if !flow.arrivals.has_due() {
                    *sum = None;
                }
                if let Some((records, bytes)) = sum {
                    let count = schedule.event_curve(*event).total();
                    *records += count;
                    *bytes += count * renderer.mean_bytes(*event);
                }
            }
        }
        // A tenth more than the mean: Poisson totals and varying sizes.
        let bound = |(records, bytes): (f64, f64)| Fullest {
            records: (records * 1.1).ceil() as u64 + 1000,
            bytes: (bytes * 1.1).ceil() as u64 + 1_000_000,
        };
        topics.into_iter().map(|topic| topic.map(bound)).collect()
    }

    /// The safety question for a cluster that is not on this machine.
    fn confirm(&self, admin: &Admin) -> Result<()> {
        let brokers = &admin.cluster().brokers;
        let mut hosts: Vec<String> = brokers.iter().map(|broker| broker.host.clone()).collect();
        hosts.extend(admin.bootstrap().split(',').filter_map(|address| {
            let host = address.trim().rsplit_once(':')?.0;
            Some(host.trim_matches(['[', ']']).to_owned())
        }));
        let bytes: Option<u64> = self.fullest().iter().map(|f| f.map(|f| f.bytes)).sum();
        let records: Option<u64> = self.fullest().iter().map(|f| f.map(|f| f.records)).sum();
        let peak = unlimited(self.scenario)
            .is_none()
            .then(|| peak_per_s(self.schedules));
        let mean_bytes = bytes.zip(records).map(|(b, r)| b as f64 / r.max(1) as f64);
        let offer = Offer {
            bootstrap: admin.bootstrap().to_owned(),
            brokers: brokers.len(),
            peak_per_s: peak,
            peak_bytes_per_s: peak.zip(mean_bytes).map(|(peak, mean)| peak * mean),
            bytes: bytes.map(|bytes| bytes as f64),
            replication: self
                .scenario
                .topics
                .iter()
                .filter_map(|topic| topic.replication)
                .max()
                .unwrap_or(1),
        };
        confirm::confirm(&offer, &hosts, self.to.yes)?;
        Ok(())
    }

    fn info(
        &self,
        kind: &str,
        brokers: &[crate::target::kafka::admin::Broker],
        ready: &Ready,
        client: BTreeMap<String, String>,
    ) -> TargetInfo {
        let address = |b: &crate::target::kafka::admin::Broker| format!("{}:{}", b.host, b.port);
        let bootstrap = match (self.to.options.bootstrap(), kind) {
            (Some(given), "kafka") => given.split(',').map(|a| a.trim().to_owned()).collect(),
            _ => brokers.iter().map(address).collect(),
        };
        let topics = self.scenario.topics.iter().zip(self.names()).enumerate();
        TargetInfo {
            kind: kind.to_owned(),
            bootstrap,
            brokers: brokers
                .iter()
                .map(|broker| Broker {
                    id: broker.id,
                    address: address(broker),
                    version: None,
                })
                .collect(),
            topics: topics
                .map(|(index, (topic, name))| {
                    let info = TopicInfo {
                        name,
                        partitions: topic.partitions,
                        replication: ready.replication.get(index).copied(),
                        config: topic.config.iter().cloned().collect(),
                    };
                    (topic.key.clone(), info)
                })
                .collect(),
            client,
        }
    }
}
