//! What the numbers depend on: cluster, topics, client, machine, plan, tool.

use maud::{Markup, html};

use crate::measure::run::RunFile;
use crate::measure::units;
use crate::report::words::releases;

use super::Shown;
use super::number::{bytes, count, name, number};

/// The facts: of one run in a grid, of several in a table that shows where they differ.
pub(super) fn facts(runs: &[Shown<'_>]) -> Markup {
    let known: Vec<(Shown<'_>, &RunFile)> = runs
        .iter()
        .filter_map(|run| Some((*run, run.run()?)))
        .collect();
    html! {
        @if !known.is_empty() {
            section {
                h2 { "What it was measured on" }
                @match known[..] {
                    [(run, file)] => { (grid(&run, file)) },
                    _ => { (table(&known)) }
                }
                @for (run, file) in &known { (settings(run, file)) }
            }
        }
    }
}

/// A fact's name and what it is.
type Fact = (&'static str, Markup);

/// Facts in groups.
fn all(run: &Shown<'_>, file: &RunFile) -> [(&'static str, Vec<Fact>); 3] {
    [
        ("Cluster", cluster(file)),
        ("Generator", generator(run, file)),
        ("Plan", plan(run, file)),
    ]
}

fn cluster(file: &RunFile) -> Vec<Fact> {
    let target = &file.target;
    let brokers: Vec<String> = target
        .brokers
        .iter()
        .map(|broker| format!("{} ({})", broker.address, broker.id))
        .collect();
    let brokers = match brokers.is_empty() {
        true => "none".to_owned(),
        false => brokers.join(", "),
    };
    let partitions: u32 = target.topics.values().map(|topic| topic.partitions).sum();
    let topics = format!(
        "{}, {}",
        units::counted(target.topics.len() as u64, "topics"),
        units::counted(u64::from(partitions), "partitions")
    );
    vec![
        ("kind", name(&target.kind)),
        ("bootstrap", name(&target.bootstrap.join(", "))),
        ("brokers", name(&brokers)),
        (
            "Kafka",
            match target.brokers.iter().any(|broker| broker.version.is_some()) {
                true => html! { (name(&releases(file))) ", by the protocol the brokers speak" },
                false => name(&releases(file)),
            },
        ),
        ("topics", name(&topics)),
    ]
}

fn generator(run: &Shown<'_>, file: &RunFile) -> Vec<Fact> {
    let (machine, generator) = (&file.machine, &file.generator);
    let of = |field: &'static str| ["generator", field];
    let cores = units::counted(u64::from(machine.cores), "cores");
    let used = format!("{:.2} cores", generator.cpu_cores);
    let waited = units::share(generator.run_queue_delay);
    vec![
        (
            "processor",
            html! { (name(&machine.cpu)) ", " (number(run, &["machine", "cores"], machine.cores, &cores)) },
        ),
        (
            "memory",
            bytes(run, &["machine", "memory_bytes"], machine.memory_bytes),
        ),
        ("kernel", name(&machine.kernel)),
        (
            "health",
            html! {
                (if generator.healthy { "healthy" } else { "NOT HEALTHY" }) ", "
                (number(run, &of("cpu_cores"), generator.cpu_cores, &used)) ", "
                (bytes(run, &of("rss_max_bytes"), generator.rss_max_bytes)) " at most, sending "
                (if generator.realtime { "in real time" } else { "as the scheduler allows" })
            },
        ),
        (
            "send delay",
            html! {
                "p99 "
                @match generator.send_delay_p99_us {
                    Some(us) => { (number(run, &of("send_delay_p99_us"), us, &units::time_us(us))) },
                    None => { "unknown" }
                }
                ", run-queue delay " (number(run, &of("run_queue_delay"), generator.run_queue_delay, &waited))
            },
        ),
    ]
}

fn plan(run: &Shown<'_>, file: &RunFile) -> Vec<Fact> {
    let (plan, tool) = (&file.plan, &file.tool);
    vec![
        ("plan hash", html! { code { (name(&plan.hash)) } }),
        ("set-up hash", html! { code { (name(&plan.setup_hash)) } }),
        (
            "seed",
            number(run, &["plan", "seed"], plan.seed, &plan.seed.to_string()),
        ),
        ("run id", name(&file.id)),
        (
            "tool",
            html! { (name(&tool.name)) " " (name(&tool.version)) ", librdkafka " (name(&tool.librdkafka)) },
        ),
    ]
}

fn grid(run: &Shown<'_>, file: &RunFile) -> Markup {
    html! {
        div.facts {
            @for (group, facts) in all(run, file) {
                div {
                    h3 { (group) }
                    dl { @for (label, fact) in facts { dt { (label) } dd { (fact) } } }
                }
            }
        }
    }
}

/// Facts that no two runs share.
const MEASURED: [&str; 3] = ["run id", "health", "send delay"];

fn table(known: &[(Shown<'_>, &RunFile)]) -> Markup {
    let columns: Vec<_> = known.iter().map(|(run, file)| all(run, file)).collect();
    // Compared without the run's number, which stands in the markup.
    let text = |fact: &Markup, index: usize| fact.0.replace(&format!("data-run=\"{index}\""), "");
    html! {
        div.scroll { table {
            thead { tr { th { "" } @for (run, _) in known { th { (run.chip()) (name(&run.data.name())) } } } }
            tbody {
                @for (g, (_, facts)) in columns[0].iter().enumerate() {
                    @for (f, (label, first)) in facts.iter().enumerate() {
                        @let same = columns.iter().zip(known).all(|(column, (run, _))| text(&column[g].1[f].1, run.index) == text(first, known[0].0.index));
                        tr.differs[!same && !MEASURED.contains(label)] { td.dim { (label) } @for column in &columns { td.name { (column[g].1[f].1) } } }
                    }
                }
            }
        } }
    }
}

/// Topics and client properties, folded.
fn settings(run: &Shown<'_>, file: &RunFile) -> Markup {
    html! {
        @if !file.target.topics.is_empty() {
            details {
                summary { (run.chip()) "Topics and their configuration" }
                div.scroll { table {
                    thead { tr { th { "topic" } th { "on the cluster" } th.n { "partitions" } th.n { "replicas" } th { "configuration" } } }
                    tbody { @for (key, topic) in &file.target.topics { tr {
                        td.name { (name(key)) } td.name { (name(&topic.name)) }
                        td.n { (count(run, &["target", "topics", key, "partitions"], u64::from(topic.partitions))) }
                        td.n { @match topic.replication { Some(n) => { (n) }, None => { "-" } } }
                        td { (properties(topic.config.iter())) }
                    } } }
                } }
            }
        }
        details {
            summary { (run.chip()) "Client properties that were set (" (file.target.client.len()) "); librdkafka's defaults hold for the rest, secrets are masked" }
            p { (properties(file.target.client.iter())) }
        }
    }
}

fn properties<'a>(all: impl Iterator<Item = (&'a String, &'a String)>) -> Markup {
    html! {
        @for (i, (key, value)) in all.enumerate() {
            @if i > 0 { " · " }
            code { (name(key)) "=" (name(value)) }
        }
    }
}
