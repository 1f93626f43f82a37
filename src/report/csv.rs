//! The windows of runs as CSV: a row for each second and each part of it.
//!
//! ```text
//! run, at_us, warm, marks   the run's folder or name; when the second begins; false: warm-up; what happened, joined with `; `
//! part, name                flow, event, group, watched, topic, broker, client or generator, and which one
//! error                     of a row whose part is `error`: the target's name of it; `name` is the flow, `during_failed` how many
//! ```
//!
//! The other columns are those of `windows.jsonl` (an account's columns count what came due in the second, `during_...` what happened
//! in it), quantiles taken from its histograms. A column that means nothing for a part is empty; so is a quantile that falls among
//! events without an answer. A text that a spreadsheet would take for a formula gets a `'` before it.

use std::borrow::Cow;
use std::io::Write;

use crate::measure::client_stats::{BrokerFigures, ClientFigures};
use crate::measure::histogram::WindowHistogram;
use crate::measure::line::{
    EventLine, FlowLine, GeneratorSecond, GroupLine, ReadError, WindowLine,
};

use super::term::inert;

/// The columns.
const COLUMNS: [&str; 59] = [
    "run",
    "at_us",
    "warm",
    "marks",
    "part",
    "name",
    "error",
    "planned",
    "sent",
    "unsent",
    "lost",
    "acknowledged",
    "failed",
    "refused",
    "unresolved",
    "queue_full",
    "during_sent",
    "during_acknowledged",
    "during_failed",
    "during_records",
    "during_bytes",
    "during_again",
    "during_corrupt",
    "during_foreign",
    "response_p50_us",
    "response_p99_us",
    "response_p999_us",
    "response_max_us",
    "service_p50_us",
    "service_p99_us",
    "service_max_us",
    "send_delay_p50_us",
    "send_delay_p99_us",
    "send_delay_max_us",
    "end_to_end_p50_us",
    "end_to_end_p99_us",
    "end_to_end_max_us",
    "lag_records",
    "lag_us",
    "queued",
    "queued_bytes",
    "batches",
    "batch_bytes_mean",
    "batch_messages_mean",
    "up",
    "requests",
    "bytes_sent",
    "retries",
    "errors",
    "timeouts",
    "in_flight",
    "rtt_mean_us",
    "rtt_p99_max_us",
    "throttle_max_us",
    "cpu_cores",
    "busiest_core",
    "run_queue_delay",
    "steal",
    "rss_bytes",
];

/// Windows that can't be written.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// `windows.jsonl` can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The output refuses.
    #[error("can't write the CSV: {0}")]
    Write(#[from] csv::Error),
}

impl CsvError {
    /// Whether somebody stopped reading, which is no error of ours.
    pub fn is_broken_pipe(&self) -> bool {
        let CsvError::Write(error) = self else {
            return false;
        };
        matches!(error.kind(), csv::ErrorKind::Io(io) if io.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

/// Writes the rows of several runs below one line of headings.
pub struct Writer<W: Write> {
    out: csv::Writer<W>,
}

impl<W: Write> Writer<W> {
    /// Writes the headings.
    ///
    /// # Errors
    /// When the output refuses.
    pub fn new(out: W) -> Result<Writer<W>, CsvError> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(COLUMNS)?;
        Ok(Writer { out })
    }

    /// Writes a run's windows as they are read: a day of them need not fit in memory.
    ///
    /// # Errors
    /// When they can't be read or the output refuses.
    pub fn run(
        &mut self,
        run: &str,
        windows: impl IntoIterator<Item = Result<WindowLine, ReadError>>,
    ) -> Result<(), CsvError> {
        for line in windows {
            for row in rows(run, &line?) {
                self.out.write_record(row.0.iter().map(AsRef::as_ref))?;
            }
        }
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When the output refuses.
    pub fn finish(mut self) -> Result<(), CsvError> {
        self.out.flush().map_err(csv::Error::from)?;
        Ok(())
    }
}

/// A row under construction.
struct Row<'a>(Vec<Cow<'a, str>>);

impl<'a> Row<'a> {
    fn put(&mut self, column: &str, value: impl ToString) {
        self.text(column, Cow::Owned(value.to_string()));
    }

    fn maybe(&mut self, column: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.put(column, value);
        }
    }

    fn text(&mut self, column: &str, value: Cow<'a, str>) {
        let at = COLUMNS.iter().position(|known| *known == column);
        // Every column below is one of the list, as a test shows.
        if let Some(cell) = at.and_then(|at| self.0.get_mut(at)) {
            *cell = value;
        }
    }

    /// Quantiles and the largest, where `beyond` more events lie above every time.
    fn times(&mut self, of: &str, times: &WindowHistogram, beyond: u64) {
        let quantiles = [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)];
        for (name, q) in quantiles {
            let column = format!("{of}_{name}_us");
            if COLUMNS.contains(&column.as_str()) {
                self.maybe(&column, times.quantile_us(q, beyond));
            }
        }
    }
}

/// A text that no spreadsheet takes for a formula.
fn tame(text: &str) -> Cow<'_, str> {
    let text = inert(text);
    if text.starts_with(['=', '+', '-', '@']) {
        return Cow::Owned(format!("'{text}"));
    }
    text
}

fn rows<'a>(run: &'a str, line: &'a WindowLine) -> Vec<Row<'a>> {
    let marks = line.marks.join("; ");
    let begin = |part: &'static str, name: &'a str| {
        let mut row = Row(vec![Cow::Borrowed(""); COLUMNS.len()]);
        row.text("run", tame(run));
        row.put("at_us", line.at_us);
        row.put("warm", line.warm);
        row.put("marks", tame(&marks));
        row.text("part", Cow::Borrowed(part));
        row.text("name", tame(name));
        row
    };
    let mut rows = Vec::new();
    for (name, flow) in &line.flows {
        rows.push(with_flow(begin("flow", name), flow));
        for (error, n) in &flow.errors {
            let mut row = begin("error", name);
            row.text("error", tame(error));
            row.put("during_failed", n);
            rows.push(row);
        }
    }
    for (name, event) in &line.events {
        rows.push(with_event(begin("event", name), event));
    }
    for (name, group) in &line.consume {
        rows.push(with_group(begin("group", name), group));
    }
    for (name, group) in &line.watched {
        let mut row = begin("watched", name);
        row.put("lag_records", group.lag_records);
        row.put("lag_us", group.lag_us);
        rows.push(row);
    }
    for (name, partitions) in &line.partitions {
        let mut row = begin("topic", name);
        row.put(
            "during_records",
            partitions.iter().map(|p| p.0).sum::<u64>(),
        );
        row.put("during_bytes", partitions.iter().map(|p| p.1).sum::<u64>());
        rows.push(row);
    }
    if let Some(client) = &line.client {
        rows.push(with_client(begin("client", ""), client));
        for (name, broker) in &client.brokers {
            rows.push(with_broker(begin("broker", name), broker));
        }
    }
    if let Some(generator) = &line.generator {
        rows.push(with_generator(begin("generator", ""), generator));
    }
    rows
}

fn with_flow<'a>(mut row: Row<'a>, flow: &FlowLine) -> Row<'a> {
    row.put("planned", flow.planned);
    row.put("sent", flow.sent);
    row.put("unsent", flow.unsent);
    row.put("lost", flow.lost);
    row.put("acknowledged", flow.acknowledged);
    row.put("failed", flow.failed);
    row.put("refused", flow.refused);
    row.put("unresolved", flow.unresolved);
    row.put("queue_full", flow.queue_full);
    row.put("during_sent", flow.during.sent);
    row.put("during_acknowledged", flow.during.acknowledged);
    row.put("during_failed", flow.during.failed);
    row.put("during_bytes", flow.during.bytes);
    if let Some(times) = &flow.response {
        row.times("response", times, flow.beyond_response());
    }
    row.times("service", &flow.service, flow.beyond_service());
    if let Some(times) = &flow.send_delay {
        row.times("send_delay", times, flow.beyond_send_delay());
    }
    row
}

fn with_event<'a>(mut row: Row<'a>, event: &EventLine) -> Row<'a> {
    row.put("acknowledged", event.acknowledged);
    row.put("failed", event.failed);
    row.put("refused", event.refused);
    row.put("unresolved", event.unresolved);
    row.put("during_acknowledged", event.during.acknowledged);
    row.put("during_bytes", event.during.bytes);
    row.times("response", &event.response, event.beyond_response());
    row
}

fn with_group<'a>(mut row: Row<'a>, group: &GroupLine) -> Row<'a> {
    row.put("during_records", group.during.records);
    row.put("during_bytes", group.during.bytes);
    row.put("during_again", group.during.again);
    row.put("during_corrupt", group.during.corrupt);
    row.put("during_foreign", group.during.foreign);
    row.times("end_to_end", &group.end_to_end, 0);
    row.maybe("lag_records", group.lag_records);
    row.maybe("lag_us", group.lag_us);
    row
}

fn with_client<'a>(mut row: Row<'a>, client: &ClientFigures) -> Row<'a> {
    row.put("queued", client.queued);
    row.put("queued_bytes", client.queued_bytes);
    row.put("batches", client.batches);
    row.maybe("batch_bytes_mean", client.batch_bytes_mean);
    row.maybe("batch_messages_mean", client.batch_messages_mean);
    row
}

fn with_broker<'a>(mut row: Row<'a>, broker: &BrokerFigures) -> Row<'a> {
    row.put("up", broker.up);
    row.put("requests", broker.requests);
    row.put("bytes_sent", broker.bytes_sent);
    row.put("retries", broker.retries);
    row.put("errors", broker.errors);
    row.put("timeouts", broker.timeouts);
    row.put("in_flight", broker.in_flight);
    row.maybe("rtt_mean_us", broker.rtt_mean_us);
    row.maybe("rtt_p99_max_us", broker.rtt_p99_max_us);
    row.put("throttle_max_us", broker.throttle_max_us);
    row
}

fn with_generator<'a>(mut row: Row<'a>, generator: &GeneratorSecond) -> Row<'a> {
    row.put("cpu_cores", generator.cpu_cores);
    row.put("busiest_core", generator.busiest_core);
    row.put("run_queue_delay", generator.run_queue_delay);
    row.put("steal", generator.steal);
    row.put("rss_bytes", generator.rss_bytes);
    row
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use std::collections::BTreeMap;

    type Record = BTreeMap<String, String>;

    fn written(run: &str, windows: &[WindowLine]) -> Vec<Record> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out).expect("memory takes it");
        writer
            .run(run, windows.iter().cloned().map(Ok))
            .expect("memory takes it");
        writer.finish().expect("memory takes it");
        let mut reader = csv::Reader::from_reader(out.as_slice());
        let head = reader.headers().expect("a line of headings").clone();
        reader
            .records()
            .map(|record| {
                let record = record.expect("as many fields as headings");
                let cells = head.iter().zip(record.iter());
                cells
                    .map(|(h, cell)| (h.to_owned(), cell.to_owned()))
                    .collect()
            })
            .collect()
    }

    fn number(record: &Record, column: &str) -> u64 {
        record[column]
            .parse()
            .unwrap_or_else(|_| panic!("{column}: {:?}", record[column]))
    }

    #[test]
    fn every_kind_of_run_reads_back_with_its_numbers() {
        for (kind, data) in fixtures::kinds() {
            let records = written(kind, &data.windows);
            for part in ["flow", "event", "group", "watched", "generator"] {
                let rows = records.iter().filter(|r| r["part"] == part).count();
                let expected: usize = data
                    .windows
                    .iter()
                    .map(|w| match part {
                        "flow" => w.flows.len(),
                        "event" => w.events.len(),
                        "group" => w.consume.len(),
                        "watched" => w.watched.len(),
                        _ => usize::from(w.generator.is_some()),
                    })
                    .sum();
                assert_eq!(rows, expected, "{kind}: {part}");
            }
            let sum = |column: &str| -> u64 {
                let flows = records.iter().filter(|r| r["part"] == "flow");
                flows.map(|r| number(r, column)).sum()
            };
            let flows = || data.windows.iter().flat_map(|w| w.flows.values());
            assert_eq!(
                sum("planned"),
                flows().map(|f| f.planned).sum::<u64>(),
                "{kind}"
            );
            assert_eq!(
                sum("during_acknowledged"),
                flows().map(|f| f.during.acknowledged).sum::<u64>()
            );
        }
    }

    #[test]
    fn quantiles_are_those_of_the_histograms_and_nothing_among_the_unanswered() {
        let mut data = fixtures::of(fixtures::good());
        let window = &mut data.windows[3];
        let flow = window.flows.get_mut("shoppers").expect("it is there");
        let p99 = flow.response.as_ref().and_then(|h| h.quantile_us(0.99, 0));
        let records = written("r", &data.windows);
        let of = |records: &[Record]| {
            let mut rows = records
                .iter()
                .filter(|r| r["name"] == "shoppers" && r["part"] == "flow");
            rows.nth(3).cloned().expect("it is there")
        };
        assert_eq!(Some(number(&of(&records), "response_p99_us")), p99);
        // Two in a hundred were never answered: the p99 is among them, the median is not.
        let flow = data.windows[3]
            .flows
            .get_mut("shoppers")
            .expect("it is there");
        flow.planned += flow.acknowledged / 49 + 1;
        let records = written("r", &data.windows);
        assert_eq!(of(&records)["response_p99_us"], "");
        assert_ne!(of(&records)["response_p50_us"], "");
    }

    #[test]
    fn every_column_is_filled_by_some_part() {
        let mut records = written("r", &fixtures::of(fixtures::good()).windows);
        records.extend(written("r", &fixtures::of(fixtures::all_errors()).windows));
        for column in COLUMNS {
            let is_filled = records.iter().any(|r| !r[column].is_empty());
            assert!(is_filled, "{column} is never filled");
        }
    }

    #[test]
    fn failures_are_told_by_error_and_add_up() {
        let data = fixtures::of(fixtures::all_errors());
        let records = written("r", &data.windows);
        let sum = |part: &str, flow: &str| -> u64 {
            let rows = records.iter().filter(|r| r["part"] == part);
            rows.filter(|r| r["name"] == flow)
                .map(|r| number(r, "during_failed"))
                .sum()
        };
        for flow in ["shoppers", "robots"] {
            // Each kind's part of a sixtieth is rounded down, in sixty windows of five kinds.
            let (by_error, all) = (sum("error", flow), sum("flow", flow));
            assert!(by_error > 0 && all - by_error <= 300, "{by_error} of {all}");
            let mut rows = records.iter().filter(|r| r["name"] == flow);
            assert!(rows.any(|r| r["error"] == "NOT_ENOUGH_REPLICAS"));
        }
    }

    #[test]
    fn a_name_is_no_formula_and_breaks_no_row() {
        let mut line = WindowLine::default();
        let hostile = ["=1+1", "@SUM(A1)", "a\",\"b", "a\r\nb", "-2"];
        for name in hostile {
            line.flows.insert(name.to_owned(), FlowLine::default());
        }
        line.marks.push("=cmd".to_owned());
        let records = written("+r", &[line]);
        let names: Vec<&str> = records.iter().map(|r| r["name"].as_str()).collect();
        assert_eq!(names, ["'-2", "'=1+1", "'@SUM(A1)", "a  b", "a\",\"b"]);
        assert_eq!(
            (records[0]["run"].as_str(), records[0]["marks"].as_str()),
            ("'+r", "'=cmd")
        );
    }
}
