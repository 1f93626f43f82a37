//! A calibration on the terminal. Pure.

use crate::measure::calibration::{Calibration, SendDelay};
use crate::measure::units;

use super::table::{Align, Table, wrap};
use super::term::Paint;

/// Nothing is wider.
const WIDTH: usize = 98;

/// The text, with a line's end at its end.
pub fn text(calibration: &Calibration, paint: Paint) -> String {
    let time = |us: Option<u64>| us.map_or("-".to_owned(), units::time_us);
    let machine = &calibration.machine;
    let mut lines = vec![
        paint.bold(format!(
            "{}, {}, {}",
            machine.cpu,
            units::counted(u64::from(machine.cores), "cores"),
            machine.kernel
        )),
        String::new(),
    ];
    let mut ceiling = Table::new(&[Align::Left, Align::Right]);
    ceiling.head(["ceiling, without a cluster", "events/s"]);
    let all = units::counted(u64::from(calibration.producers), "producers");
    ceiling.row(vec![
        "1 producer".into(),
        units::short(calibration.one_producer_per_s).into(),
    ]);
    ceiling.row(vec![
        all.into(),
        units::short(calibration.all_producers_per_s).into(),
    ]);
    lines.extend(ceiling.lines(paint));
    lines.push(String::new());
    let mut late = Table::new(&[
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Right,
    ]);
    late.head(["how late", "p50", "p99", "p99.9", "max"]);
    for delay in &calibration.send_delays {
        let SendDelay {
            p50_us,
            p99_us,
            p999_us,
            max_us,
            ..
        } = *delay;
        let mut row = vec![format!("send delay at {}", units::rate(delay.rate_per_s)).into()];
        row.extend([p50_us, p99_us, p999_us, max_us].map(|us| time(us).into()));
        late.row(row);
    }
    let timer = &calibration.timer;
    late.row(vec![
        "a sleep of 1 ms".into(),
        time(timer.p50_us).into(),
        time(timer.p99_us).into(),
        "".into(),
        time(timer.max_us).into(),
    ]);
    lines.extend(late.lines(paint));
    lines.push(String::new());
    lines.push(format!(
        "waiting for a core: {} of the time",
        units::share(calibration.run_queue_delay)
    ));
    if !calibration.limits.is_empty() {
        let names: Vec<String> = calibration
            .limits
            .iter()
            .map(|limit| limit.name().replace('_', " "))
            .collect();
        let text = format!(
            "held up meanwhile by: {}. The figures are those of a machine that was not left alone; calibrate again when it is",
            names.join(", ")
        );
        lines.extend(wrap(&text, WIDTH).iter().map(|line| paint.yellow(line)));
    }
    lines.extend(wrap(
        &format!(
            "Events of {} B, made {}. Scenarios whose events are templates cost more: see `highwater run SCENARIO --target null`.",
            calibration.event_bytes, calibration.made
        ),
        WIDTH,
    ));
    lines.join("\n") + "\n"
}
