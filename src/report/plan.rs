//! A plan as text for one screen.

use super::chart;
use super::table::{Align, Cell, Table, Tone, wrap};
use super::term::{Paint, inert};
use crate::drive::plan::{FlowPlan, Load, Plan, Sample, TopicPlan};
use crate::measure::units;

/// Columns of the curve.
const WIDTH: usize = 76;
/// Lines of the curve.
const HEIGHT: usize = 6;
/// Characters of a sample's value that are shown.
const SHOWN: usize = 300;

/// Columns of what an action does.
const DOES: usize = 56;

/// What stands under the topics.
const TOPICS: &str = "hottest: its load ÷ the mean of all partitions; lz4, zstd: batches of 128 KiB; disk: all replicas";

/// The whole plan.
pub fn text(plan: &Plan, paint: Paint) -> String {
    let mut lines = head(plan, paint);
    lines.push(String::new());
    lines.extend(curve(plan, paint));
    for (table, legend) in [
        (flows(plan), ""),
        (journeys(plan), ""),
        (topics(plan), TOPICS),
        (events(plan), ""),
        (groups(plan), ""),
        (actions(plan), ""),
    ] {
        let Some(table) = table else {
            continue;
        };
        lines.push(String::new());
        lines.extend(table.lines(paint));
        if !legend.is_empty() {
            lines.push(paint.dim(legend));
        }
    }
    lines.extend(samples(&plan.samples, paint));
    if !plan.doubts.is_empty() {
        lines.push(String::new());
        lines.extend(
            plan.doubts
                .iter()
                .map(|doubt| format!("{} {}", paint.yellow("doubtful:"), inert(doubt))),
        );
    }
    lines.join("\n") + "\n"
}

fn head(plan: &Plan, paint: Paint) -> Vec<String> {
    let mut lines = vec![paint.bold(inert(&plan.scenario))];
    if !plan.why.is_empty() {
        lines.push(inert(&plan.why).into_owned());
    }
    let warmup = match plan.warmup_us {
        0 => String::new(),
        us => format!(", {} of it warm-up", units::time_us(us)),
    };
    let speed = match plan.compress {
        1.0 => String::new(),
        times => format!(", {times} times as fast"),
    };
    lines.push(format!(
        "runs for {}{warmup}{speed}",
        units::time_us(plan.run_us)
    ));
    lines.push(format!(
        "the clock from {} to {}",
        plan.clock[0], plan.clock[1]
    ));
    lines.push(format!(
        "offers {} events, {} ({} before compression)",
        units::short(plan.load.events),
        units::bytes(plan.load.bytes as u64),
        bytes_rate(plan.load.mean_bytes_per_s)
    ));
    lines.push(paint.dim(format!("plan {} · seed {}", plan.hash, plan.seed)));
    lines
}

fn bytes_rate(per_s: f64) -> String {
    format!("{}/s", units::bytes(per_s.round() as u64))
}

/// The curve, with its top on the left and the times below.
fn curve(plan: &Plan, paint: Paint) -> Vec<String> {
    if plan.load.events == 0.0 {
        return vec!["nothing is due: how much is sent depends on the cluster".to_owned()];
    }
    let top = units::rate(plan.load.peak_per_s);
    let margin = top.chars().count().max(4);
    let drawn = chart::columns(&plan.curve, WIDTH, HEIGHT);
    let mut lines: Vec<String> = drawn
        .into_iter()
        .enumerate()
        .map(|(line, columns)| {
            let label = if line == 0 { top.as_str() } else { "" };
            format!("{label:>margin$} {}{}", paint.dim("│"), columns.trim_end())
        })
        .collect();
    let axis = "─".repeat(WIDTH);
    lines.push(format!(
        "{:>margin$} {}",
        "0",
        paint.dim(format!("└{axis}"))
    ));
    // The times of the clock alone: the day stands above.
    let clock = |at: &str| at.get(11..16).unwrap_or(at).to_owned();
    let (from, to) = (clock(&plan.clock[0]), clock(&plan.clock[1]));
    let middle = format!("{} of real time", units::time_us(plan.run_us));
    let room = WIDTH.saturating_sub(from.len() + to.len());
    lines.push(format!("{:margin$}  {from}{middle:^room$}{to}", ""));
    lines
}

/// Events, their rate and their bytes.
fn load(load: &Load) -> Vec<Cell> {
    vec![
        units::short(load.events).into(),
        units::rate(load.mean_per_s).into(),
        units::rate(load.peak_per_s).into(),
        bytes_rate(load.mean_bytes_per_s).into(),
        bytes_rate(load.peak_bytes_per_s).into(),
    ]
}

const NUMBERS: [Align; 5] = [Align::Right; 5];

fn columns(before: &[Align], after: &[Align]) -> Vec<Align> {
    [before, &NUMBERS, after].concat()
}

fn flows(plan: &Plan) -> Option<Table> {
    let mut table = Table::new(&columns(&[Align::Left], &[Align::Right, Align::Left]));
    table.head([
        "flow",
        "events",
        "mean",
        "peak",
        "mean",
        "peak",
        "no spikes",
        "arrivals",
    ]);
    for flow in &plan.flows {
        let mut row = vec![Cell::from(flow.name.as_str())];
        row.extend(match flow.planned {
            true => load(&flow.load),
            false => vec![Cell::from("-"); 5],
        });
        let ordinary = flow
            .peak_without_spikes_per_s
            .map_or("-".to_owned(), units::rate);
        row.push(Cell::from(ordinary));
        row.push(Cell::from(arrivals(flow)));
        table.row(row);
    }
    Some(table)
}

fn arrivals(flow: &FlowPlan) -> String {
    match flow.planned {
        true => flow.arrivals.to_owned(),
        false => format!("{}: nothing is due", flow.arrivals),
    }
}

fn journeys(plan: &Plan) -> Option<Table> {
    let mut table = Table::new(&[Align::Left, Align::Right, Align::Right, Align::Left]);
    table.head(["journeys of", "start", "events each", "of which"]);
    let mut any = false;
    for flow in plan.flows.iter().filter(|flow| !flow.journey.is_empty()) {
        any = true;
        let sum: f64 = flow.journey.iter().map(|(_, number)| number).sum();
        let mut mix = flow.journey.clone();
        mix.sort_by(|a, b| b.1.total_cmp(&a.1));
        let of: Vec<String> = mix
            .iter()
            .map(|(event, number)| format!("{number:.3} {event}"))
            .collect();
        // Long chains take more than a line.
        for (number, two) in of.chunks(2).enumerate() {
            let first = number == 0;
            table.row(vec![
                Cell::from(if first { flow.name.as_str() } else { "" }),
                Cell::from(match flow.starts_per_s {
                    Some(starts) if first => units::rate(starts),
                    _ => String::new(),
                }),
                Cell::from(if first {
                    format!("{sum:.2}")
                } else {
                    String::new()
                }),
                Cell::from(two.join(", ")),
            ]);
        }
    }
    any.then_some(table)
}

fn topics(plan: &Plan) -> Option<Table> {
    let mut table = Table::new(&columns(&[Align::Left], &[Align::Right; 4]));
    table.head([
        "topic", "events", "mean", "peak", "mean", "peak", "hottest", "lz4", "zstd", "disk",
    ]);
    for topic in &plan.topics {
        let mut row = vec![Cell::from(topic.name.as_str())];
        row.extend(load(&topic.load));
        row.push(hottest(topic));
        let times = |ratio: Option<f64>| {
            Cell::from(ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.1}x")))
        };
        row.push(times(topic.compression.map(|c| c.lz4)));
        row.push(times(topic.compression.map(|c| c.zstd)));
        let copies = topic.replication.unwrap_or(1);
        row.push(units::bytes((topic.disk_bytes * f64::from(copies)) as u64).into());
        table.row(row);
    }
    Some(table)
}

fn hottest(topic: &TopicPlan) -> Cell {
    let Some(hottest) = topic.hottest else {
        return Cell::from("-");
    };
    let text = format!("{hottest:.2} of {}", topic.partitions);
    Cell::toned(
        text,
        if hottest >= 2.0 {
            Tone::Bad
        } else {
            Tone::Plain
        },
    )
}

fn events(plan: &Plan) -> Option<Table> {
    let mut table = Table::new(&columns(&[Align::Left, Align::Left], &[Align::Right]));
    table.head([
        "event", "topic", "events", "mean", "peak", "mean", "peak", "value",
    ]);
    for event in &plan.events {
        let mut row = vec![
            Cell::from(event.name.as_str()),
            Cell::from(event.topic.as_str()),
        ];
        row.extend(load(&event.load));
        row.push(units::bytes(event.value_bytes.round() as u64).into());
        table.row(row);
    }
    Some(table)
}

fn groups(plan: &Plan) -> Option<Table> {
    let mut table = Table::new(&[
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Right,
    ]);
    table.head([
        "group",
        "members",
        "peak",
        "limit",
        "load ÷ limit",
        "its hottest member's",
    ]);
    for group in &plan.groups {
        table.row(vec![
            Cell::from(group.name.as_str()),
            Cell::from(group.members.to_string()),
            units::rate(group.peak_per_s).into(),
            Cell::from(group.limit_per_s.map_or("none".to_owned(), units::rate)),
            of_limit(group.load),
            of_limit(group.hottest_member_load),
        ]);
    }
    (!plan.groups.is_empty()).then_some(table)
}

fn actions(plan: &Plan) -> Option<Table> {
    let mut table = Table::new(&[Align::Left, Align::Left, Align::Left]);
    table.head(["action", "begins", "what it does"]);
    for action in &plan.actions {
        let at = units::time_us(action.at_us);
        let begins = match &action.after {
            Some(earlier) => format!("{at} after {earlier}"),
            None => format!("at {at}"),
        };
        // A long command takes more than a line.
        for (number, line) in wrap(&action.does, DOES).into_iter().enumerate() {
            let first = |text: &str| Cell::from(if number == 0 { text } else { "" });
            table.row(vec![first(&action.name), first(&begins), Cell::from(line)]);
        }
    }
    (!plan.actions.is_empty()).then_some(table)
}

fn of_limit(load: Option<f64>) -> Cell {
    match load {
        None => Cell::from("-"),
        Some(load) => Cell::toned(
            units::share(load),
            if load > 1.0 { Tone::Bad } else { Tone::Plain },
        ),
    }
}

/// One event of each kind, its beginning.
fn samples(samples: &[Sample], paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for sample in samples {
        lines.push(String::new());
        let key = sample
            .key
            .as_deref()
            .map_or("no key".to_owned(), |key| format!("key {key}"));
        lines.push(paint.dim(inert(&format!(
            "{} to {}, {key}",
            sample.event, sample.topic
        ))));
        let value = sample.value.as_deref().unwrap_or("(a tombstone: no value)");
        let mut shown: String = value.chars().take(SHOWN).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        lines.push(inert(&shown).into_owned());
    }
    lines
}
