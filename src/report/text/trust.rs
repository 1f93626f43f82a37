//! How far the numbers of a run can be trusted: its account, the generator, the client; and where they all are. Pure.

use std::path::Path;

use crate::capacity::verdict::Weight;
use crate::measure::run::RunFile;

use super::super::term::Paint;
use super::super::words;
use super::{Context, Labelled};

/// How far the numbers can be trusted.
pub(super) fn trust(run: &RunFile, context: &Context<'_>, paint: Paint) -> Vec<String> {
    let mut lines = Labelled::new(paint);
    let account = words::account(run);
    let [planned, sent] = words::equations(&account);
    if account.check().is_ok() {
        lines.plain("account", &planned);
        lines.plain("", &sent);
    } else {
        lines.bad("account", &format!("{planned}  DOES NOT CLOSE"));
        lines.bad("", &format!("{sent}  DOES NOT CLOSE"));
    }
    if let Some(refused) = words::refused(run) {
        lines.plain("", &refused);
    }
    if let Some(errors) = words::errors(run) {
        lines.doubtful("errors", &errors);
    }
    if !context.is_unfinished {
        let generator = words::generator(run);
        match run.generator.healthy {
            true => lines.plain("generator", &generator),
            false => lines.doubtful("generator", &generator),
        }
    }
    if let Some(client) = context.over_time.and_then(|over_time| over_time.client) {
        lines.plain("client", &words::client(run, &client));
    }
    if let Some(caveat) = words::caveat(run) {
        lines.doubtful(&run.target.kind, caveat);
    }
    let notes = run
        .reasons
        .iter()
        .filter(|reason| words::weight(reason) == Weight::Note);
    for note in notes.take(3) {
        lines.doubtful("note", &note.text);
    }
    if let Some(note) = context.note {
        lines.doubtful("note", note);
    }
    let mut file = |label, path: Option<&Path>| {
        if let Some(path) = path {
            lines.plain(label, &path.display().to_string());
        }
    };
    file("files", context.folder);
    file("page", context.page);
    lines.done()
}
