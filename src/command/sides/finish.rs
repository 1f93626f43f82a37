//! The result of all runs: completed, written in every form, printed in the one asked for.

use anyhow::{Context, Result};

use super::Sides;
use crate::capacity::effect::Compared;
use crate::cli::PairedFormat;
use crate::command::{color, print};
use crate::measure::folder::write_by_rename;
use crate::measure::run::Verdict;
use crate::report::paired;
use crate::report::term::Paint;

impl Sides<'_> {
    /// Completes the file, writes it with its page and its other forms into the folder, and prints the one that was asked for.
    ///
    /// # Errors
    /// A file can't be written.
    pub(in crate::command) fn finish(&mut self) -> Result<()> {
        self.note_noise();
        let file = &self.file;
        let json = serde_json::to_string_pretty(file).context("writing the result as JSON")? + "\n";
        let markdown = paired::markdown(file);
        let junit = paired::junit(file).context("writing the result as JUnit XML")?;
        let page = paired::page(file);
        let base = match file.kind.as_str() {
            "compare" => "compare",
            _ => "gate",
        };
        for (name, text) in [
            (format!("{base}.json"), &json),
            (format!("{base}.md"), &markdown),
            ("junit.xml".to_owned(), &junit),
            ("report.html".to_owned(), &page),
        ] {
            let path = self.folder.join(name);
            write_by_rename(&path, text.as_bytes())
                .with_context(|| format!("writing {}", path.display()))?;
        }
        print(&match self.args.format() {
            PairedFormat::Text => {
                paired::text(file, &self.folder, Paint::stdout(color(self.output)))
            }
            PairedFormat::Json => json,
            PairedFormat::Md => markdown,
            PairedFormat::Junit => junit,
        })
    }

    fn note_noise(&mut self) {
        let (counted, disturbed) = self.file.sides.iter().fold((0, 0), |(c, d), side| {
            (c + side.counted, d + side.disturbed)
        });
        if disturbed > 0 {
            self.file.notes.push(format!(
                "in {disturbed} of {counted} runs something else on this machine held the generator up for a second or more. It met all \
                 sides in turn, and is in the width of the intervals"
            ));
        }
        if self.full_clients > 0 && self.questions.iter().any(|q| q.of == Compared::Throughput) {
            self.file.notes.push(format!(
                "in {} unthrottled runs a thread of the generator was full: throughput is that of client and cluster together, and a \
                 slower cluster may hide behind the client",
                self.full_clients
            ));
        }
        for side in &self.file.sides {
            let failed = self.file.runs.iter().filter(|run| {
                run.side == side.name
                    && run.verdict == Some(Verdict::Fail)
                    && run.unusable.is_none()
            });
            let failed = failed.count();
            if failed > 0 {
                self.file.notes.push(format!(
                    "{}: {failed} runs missed a limit of the scenario, which is not what sides are compared by",
                    side.name
                ));
            }
        }
    }
}
