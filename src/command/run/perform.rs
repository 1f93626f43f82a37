//! One run from beginning to end: prepared, driven, judged, written into its folder. What `run`, `gate` and `compare` share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Result;

use super::assemble;
use super::interrupts::Interrupts;
use super::order::Order;
use super::prepare::{Prepared, prepare};
use super::watch::LiveView;
use crate::capacity::gather::Gatherer;
use crate::clock::wall_now;
use crate::drive::control::Control;
use crate::drive::run::{Job, Ran, RunError, producer_thread, run as drive};
use crate::measure::collect::Watcher;
use crate::measure::folder;
use crate::measure::health::{Judge, send_delay_limit_ns};
use crate::measure::run::{RUN_FILE, RunFile, WINDOWS_FILE};
use crate::report::over_time::OverTime;
use crate::report::progress::{Progress, Stage};
use crate::report::{data, html};
use crate::scenario::{Arrivals, Limit, Metric, Scenario};

/// A run that took place.
pub(in crate::command) struct Performed {
    /// Its folder.
    pub(in crate::command) folder: PathBuf,
    /// Its file, judged. It is in the folder too, unless its reasons say that it could not be written.
    pub(in crate::command) file: RunFile,
    /// What its windows say.
    pub(in crate::command) over_time: OverTime,
    /// The exit code of its verdict.
    pub(in crate::command) exit: u8,
    /// The page that was written.
    pub(in crate::command) page: Option<PathBuf>,
}

/// Performs a run into the folder `out`, or into one that is named after the scenario. Blocks until it is over and everything is
/// written. Warnings of its preparation go above the progress.
///
/// # Errors
/// The run did not take place: nothing was sent.
pub(in crate::command) fn perform(
    order: &Order,
    out: Option<&Path>,
    mut progress: Progress,
    interrupts: &Interrupts,
) -> Result<Performed> {
    let control = interrupts.next_run();
    let prepared = prepare(order, &mut progress, interrupts)?;
    for warning in prepared.warnings.iter().filter(|_| order.tell) {
        progress.printer().line(&format!("warning: {warning}"));
    }
    interrupts.commit();
    let folder = match folder::create(out, &prepared.scenario.name, wall_now()) {
        Ok(folder) => folder,
        Err(error) => {
            prepared.leave(true);
            return Err(error.into());
        }
    };
    let outcome = take_place(&prepared, &control, &folder, progress);
    let result = outcome.map(|(file, over_time, exit)| Performed {
        page: order.page.then(|| write_page(&folder)).flatten(),
        folder: folder.clone(),
        file,
        over_time,
        exit,
    });
    clear(&folder);
    let nothing_sent = matches!(&result, Err(error) if error.is::<RunError>());
    prepared.leave(order.delete_topics || nothing_sent);
    result
}

/// Drives the load, judges it and writes `run.json`. Where that can't be written the run is incomplete, and the result is still
/// there to be shown.
fn take_place(
    prepared: &Prepared,
    control: &Control,
    folder: &Path,
    progress: Progress,
) -> Result<(RunFile, OverTime, u8)> {
    let scenario = &prepared.scenario;
    let gathered = Arc::new(Mutex::new((Gatherer::new(scenario), OverTime::default())));
    let job = Job {
        scenario: Arc::clone(scenario),
        traffic: Arc::clone(&prepared.traffic),
        schedules: prepared.schedules.clone(),
        run_tag: prepared.run_tag,
        target: Arc::clone(&prepared.target),
        readable: prepared.readable,
        control: control.clone(),
        folder: folder.to_owned(),
        environment: environment(prepared, folder),
        judge: judge_of(scenario),
        realtime: prepared.realtime,
        watcher: Some(gather(Arc::clone(&gathered))),
        ladder: None,
    };
    let mut view = LiveView::new(Arc::clone(scenario), progress);
    let mut ran: Ran = drive(job, &mut view)?;
    view.show(Stage::Writing);
    let (gatherer, over_time) = &*lock(&gathered);
    let (mut file, mut exit) = assemble::assemble(prepared, &ran, gatherer);
    view.finish();
    if let Err(error) = file.write(folder, Some(&ran.collected.sums)) {
        let remedy = "free some space, or choose another folder with --out";
        ran.incomplete.push(format!("{error}; {remedy}"));
        (file, exit) = assemble::assemble(prepared, &ran, gatherer);
    }
    Ok((file, over_time.clone(), exit))
}

/// What commands of the scenario find in their environment.
fn environment(prepared: &Prepared, folder: &Path) -> Vec<(String, String)> {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    [
        ("HIGHWATER_RUN_ID", prepared.run_id.clone()),
        ("HIGHWATER_BOOTSTRAP", prepared.info.bootstrap.join(",")),
        ("HIGHWATER_RUN_FOLDER", folder.display().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Writes `report.html`. The run is over and judged by now: a page that can't be written does not change its verdict.
fn write_page(folder: &Path) -> Option<PathBuf> {
    let written = data::load(folder)
        .map_err(anyhow::Error::from)
        .and_then(|data| Ok(html::write(&data)?));
    match written {
        Ok(page) => Some(page),
        Err(error) => {
            let file = folder.join(html::PAGE_FILE);
            eprintln!("warning: can't write {}: {error:#}", file.display());
            None
        }
    }
}

/// Feeds each second of the run to what judges it, as it completes.
fn gather(into: Arc<Mutex<(Gatherer, OverTime)>>) -> Watcher {
    Box::new(move |line| {
        let (gatherer, over_time) = &mut *lock(&into);
        gatherer.line(line);
        over_time.add(line);
    })
}

/// Nothing that holds this lock can leave half a value behind.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The judge of the generator: how late it may send, and which threads are busy by design.
pub(in crate::command) fn judge_of(scenario: &Scenario) -> Judge {
    let times = scenario
        .slos
        .iter()
        .filter_map(|slo| match (slo.metric, slo.limit) {
            (Metric::Response | Metric::EndToEnd, Limit::BelowTime(limit)) => {
                Some(limit.as_nanos() as u64)
            }
            _ => None,
        });
    let flows = scenario.flows.iter().enumerate();
    let exempt = flows
        .filter(|(_, flow)| flow.arrivals == Arrivals::Unthrottled)
        .flat_map(|(index, flow)| (0..flow.producers).map(move |i| producer_thread(index, i)));
    Judge::new(send_delay_limit_ns(times.min()), exempt.collect())
}

/// Takes away the folder of a run that left nothing in it: one that did not take place, or could not be written.
fn clear(folder: &Path) {
    if folder.join(RUN_FILE).exists() {
        return;
    }
    // Best effort: the error at hand is the one to tell.
    let windows: PathBuf = folder.join(WINDOWS_FILE);
    if std::fs::metadata(&windows).is_ok_and(|file| file.len() == 0) {
        let _ = std::fs::remove_file(windows);
        let _ = std::fs::remove_dir(folder);
    }
}
