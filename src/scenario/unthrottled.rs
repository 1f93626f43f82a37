//! A scenario's events without its schedule: as many as the cluster takes.

use std::time::Duration;

use super::{Abort, Arrivals, Defects, Flow, Metric, Scenario, Slo};

/// Connections are made and queues are filled by then.
const WARMUP: Duration = Duration::from_secs(1);

impl Scenario {
    /// The same events to the same topics through the same clients, each flow as fast as it can, for `lasts` and a second of
    /// warm-up. Nobody reads, and nothing is judged but that records arrive. `None` where every flow plays journeys: their
    /// steps follow one another in time, so they have no rate of their own.
    pub fn unthrottled(&self, lasts: Duration) -> Option<Scenario> {
        let flows: Vec<Flow> = self
            .flows
            .iter()
            .filter(|flow| flow.journey.is_none())
            .map(|flow| Flow {
                arrivals: Arrivals::Unthrottled,
                height: None,
                shape: Vec::new(),
                spikes: Vec::new(),
                defects: Defects::default(),
                ..flow.clone()
            })
            .collect();
        if flows.is_empty() {
            return None;
        }
        let mut scenario = self.clone();
        let length = (lasts + WARMUP).mul_f64(self.time.compress);
        scenario.time.span = length;
        scenario.time.play = (Duration::ZERO, length);
        scenario.time.warmup = WARMUP;
        scenario.effective = effective(&self.effective, &flows, length);
        scenario.flows = flows;
        scenario.consumers.clear();
        scenario.actions.clear();
        scenario.watched.clear();
        scenario.abort = Abort::default();
        scenario.slos.retain(is_of_arrival);
        Some(scenario)
    }
}

/// Failed deliveries of all flows; limits of single flows may be of one that is gone.
fn is_of_arrival(slo: &Slo) -> bool {
    slo.metric == Metric::Failed && slo.subject.is_none()
}

/// The scenario's text, with what was changed changed in it too: it is what the run file keeps.
fn effective(text: &str, flows: &[Flow], length: Duration) -> String {
    let Ok(mut root) = text.parse::<toml::Table>() else {
        return text.to_owned();
    };
    for part in ["consume", "slo", "abort", "action", "watch"] {
        root.remove(part);
    }
    if let Some(toml::Value::Table(time)) = root.get_mut("time") {
        time.remove("play");
        let seconds = format!("{}s", length.as_secs_f64());
        time.insert("span".to_owned(), seconds.into());
        let warmup = format!("{}s", WARMUP.as_secs());
        time.insert("warmup".to_owned(), warmup.into());
    }
    if let Some(toml::Value::Table(tables)) = root.get_mut("flow") {
        tables.retain(|name, _| flows.iter().any(|flow| flow.name == *name));
        for (_, table) in tables.iter_mut() {
            if let toml::Value::Table(flow) = table {
                for word in ["mean", "peak", "total", "of", "shape", "spikes", "defects"] {
                    flow.remove(word);
                }
                flow.insert("arrivals".to_owned(), "unthrottled".into());
            }
        }
    }
    toml::to_string(&root).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{FlowJourney, Overrides, Source, load};

    fn preset(name: &str) -> Scenario {
        let source = Source::named(name).expect("a preset");
        load(&source, &Overrides::default())
            .expect("it loads")
            .scenario
    }

    #[test]
    fn the_text_is_a_scenario_that_says_the_same() {
        let fast = preset("ci-gate")
            .unthrottled(Duration::from_secs(5))
            .expect("flows of events");
        let source = Source::Text {
            name: "text".to_owned(),
            text: fast.effective.clone(),
            folder: std::path::PathBuf::new(),
        };
        let read = load(&source, &Overrides::default())
            .unwrap_or_else(|error| panic!("{error}\n{}", fast.effective))
            .scenario;
        assert_eq!(format!("{:?}", read.flows), format!("{:?}", fast.flows));
        assert_eq!(read.time.run_ns(), 6_000_000_000);
        assert_eq!(fast.time.run_ns(), 6_000_000_000);
        assert!(read.consumers.is_empty() && fast.consumers.is_empty());
        assert!(fast.flows.iter().all(|flow| !flow.arrivals.has_due()));
    }

    #[test]
    fn nothing_is_done_to_the_cluster_meanwhile() {
        let fast = preset("rolling-upgrade").unthrottled(WARMUP);
        // Where all flows play journeys there is no such phase at all.
        assert!(fast.is_none_or(|fast| fast.actions.is_empty() && fast.watched.is_empty()));
        let mut scenario = preset("ci-gate");
        scenario.actions = preset("rolling-upgrade").actions;
        assert!(!scenario.actions.is_empty());
        let fast = scenario.unthrottled(WARMUP).expect("flows of events");
        assert!(fast.actions.is_empty());
    }

    #[test]
    fn journeys_have_no_rate_of_their_own() {
        let mut scenario = preset("ci-gate");
        for flow in &mut scenario.flows {
            flow.journey = Some(FlowJourney {
                journey: 0,
                start: 0,
                visits: Vec::new(),
            });
        }
        assert!(scenario.unthrottled(WARMUP).is_none());
    }
}
