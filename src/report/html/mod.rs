//! The page: one file that holds everything, for who decides and for who debugs.
//!
//! It asks nothing of any network and runs no script. The order: the verdict, the limits, what makes the numbers trustworthy; then how the
//! run went, from the load to the scenario.

mod account;
mod actions;
mod facts;
pub(in crate::report) mod figure;
mod head;
mod limits;
pub(in crate::report) mod number;
mod partitions;
mod scenario;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::measure::folder::write_by_rename;
use crate::measure::run::RunFile;
use crate::report::data::RunData;
use crate::report::over_time::ClientTotals;
use crate::report::plot::{self, Figure, Part, letter};
use crate::report::words::client as client_line;

use std::path::{Path, PathBuf};

/// The page's name in a run folder.
pub const PAGE_FILE: &str = "report.html";

/// A run as the page shows it.
#[derive(Clone, Copy)]
struct Shown<'a> {
    data: &'a RunData,
    index: usize,
    /// There are others on the page.
    beside: bool,
}

impl<'a> Shown<'a> {
    fn all(runs: &'a [RunData]) -> Vec<Shown<'a>> {
        let beside = runs.len() > 1;
        runs.iter()
            .enumerate()
            .map(|(index, data)| Shown {
                data,
                index,
                beside,
            })
            .collect()
    }

    fn run(&self) -> Option<&'a RunFile> {
        self.data.run.as_ref()
    }

    /// The run's letter in its colour; nothing where it is alone.
    fn chip(&self) -> Markup {
        html! {
            @if self.beside {
                span.chip.(format!("run-{}", self.index)) { (letter(self.index)) } " "
            }
        }
    }
}

/// One page of these runs: a report of one, a comparison of several.
pub fn page(runs: &[RunData]) -> String {
    let shown = Shown::all(runs);
    let figures = plot::figures(runs);
    let names: Vec<String> = runs.iter().map(|run| plot::shown(&run.name())).collect();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            (head_of(&names.join(" | "), &style(runs.len())))
            body {
                main {
                    (head::head(&shown))
                    (limits::limits(&shown))
                    (facts::facts(&shown))
                    (actions::actions(&shown))
                    (section("Load", &figures, &[Part::Rate]))
                    (section("Response time", &figures, &[Part::Response]))
                    (marks(&shown))
                    (section("Backlog and consumers", &figures, &[Part::Backlog]))
                    (tables::tables(&shown))
                    (section("The generator's health", &figures, &[Part::Generator]))
                    (client(&shown, &figures))
                    (tables::errors(&shown, &figures))
                    (account::account(&shown))
                    (scenario::scenario(&shown))
                    (footer(&shown))
                }
            }
        }
    };
    markup.into_string()
}

/// The head of any page: its title, and rules beside those that all pages have.
pub(in crate::report) fn head_of(title: &str, rules: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            // Whatever a scenario's author wrote into a name, nothing is loaded and nothing runs.
            meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
            title { (title) " · highwater" }
            style { (PreEscaped(include_str!("style.css"))) (PreEscaped(rules)) }
        }
    }
}

/// Writes the page of one run into its folder, by rename. Returns the file.
///
/// # Errors
/// When the file system refuses.
pub fn write(data: &RunData) -> std::io::Result<PathBuf> {
    let path: PathBuf = Path::new(&data.folder).join(PAGE_FILE);
    let page = page(std::slice::from_ref(data));
    write_by_rename(&path, page.as_bytes())?;
    Ok(path)
}

/// The rules of the page's plots in the dark, and of the runs' colours.
pub(in crate::report) fn style(runs: usize) -> String {
    let mut css = format!(
        "@media screen and (prefers-color-scheme: dark) {{\n{}}}\n",
        plot::css()
    );
    for index in 0..runs {
        let (light, dark) = plot::Ink::Data(index).values();
        css.push_str(&format!(
            ".run-{index}{{border-color:#{light:06x}}}\n@media screen and (prefers-color-scheme: dark){{.run-{index}{{border-color:#{dark:06x}}}}}\n"
        ));
    }
    css
}

/// The plots of these parts under a heading; nothing where there are none.
fn section(title: &str, figures: &[Figure], parts: &[Part]) -> Markup {
    let figures: Vec<&Figure> = figures
        .iter()
        .filter(|figure| parts.contains(&figure.part))
        .collect();
    html! {
        @if !figures.is_empty() {
            section {
                h2 { (title) }
                (figure::figures(&figures))
            }
        }
    }
}

/// librdkafka's own view: in words, then over time.
fn client(runs: &[Shown<'_>], figures: &[Figure]) -> Markup {
    let figures: Vec<&Figure> = figures
        .iter()
        .filter(|figure| figure.part == Part::Client)
        .collect();
    html! {
        @if !figures.is_empty() {
            section {
                h2 { "The client's own view" }
                @for run in runs { @if let Some(file) = run.run() {
                    p { (run.chip()) (client_line(file, &totals(run))) }
                } }
                (figure::figures(&figures))
            }
        }
    }
}

fn totals(run: &Shown<'_>) -> ClientTotals {
    let mut totals = ClientTotals::default();
    let windows = run.data.windows.iter();
    windows
        .filter_map(|window| window.client.as_ref())
        .for_each(|figures| totals.add(figures));
    totals
}

/// What happened to the runs, with its time.
fn marks(runs: &[Shown<'_>]) -> Markup {
    let all: Vec<(Shown<'_>, u64, &String)> = runs
        .iter()
        .flat_map(|run| {
            run.data.windows.iter().flat_map(move |window| {
                let at_s = window.at_us / 1_000_000;
                window.marks.iter().map(move |mark| (*run, at_s, mark))
            })
        })
        .collect();
    html! {
        @if !all.is_empty() {
            section {
                h3 { "What was marked" }
                ul.marks {
                    @for (run, at_s, mark) in all {
                        li { (run.chip()) (crate::measure::units::clock_s(at_s)) " " (number::name(mark)) }
                    }
                }
            }
        }
    }
}

fn footer(runs: &[Shown<'_>]) -> Markup {
    let longest_s = runs
        .iter()
        .map(|run| run.data.window_us / 1_000_000)
        .max()
        .unwrap_or(1);
    html! {
        footer {
            p {
                "Made by highwater " (env!("CARGO_PKG_VERSION")) " from run.json and windows.jsonl of the run folder. Response time is acknowledged − due; \
                 service time is acknowledged − sent; send delay is sent − due. Quantiles are of all events, never averages of quantiles; \
                 an event without an acknowledgement lies above every quantile."
            }
            @if longest_s > 1 {
                p {
                    "The run is longer than the page has room for: each point over time is " (longest_s)
                    " seconds, their counts and histograms added; of lags, waits and memory the largest is shown."
                }
            }
        }
    }
}
